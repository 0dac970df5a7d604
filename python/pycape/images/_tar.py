"""Tar archives of strangers, entry by entry, each of which was looked at.

`tarfile` reads the headers. What it takes from its input for one entry is limited, and where it
would pass over something in silence, the archive is refused.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from pycape.errors import ArchiveRefused

if TYPE_CHECKING:
    from pycape.images._budget import Budget
    from pycape.images._decompress import Source

_BLOCK = 512
# Long names, and whatever else is said of an entry before it comes.
_MOST_OF_HEADERS = 64 << 10
# A search of `tarfile`'s takes the square of it.
_TOO_MANY_DIGITS = re.compile(rb"[0-9]{256}")

Kind: TypeAlias = Literal["directory", "file", "symlink", "hardlink", "special"]

# Less than the 4,095 bytes of a ramdisk's entry, since a name of ours goes before it.
LONGEST_PATH = 4000
LONGEST_NAME = 255
_LONGEST_TARGET = 4095

_CAPABILITIES = "SCHILY.xattr.security.capability"


@dataclass(frozen=True)
class Member:
    """One entry: `parts` is its path from the root, empty for the root itself.

    `target` is of links. `permissions` have the set-user-id, set-group-id and sticky bits still.
    """

    parts: tuple[str, ...]
    kind: Kind
    permissions: int
    user: int
    group: int
    size: int
    target: str
    has_capabilities: bool

    @property
    def name(self) -> str:
        """The path as people write it."""
        return "/".join(self.parts) or "."


def read_tar(source: Source, where: str, budget: Budget) -> Iterator[tuple[Member, Source]]:
    """Yield each entry, and what its content is read from before the next is asked for.

    After the last entry, `source` is at its end.

    Raises ArchiveRefused for what breaks a rule of form, says something that cannot be, or is more
    than `budget` has left. `where` names the archive in errors.
    """
    forward = _Forward(source, where)
    try:
        archive = tarfile.TarFile(fileobj=forward, mode="r", encoding="utf-8")  # type: ignore[arg-type]
        while (found := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined] # which it would keep all
            budget.entry(where, found.name)
            member = _checked(found, where)
            if member.kind == "file":
                budget.content(where, member.name, member.size)
            forward.begin(found.offset_data, member.size)
            yield member, forward
            forward.end()
    except (tarfile.TarError, RecursionError, ValueError, OverflowError, IndexError) as error:
        raise refused(where, f"it is no tar archive: {error}") from error
    forward.check_end()


def refused(where: str, reason: str) -> ArchiveRefused:
    """Return the error for an archive that breaks a rule."""
    return ArchiveRefused(
        f"{where}: {reason}", hint="nothing of it was used: take it from whom you trust"
    )


def parts_of(name: str, where: str) -> tuple[str, ...]:
    """Return the path that a name is, from the root, which a slash in front may stand for.

    Raises ArchiveRefused for one that goes up, is too long, or is no text.
    """
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        raise refused(where, f"the name {name!a} is not UTF-8") from None
    parts = tuple(part for part in name.split("/") if part not in {"", "."})
    if ".." in parts:
        raise refused(where, f"the name {name!r} goes up")
    if (
        "\0" in name
        or length > LONGEST_PATH
        or any(len(each.encode()) > LONGEST_NAME for each in parts)
    ):
        raise refused(where, f"the name {name[:80]!r} is too long, or has a NUL")
    return parts


def _checked(found: tarfile.TarInfo, where: str) -> Member:
    kind = _kind(found)
    if kind is None or found.issparse():
        raise refused(where, f"{found.name!a} is of a kind that is not known: {found.type!r}")
    size = found.size if kind == "file" else 0
    if size < 0 or not 0 <= found.uid < 1 << 32 or not 0 <= found.gid < 1 << 32:
        raise refused(where, f"{found.name!a} has a number that cannot be")
    target = found.linkname if kind in {"symlink", "hardlink"} else ""
    if kind == "symlink" and not _is_target(target):
        raise refused(where, f"the symbolic link {found.name!a} points to no text")
    return Member(
        parts=parts_of(found.name, where),
        kind=kind,
        permissions=found.mode & 0o7777,
        user=found.uid,
        group=found.gid,
        size=size,
        target=target,
        has_capabilities=_CAPABILITIES in found.pax_headers,
    )


def _kind(found: tarfile.TarInfo) -> Kind | None:
    if found.isreg():
        return "file"
    kinds: dict[bytes, Kind] = {
        tarfile.DIRTYPE: "directory",
        tarfile.SYMTYPE: "symlink",
        tarfile.LNKTYPE: "hardlink",
        tarfile.CHRTYPE: "special",
        tarfile.BLKTYPE: "special",
        tarfile.FIFOTYPE: "special",
    }
    return kinds.get(found.type)


def _is_target(target: str) -> bool:
    try:
        return 1 <= len(target.encode()) <= _LONGEST_TARGET and "\0" not in target
    except UnicodeEncodeError:
        return False


class _Forward:
    """A stream as `tarfile` wants it, which goes one way, and gives it little for one entry."""

    def __init__(self, source: Source, where: str) -> None:
        self._source = source
        self._where = where
        self._position = 0
        self._of_headers = 0
        self._block = b""
        self._left = 0  # of the content of the entry that is lent

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        if position < self._position:
            raise tarfile.ReadError("it goes back")
        while self._position < position:
            if not self._take(min(position - self._position, 1 << 20)):
                raise tarfile.ReadError("it ends too early")

    def read(self, size: int, /) -> bytes:
        """Return what `tarfile` asks for, or the reader of a content."""
        if self._left:
            data = self._take(min(size, self._left))
            self._left -= len(data)
            if not data and size:
                raise refused(self._where, "it ends within a file")
            return data
        if self._is_lent:
            return b""
        self._of_headers += size
        if size < 0 or self._of_headers > _MOST_OF_HEADERS:
            raise refused(self._where, "an entry has more headers than any needs")
        data = self._take(size)
        if size > 1:  # after a content it reads one byte, to see that it is there
            self._block = data
        if _TOO_MANY_DIGITS.search(data):
            raise refused(self._where, "a header has a number that cannot be")
        return data

    _is_lent = False

    def begin(self, offset: int, size: int) -> None:
        """Lend the content of the entry that was just read."""
        if self._position != offset:
            raise refused(self._where, "a content is not behind its header")
        self._left, self._is_lent, self._of_headers = size, True, 0

    def end(self) -> None:
        """Take the content back; what was not read of it is passed over."""
        while self._left:
            self.read(1 << 20)
        self._is_lent = False

    def check_end(self) -> None:
        """See that the archive ends as archives do, and that nothing is behind it."""
        if len(self._block) != _BLOCK or any(self._block):
            raise refused(self._where, "it breaks off, or a header in it is malformed")
        while data := self._take(1 << 20):
            if data.strip(b"\0"):
                raise refused(self._where, "there is something behind its end")

    def _take(self, size: int) -> bytes:
        data = self._source.read(size)
        self._position += len(data)
        return data

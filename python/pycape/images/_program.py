"""What a container image runs: its configuration, as the first process of an enclave reads it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pycape.errors import ImageError
from pycape.images._contents import Part
from pycape.images._tar import refused
from pycape.images._tree import Directory, File, Tree

if TYPE_CHECKING:
    from pycape.images._container_json import Fields

# As Docker has it where an image says none.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MOST_OF_ACCOUNTS = 1 << 20
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Program:
    """A program, its environment, and who runs it where (docs/spec/image.md, layout)."""

    argv: list[str]
    env: dict[str, str]
    cwd: str
    uid: int
    gid: int

    def to_json(self) -> bytes:
        """Return the content of `program.json`."""
        return json.dumps(asdict(self), ensure_ascii=False).encode() + b"\n"


def program_of(configuration: Fields, tree: Tree, where: str) -> Program:
    """Return what a container's configuration says to run, looked for in the container's files.

    Raises ImageError where it names nothing that is there, and ArchiveRefused for what breaks a
    rule.
    """
    config = configuration.table("config")
    user = _user(config.text_or_none("User") or "0", tree, where)
    env = _environment(config.texts("Env"), where)
    env.setdefault("PATH", _PATH)
    env.setdefault("HOME", user.home)
    cwd = config.text_or_none("WorkingDir") or "/"
    if not cwd.startswith("/") or "\0" in cwd:
        raise refused(where, f"WorkingDir is {cwd[:80]!r}")
    argv = [*config.texts("Entrypoint"), *config.texts("Cmd")]
    if not argv:
        raise ImageError(
            f"{where} says no program to run: it has neither an entrypoint nor a command",
            hint="set ENTRYPOINT where the container is built",
        )
    if any("\0" in each for each in (*argv, *env.values())):
        raise refused(where, "a NUL is in its command or its environment")
    argv[0] = _found(argv[0], env["PATH"], cwd, tree, where)
    return Program(argv, dict(sorted(env.items())), cwd, user.uid, user.gid)


def _environment(entries: list[str], where: str) -> dict[str, str]:
    env = {}
    for entry in entries:
        name, equals, value = entry.partition("=")
        if not name or not equals or "\0" in name:
            raise refused(where, f"Env has {entry[:80]!r}")
        env[name] = value
    return env


def _found(program: str, path: str, cwd: str, tree: Tree, where: str) -> str:
    """Return where a program is: as it says itself, or the first on PATH that may be executed."""
    places = [f"{place}/{program}" for place in path.split(":") if place.startswith("/")]
    if "/" in program:
        places = [program if program.startswith("/") else f"{cwd.rstrip('/')}/{program}"]
    for place in places:
        found = tree.find([part for part in place.split("/") if part not in {"", "."}])
        if isinstance(found, File) and found.permissions & 0o111:
            return place
    raise ImageError(
        f"{where} runs {program}, which is no program in it",
        hint="its ENTRYPOINT or CMD has to name a file of the container that may be executed",
    )


@dataclass(frozen=True)
class _User:
    uid: int
    gid: int
    home: str


def _user(text: str, tree: Tree, where: str) -> _User:
    """Return who `name`, `uid`, `name:group` or `uid:gid` is, by the container's own files."""
    name, _, group = text.partition(":")
    accounts = [line for line in _lines(tree, "etc/passwd") if len(line) == 7]  # noqa: PLR2004
    account = next((line for line in accounts if name in {line[0], line[2]}), None)
    if account is None and not _NUMBER.fullmatch(name):
        raise _nobody(where, "user", name)
    uid = int(name) if _NUMBER.fullmatch(name) else _number(account, 2, where)
    gid = _number(account, 3, where) if account else 0
    if group:
        groups = [line for line in _lines(tree, "etc/group") if len(line) == 4]  # noqa: PLR2004
        named = next((line for line in groups if line[0] == group), None)
        if named is None and not _NUMBER.fullmatch(group):
            raise _nobody(where, "group", group)
        gid = _number(named, 2, where) if named else int(group)
    return _User(uid, gid, account[5] if account and account[5] else "/")


def _number(line: list[str] | None, field: int, where: str) -> int:
    if line is None or not _NUMBER.fullmatch(line[field]):
        raise refused(where, "an account in it has no number")
    return int(line[field])


def _nobody(where: str, what: str, name: str) -> ImageError:
    return ImageError(
        f"{where} runs as the {what} {name[:80]!r}, who is not in its /etc",
        hint="set USER to a number, or to somebody in /etc/passwd, where the container is built",
    )


def _lines(tree: Tree, name: str) -> list[list[str]]:
    found = tree.find(name.split("/"))
    if not isinstance(found, File) or not isinstance(found.content, Part):
        return []
    text = found.content.read(_MOST_OF_ACCOUNTS).decode(errors="replace")
    return [line.split(":") for line in text.splitlines()]


def prepare(tree: Tree, program: Program) -> None:
    """Make the folder that a program begins in, where the container has none."""
    parts = [part for part in program.cwd.split("/") if part not in {"", "."}]
    if not isinstance(tree.find(parts), Directory):
        if ".." in parts:
            raise ImageError(
                f"the program begins in {program.cwd}, which is not there",
                hint="set WORKDIR where the container is built",
            )
        made = tree.directory(parts)
        made.user, made.group = program.uid, program.gid

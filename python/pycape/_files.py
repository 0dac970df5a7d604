"""Files of this machine: read whole, and written whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ._byte_streams import write
from ._json import parse_object
from ._system_errors import lacks_room, reason, remedy
from ._whole_file import output_file
from .errors import ConfigError

# Settings, policies, keys and what is remembered are shorter: what is read as a whole here.
_MOST = 64 << 20

# What file systems say that have no hard links, as those of memory cards.
_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


def is_file(path: str | os.PathLike[str]) -> bool:
    """Tell whether there is a file, also for text that could never be a path."""
    return os.path.isfile(path)  # noqa: PTH113 - `Path.is_file` raises for a text that is too long


def read_bytes(path: Path) -> bytes | None:
    """Return a file's bytes, None when there is no file.

    Raises:
        ConfigError: it cannot be read, or is longer than any that is read so.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from error
    if len(data) > _MOST:
        raise ConfigError(
            f"{path} cannot be read: it has more than {_MOST} bytes", hint="is it the right file?"
        )
    return data


def read_text(path: Path) -> str | None:
    """Return a file's text, None when there is no file.

    Raises:
        ConfigError: it cannot be read, or is not UTF-8.
    """
    data = read_bytes(path)
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} cannot be read: it is not text in UTF-8", hint="is it the right file?"
        ) from error


def write_output(path: Path, content: bytes) -> None:
    """Write a file for the user, where and as their system has it; whole or not at all.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        with output_file(path, mode=0o666) as file:
            write(file, memoryview(content))
    except OSError as error:
        raise _unwritable(path, error, ours=False) from error


def write_atomically(path: Path, content: bytes, *, mode: int, ours: bool = True) -> None:
    """Replace the file at `path` by `content`, whole or not at all, with these permissions.

    `ours` says whether it belongs to Cape's own folder, and not where the user chose.

    Raises:
        ConfigError: it cannot be written.
    """
    with _written(path, content, mode, ours=ours) as temporary:
        temporary.replace(path)


def create_exclusively(path: Path, content: bytes, *, mode: int, ours: bool) -> bool:
    """Write a file where there is none; return False, and change nothing, where there is one.

    Raises:
        ConfigError: it cannot be written.
    """
    with _written(path, content, mode, ours=ours) as temporary:
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return _moved_exclusively(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    return True


def flush(path: Path) -> None:
    """Have what is in a file, or the names in a folder, reach the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def updating(
    path: Path, *, damaged_is_empty: bool = False, ours: bool = True
) -> Iterator[dict[str, Any]]:
    """Lend the JSON object in a file, and write it back when it changed and nothing was raised.

    Other processes and threads that update the same file wait meanwhile. A file that holds
    something else is refused, or with `damaged_is_empty` replaced. `ours` says whether it belongs
    to Cape's own folder, and not where the user chose.

    Raises:
        ConfigError: the file cannot be read or written, or holds something else.
    """
    with _locked(path, ours=ours):
        known = _read_or_empty(path) if damaged_is_empty else read_object(path)
        before = json.dumps(known, sort_keys=True)
        yield known
        if json.dumps(known, sort_keys=True) != before:
            text = json.dumps(known, sort_keys=True, indent=1)
            write_atomically(path, f"{text}\n".encode(), mode=0o600, ours=ours)


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; an empty one when there is no file.

    Raises:
        ConfigError: the file cannot be read, or holds something else.
    """
    text = read_text(path)
    if text is None:
        return {}
    try:
        return parse_object(text)
    except ValueError as error:
        raise damaged(path, str(error)) from error


def no_file(what: str, path: Path) -> ConfigError:
    """Return what to say where there is no file that somebody named."""
    return ConfigError(
        f"there is no {what} {path}", hint=f"it was looked for in {path.absolute().parent}"
    )


def unreadable(path: Path, error: OSError) -> ConfigError:
    """Return what to say of a file that cannot be read."""
    return ConfigError(f"{path} cannot be read: {reason(error)}", hint=remedy(path, error))


def damaged(path: Path, why: str) -> ConfigError:
    """Return what to say of a file of Cape's own that somebody else changed."""
    return ConfigError(
        f"{path} is damaged: {why}",
        hint="restore it from a backup; without it, Cape begins it anew",
    )


def _unwritable(path: Path, error: OSError, *, ours: bool) -> ConfigError:
    if ours and not lacks_room(error):
        hint = "CAPE_CONFIG_DIR names another folder for Cape's own files"
    else:
        hint = remedy(path, error)
    return ConfigError(f"{path} cannot be written: {reason(error)}", hint=hint)


def _read_or_empty(path: Path) -> dict[str, Any]:
    try:
        return read_object(path)
    except ConfigError:
        return {}


@contextmanager
def _written(path: Path, content: bytes, mode: int, *, ours: bool) -> Iterator[Path]:
    """Write a file beside `path`, and lend it; it is removed if something is raised."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:64]}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _unwritable(path, error, ours=ours) from error


def _moved_exclusively(temporary: Path, path: Path) -> bool:
    """Move a file to where there is none; for a moment an empty one is there."""
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        return False
    try:
        temporary.replace(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return True


@contextmanager
def _locked(path: Path, *, ours: bool) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = path.with_name(f".{path.name}.lock").open("w")
    except OSError as error:
        raise _unwritable(path, error, ours=ours) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

"""What the operating system says is wrong, in our voice, and what helps."""

from __future__ import annotations

import errno
import os
import shlex
from pathlib import Path

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def reason(error: OSError) -> str:
    """Return what the system says, without its number and the name of the file."""
    if error.errno == errno.EBADF:  # of a stream that the process was started without
        return "is closed"
    return (error.strerror or str(error)).lower()


def lacks_room(error: OSError) -> bool:
    """Tell whether a file could not be written because there is no room for it."""
    return error.errno in _NO_ROOM


def remedy(path: Path, error: OSError) -> str:
    """Return what to do about a file, of the user's choice, that cannot be read or written."""
    folder = path.absolute().parent
    if (file := file_above(folder)) is not None:
        return f"{file} is a file, and no folder"
    if lacks_room(error):
        return "make room there, or choose another place"
    place = path if os.path.exists(path) else folder  # noqa: PTH110 - `exists` may raise
    said = f"`ls -ld {shlex.quote(str(place))}` shows who may use it"
    match error.errno:
        case errno.EISDIR:
            said = "name a file in it"
        case errno.ENAMETOOLONG:
            said = "choose a shorter name"
        case errno.ENOENT if not folder.is_dir():
            said = f"there is no folder {folder}"
        case errno.EROFS | errno.ENOENT:
            said = f"choose another place: nothing can be made in {folder}"
    return said


def file_above(folder: Path) -> Path | None:
    """Return a file that is in the place of a folder, or of one above it."""
    try:
        return next((each for each in (folder, *folder.parents) if each.is_file()), None)
    except OSError:  # its name is too long
        return None

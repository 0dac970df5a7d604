"""Files that are read as often as it takes, and so have to be files."""

from __future__ import annotations

import stat
from pathlib import Path

from pycape.errors import ImageError

_KINDS = {
    stat.S_IFBLK: "a disk",
    stat.S_IFCHR: "a device",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def check_regular(path: Path) -> None:
    """Refuse what is no file. Opening a pipe may wait for ever, and reading it once empties it.

    Raises OSError where there is nothing, and ImageError for something else.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise ImageError(
            f"{path} is {kind}, and has to be a file",
            hint="images, and what they are made of, are read more than once: name a file of it",
        )

"""The store of a host's enclaves, where that is the agent itself: a folder, served on a socket."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pycape._system_errors import file_above, lacks_room, reason
from pycape.errors import CapeError, ConfigError, ServiceError
from pycape.local.serving import Server, listening_on_unix
from pycape.server import FolderBlobs, create_blob_service

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


@contextmanager
def store(folder: Path, socket: Path) -> Iterator[None]:
    """Serve the blobs of a folder, which is there already.

    Raises:
        ConfigError: there is no such folder, or it takes no files of this user.
        ServiceError: there is no room in it.
    """
    blobs = _opened(folder)
    with listening_on_unix(socket.parent, socket.name) as (listener, _):
        server = Server([(create_blob_service(blobs), listener)])
        server.start()
        try:
            yield
        finally:
            server.stop()


def _opened(folder: Path) -> FolderBlobs:
    # None is made: where a shared one is not mounted, blobs would go into what is hidden later.
    try:
        if not folder.is_dir():
            raise _missing(folder)
        blobs = FolderBlobs(folder)
        blobs.check()
    except OSError as error:
        raise _unusable(folder, error) from error
    return blobs


def _missing(folder: Path) -> ConfigError:
    file = file_above(folder)
    hint = f"mount it, or `install -d -m 0700 {folder}` makes one"
    if file is not None:
        hint = f"{file} is a file, and no folder"
    return ConfigError(f"there is no folder {folder}, which blob_folder names", hint=hint)


def _unusable(folder: Path, error: OSError) -> CapeError:
    says = f"nothing can be stored in {folder}: {reason(error)}"
    if lacks_room(error):
        return ServiceError(says, hint="make room there; functions that are stored are kept")
    if error.errno == errno.EROFS:
        hint = "mount it to be written; for a unit, ReadWritePaths= has to name it as well"
    elif error.errno in _NO_LOCKS:
        hint = "mount it with locks: without them stores remove what others are writing"
    else:
        hint = f"`ls -ld {folder}` shows who may use it; it has to be the agent's user"
    return ConfigError(says, hint=hint)

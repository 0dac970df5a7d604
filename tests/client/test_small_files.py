"""Small files that the library writes for its user: whole, or as they were before."""

import asyncio
import os

import pytest
from tests.room import room_for

from pycape import AsyncCape, Cape, FunctionRef, KeyRecord, _core, errors

from .windows import PUBLIC

REF = FunctionRef(_core.function_id("ab" * 32), checksum="ab" * 32)
RECORD = KeyRecord("cape1x", 0, PUBLIC, 0, "11" * 32, None)


PCRS = {"0": ["00" * 48]}


async def record(*_, **__):
    return RECORD


# With PCRs, a client writes its account's key whatever is in the file.
WRITERS = {
    "to_json": REF.to_json,
    "key": lambda path: Cape().key(key_path=path, pcrs=PCRS),
    "async key": lambda path: asyncio.run(AsyncCape().key(key_path=path, pcrs=PCRS)),
}


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture(params=WRITERS)
def write(request, monkeypatch):
    """Write what the platform, were there one, would say."""
    monkeypatch.setattr(Cape, "key_record", lambda *_, **__: RECORD)
    monkeypatch.setattr(AsyncCape, "key_record", record)
    return WRITERS[request.param]


def test_a_disk_that_is_full_leaves_what_was_there(write, folder):
    path = folder / "file"
    path.write_text("what was there")
    with room_for(20), pytest.raises(errors.ConfigError, match="file cannot be written"):
        write(path)
    assert path.read_text() == "what was there"
    assert names(folder) == {"file"}


def test_a_disk_that_is_full_leaves_no_half_file(write, folder):
    with room_for(20), pytest.raises(errors.ConfigError, match="file cannot be written"):
        write(folder / "file")
    assert names(folder) == set()


def test_a_file_that_is_replaced_keeps_its_permissions_and_links_to_it_stay(write, folder):
    (folder / "file").touch(mode=0o640)
    (folder / "link").symlink_to("file")
    write(folder / "link")
    assert (folder / "link").is_symlink()
    assert (folder / "file").stat().st_mode & 0o777 == 0o640
    assert (folder / "file").stat().st_size > 20


def test_a_pipe_is_written_to(write, folder):
    os.mkfifo(folder / "pipe")
    reader = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write(folder / "pipe")
    assert len(os.read(reader, 1 << 16)) > 20
    os.close(reader)


def test_a_folder_that_is_not_there_is_not_made(write, folder):
    with pytest.raises(errors.ConfigError, match="cannot be written"):
        write(folder / "folder" / "file")
    assert names(folder) == set()

"""What is there before is there after: threads, processes, descriptors, files."""

import os
import tempfile
import threading
import time
from pathlib import Path

import pytest

from pycape import Timeout, errors, testing


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    made = tmp_path / "temporary"
    made.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(made))
    return made


def children() -> set[str]:
    """Return the processes that this one started, in whatever thread."""
    parent = f"\nPPid:\t{os.getpid()}\n".encode()
    found = Path("/proc").glob("[0-9]*/status")
    return {each.parent.name for each in found if parent in _content(each)}


# Nobody else on the machine sleeps as long.
SECONDS = str(10_000_000 + os.getpid())


def sleepers() -> set[str]:
    """Return the processes that a function may have started."""
    return {
        each.parent.name
        for each in Path("/proc").glob("[0-9]*/cmdline")
        if _content(each) == f"/bin/sleep\0{SECONDS}\0".encode()
    }


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended
        return b""


def present() -> set[object]:
    """Threads, processes, descriptors and files. Those of an earlier test may yet end."""
    return {
        *threading.enumerate(),
        *children(),
        *sleepers(),
        *range(len(list(Path("/proc/self/fd").iterdir()))),
        *Path(tempfile.gettempdir()).iterdir(),
    }


SOURCES = {
    "an answer": "def cape_handler(data): return data",
    "an exception": "def cape_handler(data): raise ValueError",
    "an exit": "import os\ndef cape_handler(data): os._exit(1)",
    "a stream": "def cape_handler(data):\n    while True: yield b'x' * 100_000",
    "a process of its own": (
        "import subprocess\n"
        "def cape_handler(data):\n"
        f"    subprocess.Popen(['/bin/sleep', '{SECONDS}'])\n"
        "    return data"
    ),
    "no answer": "import time\ndef cape_handler(data): time.sleep(600)",
}


def eventually(holds) -> None:
    """Wait for what the kernel does in its own time: what was killed is gone a moment later."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def use(made: Path) -> None:
    with testing.Enclave() as enclave, enclave.client() as cape:
        function = cape.deploy(made)
        impatient = cape.with_options(timeout=Timeout(request=1.0))
        with impatient.function_context(function, None) as context:
            try:
                next(iter(context.stream(b"a")))
            except errors.CapeError:
                return


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_nothing_is_left(folder, source):
    made = folder(source)
    use(made)  # what Python itself keeps is there then
    before = present()
    use(made)
    eventually(lambda: present() <= before)


def test_what_the_user_has_not_closed_ends_with_the_enclave(folder):
    made = folder("def cape_handler(data): return data")
    before = children()
    with testing.Enclave() as enclave:
        cape = enclave.client()
        cape.connect(cape.deploy(made), None)
        assert cape.invoke(b"a") == b"a"
        assert children() - before
    eventually(lambda: children() <= before)
    assert list(Path(tempfile.gettempdir()).iterdir()) == []


def test_a_closed_enclave_makes_no_client(own_temporary_folder):
    with testing.Enclave() as enclave:
        pass
    for client in (enclave.client, enclave.async_client):
        with pytest.raises(errors.ConnectFailed, match="the enclave of this test is closed"):
            client("late")
    assert not list(own_temporary_folder.iterdir())

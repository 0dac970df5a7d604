"""encrypt and decrypt: a file of their own is written on another thread, all else is not."""

import errno
import os
import signal
import threading

import pytest

from pycape import _byte_streams, _write_behind, envelope, errors
from pycape._envelope_streams import SEALED_WINDOW, WINDOW
from pycape.keys import load_private_key

THREAD = "cape-write"
DATA = bytes(range(256)) * (4 * WINDOW // 256) + b"and a bit"
NO_OUTPUT, BAD_DATA, INTERRUPTED = 1, 65, 130


@pytest.fixture(autouse=True)
def processors(monkeypatch):
    """Whatever the machine has, the process may use two."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert THREAD not in {thread.name for thread in threading.enumerate()}


@pytest.fixture
def public(stranger, tmp_path) -> str:
    """The public key of me.key; beside it are a file, and what is sealed of the same."""
    public = stranger.ok("keys", "generate", "me.key", "--kind", "x25519").line
    (tmp_path / "plain").write_bytes(DATA)
    with (tmp_path / "plain").open("rb") as reader, (tmp_path / "sealed").open("wb") as writer:
        key = load_private_key(tmp_path / "me.key").public_key
        envelope.seal_stream(reader, writer, [key])
    return public


@pytest.fixture
def both(public) -> tuple[list[str], list[str]]:
    """What encrypts the file, and what decrypts the sealed one; where to is left to be said."""
    encrypting = ["encrypt", "-f", "plain", "-r", public, "--binary", "-o"]
    return encrypting, ["decrypt", "sealed", "-k", "me.key", "-o"]


@pytest.fixture
def before_writing(monkeypatch):
    """Have something called before each piece is written, with how many there were."""
    real = _byte_streams.write

    def have(before) -> None:
        count = iter(range(10**6))

        def write(writer, data):
            before(next(count))
            real(writer, data)

        for module in (_byte_streams, _write_behind):
            monkeypatch.setattr(module, "write", write)

    return have


@pytest.fixture
def writers(before_writing) -> list[str]:
    """The threads that wrote a piece each."""
    writers = []
    before_writing(lambda _: writers.append(threading.current_thread().name))
    return writers


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("replaced", [False, True], ids=["new", "replaced"])
def test_a_file_is_written_while_more_is_read(stranger, both, tmp_path, writers, replaced):
    for words, written in zip(both, (SEALED_WINDOW, WINDOW), strict=True):
        output = tmp_path / "out"
        output.unlink(missing_ok=True)
        if replaced:
            output.write_bytes(b"before")
        writers.clear()
        told = stranger.data(*words, "out", "--yes")
        assert told["size"] == output.stat().st_size > 4 * written
        assert writers.count(THREAD) >= 4
    assert output.read_bytes() == DATA


def test_what_a_file_gets_of_stdin_too(stranger, public, both, tmp_path, writers):
    stranger.ok("encrypt", "-", "-r", public, "--binary", "-o", "out", stdin=DATA)
    assert THREAD in writers
    writers.clear()
    sealed = (tmp_path / "out").read_bytes()
    stranger.ok("decrypt", "-", "-k", "me.key", "-o", "opened", stdin=sealed)
    assert THREAD in writers
    assert (tmp_path / "opened").read_bytes() == DATA


def test_stdout_and_devices_are_written_on_the_same_thread(stranger, both, writers):
    for words in both:
        for output in ("-", "/dev/null"):
            writers.clear()
            stranger.ok(*words, output)
            assert len(writers) > 4
            assert set(writers) == {"MainThread"}


def test_a_pipe_is_written_on_the_same_thread(stranger, both, tmp_path, writers):
    os.mkfifo(tmp_path / "pipe")
    received = []
    for words in both:
        reader = threading.Thread(
            target=lambda: received.append((tmp_path / "pipe").read_bytes()), daemon=True
        )
        reader.start()
        stranger.ok(*words, "pipe")
        reader.join(60)
        assert set(writers) == {"MainThread"}
    assert received[1] == DATA


def test_a_file_of_one_window_has_no_thread(stranger, public, tmp_path, writers):
    (tmp_path / "short").write_bytes(DATA[: WINDOW - 1])
    stranger.ok("encrypt", "short", "-r", public)
    stranger.ok("decrypt", "short.cape", "-k", "me.key", "-o", "opened")
    assert set(writers) == {"MainThread"}


@pytest.mark.parametrize("nth", [0, 1, 3, 4])
def test_what_cannot_be_written_leaves_what_was_there(
    stranger, both, tmp_path, before_writing, nth
):
    def fail(count):
        if count >= nth:
            raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "out").write_bytes(b"before")
    present = names(tmp_path)
    for words in both:
        before_writing(fail)
        outcome = stranger(*words, "out", "--yes")
        assert outcome.status == NO_OUTPUT
        assert outcome.stderr.startswith("cape: error: out: no space left on device\n\nhint: ")
        assert (tmp_path / "out").read_bytes() == b"before"
        assert names(tmp_path) == present


def test_an_altered_chunk_leaves_nothing(stranger, both, tmp_path):
    with (tmp_path / "sealed").open("r+b") as file:
        file.seek(2 * SEALED_WINDOW + SEALED_WINDOW // 2)
        file.write(b"altered" * 3000)
    present = names(tmp_path)
    error = stranger.error(*both[1], "out")
    assert (error["status"], error["code"]) == (BAD_DATA, errors.DecryptFailed.code)
    assert "the key is right" in error["hint"]
    assert names(tmp_path) == present


def test_an_interrupt_while_a_window_is_written_leaves_nothing(
    stranger, both, tmp_path, before_writing
):
    main = threading.main_thread()

    def interrupt(count):
        if count == 2:
            signal.pthread_kill(main.ident, signal.SIGINT)

    present = names(tmp_path)
    for words in both:
        before_writing(interrupt)
        outcome = stranger(*words, "out")
        assert (outcome.status, outcome.stderr) == (INTERRUPTED, "\ncape: error: interrupted\n")
        assert names(tmp_path) == present

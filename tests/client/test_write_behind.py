"""Files that are written on another thread: all bytes in their order, or nothing; and its end."""

import errno
import io
import os
import signal
import threading
import time

import pytest

from pycape import Cape, _write_behind, envelope, errors, keys
from pycape._write_behind import _WINDOWS, WriteBehind

from .windows import KEY, PUBLIC, SEALED_WINDOW, WINDOW, octets

pytestmark = pytest.mark.usefixtures("folder")

THREAD = "cape-write"
# The waits of these tests end in no time, unless what they test is broken.
LONG = 60


@pytest.fixture(autouse=True)
def processors(monkeypatch):
    """Whatever the machine has, the process may use two."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        # An interrupt while it was started may have kept it from being waited for.
        thread.join(LONG)
    assert set(threading.enumerate()) <= before


@pytest.fixture
def cape():
    return Cape()


@pytest.fixture
def plain(folder):
    """A file of eight windows and a bit."""
    path = folder / "plain"
    path.write_bytes(octets(8 * WINDOW + 5))
    return path


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"config"}


def thread_names() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def both(cape, **options):
    """Return what encrypts the plain file and what decrypts the sealed one, to be called."""
    return (
        lambda: cape.encrypt_file("plain", "b", key=PUBLIC, **options),
        lambda: cape.decrypt_file("sealed", "c", KEY, **options),
    )


def writing(monkeypatch, before):
    """Have `before` called before each piece that is written, with how many there were."""
    real, count = _write_behind.write, iter(range(10**6))

    def write(file, data):
        before(next(count))
        real(file, data)

    monkeypatch.setattr(_write_behind, "write", write)


# What is written


@pytest.mark.parametrize("windows", [0, 1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_files_hold_what_streams_hold(cape, folder, windows, more):
    data = octets(max(0, windows * WINDOW + more))
    (folder / "a").write_bytes(data)
    written = cape.encrypt_file("a", "b", key=PUBLIC)
    sealed, opened = io.BytesIO(), io.BytesIO()
    assert written == envelope.seal_stream(io.BytesIO(data), sealed, [PUBLIC])
    assert written == (folder / "b").stat().st_size
    envelope.open_stream(io.BytesIO((folder / "b").read_bytes()), opened, KEY)
    assert opened.getvalue() == data
    (folder / "b").write_bytes(sealed.getvalue())
    assert cape.decrypt_file("b", "c", KEY) == len(data)
    assert (folder / "c").read_bytes() == data


def test_pieces_of_any_length_keep_their_order(folder):
    lengths = [3, 8, 8, 2, 8, 8, 8, 8, 1, 5, 8, 0, 8, 8, 8, 7]
    expected = b""
    with (folder / "a").open("wb", buffering=0) as file, WriteBehind(file, 8) as output:
        for number, length in enumerate(lengths):
            place = output.place()
            place[:] = bytes([number]) * 8
            assert output.put(place[:length]) == length
            expected += bytes([number]) * length
        output.put(memoryview(b"what never changes"))
    assert (folder / "a").read_bytes() == expected + b"what never changes"


def test_at_most_four_windows_are_held(folder):
    with (folder / "a").open("wb", buffering=0) as file, WriteBehind(file, 8) as output:
        windows = set()
        for _ in range(9):
            place = output.place()
            windows.add(id(place.obj))
            output.put(place)
    assert len(windows) == _WINDOWS == 4


def test_the_next_is_read_while_one_is_written(cape, monkeypatch, plain, sealed):
    """The first window is not written before the second was read."""
    read_on = threading.Event()

    def before(_):
        if threading.current_thread() is not threading.main_thread():
            assert read_on.wait(LONG)

    writing(monkeypatch, before)
    for work in both(cape, progress=lambda done, _: done > 2 * WINDOW - 1 and read_on.set()):
        read_on.clear()
        work()


# On which thread


def test_what_is_shorter_than_a_window_has_no_thread(cape, folder):
    for size, expected in ((0, False), (5, False), (WINDOW - 1, False), (2 * WINDOW, True)):
        (folder / "a").write_bytes(octets(size))
        seen = []
        look = lambda *_, seen=seen: seen.append(THREAD in thread_names())
        cape.encrypt_file("a", "b", key=PUBLIC, progress=look)
        cape.decrypt_file("b", "c", KEY, progress=look)
        assert any(seen) == expected


def test_progress_and_the_callers_file_objects_stay_on_the_callers_thread(cape, plain, sealed):
    called = set()

    class Here(io.BytesIO):
        def readinto(self, buffer):
            called.add(threading.current_thread())
            return super().readinto(buffer)

        def write(self, data):
            called.add(threading.current_thread())
            return super().write(data)

    def tell(*_):
        called.add(threading.current_thread())
        assert THREAD not in thread_names()

    data, binary, more = plain.read_bytes(), sealed.read_bytes(), keys.PrivateKey.generate()
    envelope.seal_stream(Here(data), Here(), [PUBLIC], progress=tell)
    envelope.open_stream(Here(binary), Here(), KEY, progress=tell)
    envelope.change_recipients_stream(
        Here(binary), Here(), KEY, add=[more.public_key], progress=tell
    )
    cape.encrypt_stream(Here(data), Here(), key=PUBLIC, progress=tell)
    cape.decrypt_stream(Here(binary), Here(), KEY, progress=tell)
    for work in both(cape, progress=lambda *_: called.add(threading.current_thread())):
        work()
    assert called == {threading.current_thread()}


def test_without_a_thread_all_is_written_by_the_caller(cape, folder, monkeypatch, plain, sealed):
    """As in a process that may have no more threads."""

    def start(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    for work in both(cape):
        work()
    assert envelope.open((folder / "b").read_bytes(), KEY) == plain.read_bytes()
    assert (folder / "c").read_bytes() == plain.read_bytes()


@pytest.mark.parametrize(
    ("affinity", "count", "expected"),
    [({3}, 8, False), ({3, 5}, 8, True), (None, 1, False), (None, 2, True), (None, None, False)],
    ids=["one of eight", "two of eight", "one", "two", "not known"],
)
def test_there_is_a_thread_where_there_are_two_processors(
    cape, folder, monkeypatch, plain, sealed, affinity, count, expected
):
    """Where the system does not tell which a process may use, all of them count."""
    monkeypatch.setattr(os, "cpu_count", lambda: count)
    if affinity is None:
        monkeypatch.delattr(os, "sched_getaffinity")
    else:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: affinity)
    writers = set()
    writing(monkeypatch, lambda _: writers.add(threading.current_thread().name))
    for work in both(cape):
        writers.clear()
        work()
        assert (THREAD in writers) == expected
    assert envelope.open((folder / "b").read_bytes(), KEY) == plain.read_bytes()
    assert (folder / "c").read_bytes() == plain.read_bytes()


def test_without_a_thread_one_window_is_held(folder, monkeypatch):
    """What is in the processor's cache is used again."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    with (folder / "a").open("wb", buffering=0) as file, WriteBehind(file, 8) as output:
        windows = set()
        for _ in range(9):
            place = output.place()
            windows.add(id(place.obj))
            output.put(place)
    assert len(windows) == 1
    assert (folder / "a").stat().st_size == 72


# What fails


@pytest.mark.parametrize("nth", range(9))
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_what_cannot_be_written_leaves_nothing(
    cape, folder, monkeypatch, plain, sealed, nth, number
):
    present = names(folder)
    for what, work in zip(("plain into b", "sealed into c"), both(cape), strict=True):
        full = OSError(number, "The disk says no")

        def before(count, full=full):
            if count >= nth:
                raise full

        with monkeypatch.context() as patch:
            writing(patch, before)
            with pytest.raises(errors.ConfigError, match=f"{what}: the disk says no") as raised:
                work()
        assert raised.value.__cause__ is full
        assert names(folder) == present


def test_a_failure_ends_it_while_the_caller_waits_for_a_place(folder):
    """The thread fails only when all its places are taken, and the caller wants one more."""
    taken = threading.Event()

    class Full(io.RawIOBase):
        def write(self, data):
            assert taken.wait(LONG)
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"), WriteBehind(Full(), 8) as output:
        for _ in range(_WINDOWS):
            output.put(output.place())
        taken.set()
        output.place()


def test_the_last_window_fails_too(folder):
    class Full(io.RawIOBase):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"), WriteBehind(Full(), 8) as output:
        output.put(output.place())


@pytest.mark.parametrize("windows", [1, 2, 5])
def test_what_progress_or_the_reader_raises_leaves_nothing(
    cape, folder, monkeypatch, plain, sealed, windows
):
    class EnoughError(Exception):
        pass

    def stop(done, total):
        if done >= windows * WINDOW:
            raise EnoughError

    present = names(folder)
    for work in both(cape, progress=stop):
        with pytest.raises(EnoughError):
            work()
        assert names(folder) == present
    with sealed.open("r+b") as file:
        file.seek(windows * SEALED_WINDOW + SEALED_WINDOW // 2)
        file.write(b"altered" * 3000)
    with pytest.raises(errors.DecryptFailed, match="chunk"):
        cape.decrypt_file("sealed", "c", KEY)
    assert names(folder) == present


def test_nothing_is_written_after_an_error(folder):
    written, begun = [], threading.Event()

    class Slow(io.RawIOBase):
        def write(self, data):
            begun.set()
            end = time.monotonic() + LONG
            while not output._ended and time.monotonic() < end:
                time.sleep(0.001)
            written.append(len(data))
            return len(data)

    output = WriteBehind(Slow(), 8)

    def fill():
        with output:
            for _ in range(_WINDOWS):
                output.put(output.place())
            assert begun.wait(LONG)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fill()
    assert written == [8]


@pytest.mark.parametrize("nth", [1, 2, 4])
def test_an_interrupt_ends_the_thread_and_leaves_nothing(
    cape, folder, monkeypatch, plain, sealed, nth
):
    """It comes while a window is written, to a caller who reads, seals or waits."""
    main, present = threading.main_thread(), names(folder)

    def before(count):
        if count == nth:
            signal.pthread_kill(main.ident, signal.SIGINT)

    for work in both(cape):
        with monkeypatch.context() as patch:
            writing(patch, before)
            with pytest.raises(KeyboardInterrupt):
                work()
        assert names(folder) == present


def test_an_interrupt_of_a_caller_who_waits_for_a_place(folder):
    full, begun = threading.Event(), threading.Event()

    class Slow(io.RawIOBase):
        def write(self, data):
            assert begun.wait(LONG)
            # One that came just before the caller waits would be seen when that is over only.
            time.sleep(0.1)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            assert full.wait(LONG)
            return len(data)

    def fill():
        with WriteBehind(Slow(), 8) as output:
            for _ in range(_WINDOWS):
                output.put(output.place())
            try:
                begun.set()
                output.place()
            finally:
                full.set()

    with pytest.raises(KeyboardInterrupt):
        fill()

"""The worker's Python half alone, with a runtime that is this test."""

import socket
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SHIM = Path(__file__).parents[2] / "enclave-runtime" / "shim" / "shim.py"

LOAD, CALL, INPUT, INPUT_END = 1, 3, 4, 5
READY, DONE, RESULT, LOG = 17, 18, 20, 24


class Worker:
    """A function in the interpreter and the shim alone, without a jail."""

    def __init__(self, folder: Path, source: str) -> None:
        (folder / "app.py").write_text(textwrap.dedent(source))
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", SHIM.read_text(), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        ours.settimeout(60)
        self._frames = ours.makefile("rwb")
        self.receive(READY)
        self.send(LOAD, _fields("", str(folder), "app:cape_handler", ""))
        self.receive(DONE)

    def send(self, kind: int, payload: bytes) -> None:
        self._frames.write(struct.pack(">IB", len(payload), kind) + payload)
        self._frames.flush()

    def receive(self, *expected: int) -> tuple[int, bytes]:
        length, kind = struct.unpack(">IB", self._frames.read(5))
        payload = self._frames.read(length)
        assert kind in expected, (kind, payload)
        return kind, payload

    def call(self, data: bytes, *, log: str) -> str:
        """Call the function and return what it printed."""
        self.send(CALL, _fields("id", "checksum", "", "0", log))
        self.send(INPUT, data)
        printed = b""
        while True:
            kind, payload = self.receive(LOG, RESULT)
            if kind == RESULT:
                return printed.decode()
            printed += payload

    def close(self) -> None:
        self._frames.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def worker_of(tmp_path):
    workers = []

    def start(source: str) -> Worker:
        workers.append(Worker(tmp_path, source))
        return workers[-1]

    yield start
    for worker in workers:
        worker.close()


def _fields(*values: str) -> bytes:
    return b"".join(struct.pack(">I", len(value)) + value.encode() for value in values)


LEAVES_A_THREAD = """
    import os, threading, time

    begun = threading.Event()

    def late():
        while True:
            print("LATE by print")
            os.write(1, b"LATE by descriptor")
            begun.set()
            time.sleep(0.001)

    def cape_handler(data):
        if data == b"leave":
            threading.Thread(target=late, daemon=True).start()
            begun.wait()
        os.write(1, data)
        time.sleep(0.1)
        print(" printed")
        return b""
"""


@pytest.mark.parametrize("log", ["own", "shared"])
def test_a_thread_of_an_earlier_call_prints_to_nobody(worker_of, log):
    worker = worker_of(LEAVES_A_THREAD)
    assert worker.call(b"first", log=log) == "first printed\n"
    printed = worker.call(b"leave", log=log)
    assert "LATE by print" in printed
    assert "LATE by descriptor" in printed
    printed = worker.call(b"next", log=log)
    assert "LATE by print" not in printed
    if log == "shared":
        # Whose a descriptor's bytes are nobody can tell, so they are nobody's.
        assert printed == " printed\n"


def test_without_a_log_nothing_is_told(worker_of):
    worker = worker_of(LEAVES_A_THREAD)
    assert worker.call(b"leave", log="") == ""
    assert worker.call(b"next", log="") == ""


def test_a_process_that_can_start_no_thread_goes_without_its_log(worker_of):
    worker = worker_of("""
        import resource, threading

        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        held = []

        def cape_handler(data):
            print("printed")
            if data == b"fill":
                try:
                    while True:
                        held.append(bytearray(1 << 20))
                except MemoryError:
                    return b"full"
            held.clear()
            return b""
    """)
    assert worker.call(b"fill", log="own") == "printed\n"
    assert worker.call(b"next", log="own") in {"", "printed\n"}
    assert worker.call(b"next", log="own") == "printed\n"


def test_what_makes_a_handler_of_itself_is_asked_once(worker_of):
    worker = worker_of("""
        class Typed:
            asked = 0

            def __call__(self, values):
                raise AssertionError("values are no bytes")

            def as_cape_handler(self):
                self.asked += 1
                return lambda data: print(self.asked, data) or b""

        cape_handler = Typed()
    """)
    assert worker.call(b"first", log="own") == "1 b'first'\n"
    assert worker.call(b"next", log="own") == "1 b'next'\n"


def test_a_line_is_told_while_the_call_goes_on(worker_of):
    # Random bytes end what is printed: a line does not wait for what may be their beginning.
    worker = worker_of("""
        import os
        from typing import BinaryIO

        os.urandom = lambda size: b"\\n" * size

        def cape_handler(stream: BinaryIO):
            print("printed")
            return stream.read()
    """)
    worker.send(CALL, _fields("id", "checksum", "", "0", "own"))
    worker.send(INPUT, b"the beginning")
    printed = b""
    while printed != b"printed\n":
        printed += worker.receive(LOG)[1]
    worker.send(INPUT_END, b"")
    assert worker.receive(RESULT)[1].endswith(b"the beginning")

"""A stream of any size passes both ways in little memory: client's, enclave's, and function's."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import user

# CAPE_TEST_STREAM_MIB=1024 streams a GiB.
MIB = int(os.environ.get("CAPE_TEST_STREAM_MIB", "192"))

ECHO = """
    def cape_handler(context):
        while chunk := context.input.read(200_000):
            yield chunk
"""

# Nothing of the stream is ever there as a whole: it is made, and compared, by a counter.
CLIENT = """
import asyncio, json, sys
from pathlib import Path
from pycape import AsyncCape, Cape

config, function, mib, kind = sys.argv[1:]
mib = int(mib)
block = bytes(range(256)) * 1024  # 256 KiB


def peak():
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def pieces():
    for number in range(4 * mib):
        yield number.to_bytes(4) + block[4:]


class Expected:
    def __init__(self):
        self.size, self.held = 0, bytearray()

    def take(self, piece):
        self.held += piece
        while len(self.held) >= len(block):
            assert self.held[:4] == (self.size // len(block)).to_bytes(4)
            assert self.held[4 : len(block)] == block[4:]
            del self.held[: len(block)]
            self.size += len(block)


def run_sync():
    expected = Expected()
    with Cape(config_dir=config) as cape, cape.function_context(function, None) as context:
        context.invoke(b"warm")
        before = peak()
        with context.stream(pieces()) as stream:
            for piece in stream:
                expected.take(piece)
        return expected.size, peak() - before, stream.usage["peak_memory_bytes"]


async def run_async():
    expected = Expected()
    async with AsyncCape(config_dir=config) as cape:
        async with cape.function_context(function, None) as context:
            await context.invoke(b"warm")
            before = peak()
            async with context.stream(pieces()) as stream:
                async for piece in stream:
                    expected.take(piece)
            return expected.size, peak() - before, stream.usage["peak_memory_bytes"]


result = run_sync() if kind == "sync" else asyncio.run(run_async())
print(json.dumps(result))
"""


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_large_stream_passes_both_ways_in_little_memory(own_platform, tmp_path, folder_of, kind):
    config = tmp_path / "alice"
    with user(own_platform, config) as alice:
        function = alice.deploy(folder_of(ECHO, "timeout_s = 600")).id
        alice.run(function, None, b"warm")
    runtime = own_platform.enclave_pid
    before = _peak(runtime)
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, str(config), function, str(MIB), kind],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    size, growth_of_client, peak_of_worker = json.loads(done.stdout)
    assert size == MIB << 20
    assert growth_of_client < 24 << 10, "KiB"
    assert _peak(runtime) - before < 24 << 10, "KiB"
    assert peak_of_worker < 40 << 20, "bytes"


def _peak(pid: int) -> int:
    """Return the most memory that a process had in use, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))

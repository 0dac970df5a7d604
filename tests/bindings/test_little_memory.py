"""A system that refuses threads or memory: nothing ends the process."""

import subprocess
import sys
import textwrap

import pytest
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import rsa

pytest.importorskip("resource")

RSA = rsa.generate_private_key(65_537, 2048).private_bytes(
    s.Encoding.DER, s.PrivateFormat.PKCS8, s.NoEncryption()
)

#: Sizes are above what a thread's arena may keep, 64 MiB: there is memory in it still.
START = """
    import resource
    from pycape import _core, envelope, errors, keys

    def limit_memory(more):
        # What Python itself takes in small pieces is there: not too little for those is tried.
        small = [bytes(1000) for _ in range(64)]
        del small
        pages = int(open("/proc/self/statm").read().split()[0])
        limit = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))

    key = keys.PrivateKey.generate("x25519")
"""


def run(program: str) -> None:
    program = textwrap.dedent(START) + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells how much memory there is")
def test_without_another_thread_the_work_is_done():
    run("""
        CHUNK, TAG = 16_384, 16
        data = bytes(range(256)) * (1 << 17)
        head = _core.StreamSealer([key.public_key], {}, b"", False)
        chunks = bytearray(len(data) + (len(data) // CHUNK + 1) * TAG)
        opened = bytearray(len(data))
        limit_memory(512 << 10)  # a thread's stack takes more
        assert head.finish(data, chunks) == len(chunks)
        opener = _core.StreamOpener(head.head, key, b"")
        assert opener.finish(chunks, opened) == len(data)
        assert opened == data
    """)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells how much memory there is")
def test_a_text_that_there_is_no_memory_for_is_refused():
    run("""
        text = envelope.seal(bytes(80 << 20), [key.public_key])
        other = keys.PrivateKey.generate("x25519").public_key
        limit_memory(8 << 20)
        try:
            envelope.change_recipients(text, key, add=[other])
        except errors.CryptoError as error:
            assert "memory" in str(error)
        else:
            raise AssertionError("it was changed")
        try:
            envelope.open(text, key)
        except errors.CryptoError as error:
            assert "memory" in str(error)
            assert error.details == {"bytes": str(80 << 20)}
        else:
            raise AssertionError("it was opened")
    """)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells how much memory there is")
def test_recipients_that_there_is_no_memory_for_are_refused():
    run("""
        binary = bytearray(81 << 20)
        size = envelope.seal_into(bytes(80 << 20), [key.public_key], binary)
        binary = bytes(binary[:size])
        other = keys.PrivateKey.generate("x25519").public_key
        limit_memory(8 << 20)
        try:
            envelope.change_recipients(binary, key, add=[other])
        except errors.CryptoError as error:
            assert "memory" in str(error)
        else:
            raise AssertionError("it was changed")
    """)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells how much memory there is")
@pytest.mark.parametrize("more", [8 << 20, 88 << 20, 100 << 20])
def test_version_one_that_there_is_no_memory_for_is_refused(more):
    run(f"""
        rsa = keys.PrivateKey.from_raw("rsa", {RSA!r})
        data = bytes(80 << 20)
        text = envelope.seal(data, [rsa.public_key], format="v1")
        limit_memory({more})
        for work in (
            lambda: envelope.seal(data, [rsa.public_key], format="v1"),
            lambda: envelope.open(text, rsa),
        ):
            try:
                work()
            except errors.CryptoError as error:
                assert "memory" in str(error)
            else:
                raise AssertionError("there was memory for it")
    """)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells how much memory there is")
@pytest.mark.parametrize("more", range(0, 320 << 10, 32 << 10))
def test_a_text_that_there_is_memory_for_and_little_else(more):
    run(f"""
        data = bytes(80 << 20)
        text = envelope.seal(data, [key.public_key])
        for size, work in (
            (len(data), lambda: envelope.open(text, key)),
            (len(text), lambda: envelope.seal(data, [key.public_key])),
        ):
            limit_memory(size + {more})
            try:
                work()
            except errors.CryptoError as error:
                assert "memory" in str(error)
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
    """)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells how much memory there is")
@pytest.mark.parametrize(("more", "fits"), [(8 << 20, False), (100 << 20, True)])
def test_what_a_reader_returns_has_to_have_room_once(more, fits):
    run(f"""
        import io

        data = bytes(80 << 20)
        binary = bytearray(81 << 20)
        size = envelope.seal_into(data, [key.public_key], binary)
        reader = envelope.EnvelopeReader(io.BytesIO(binary[:size]), key)
        limit_memory({more})
        for read in (reader.readall, reader.read):
            try:
                fits = read() == data
            except errors.CryptoError as error:
                assert str(error) == f"there is no memory for {{len(data)}} bytes"
                fits = False
            assert fits is {fits}
            assert reader.tell() == (len(data) if fits else 0)
            reader.seek(0)
    """)

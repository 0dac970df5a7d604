"""What a function prints, and data that passes while it runs, through both clients."""

import asyncio
import io
import random
import traceback
from contextlib import aclosing

import pytest

from pycape import AsyncCape, envelope, errors, keys

from .conftest import exactly, user

UPPER = """
    from typing import BinaryIO

    def cape_handler(stream: BinaryIO, context):
        print("begun")
        while chunk := stream.read1(65536):
            yield chunk.upper()
        context.log("ended")
"""
FIRST_LINE = """
    def cape_handler(context):
        line = context.input.readline()
        if line == b"fail\\n":
            raise ValueError("after one line")
        return line
"""


@pytest.fixture
def upper(alice, folder_of):
    return alice.deploy(folder_of(UPPER), name="upper")


@pytest.fixture
def first_line(alice, folder_of):
    return alice.deploy(folder_of(FIRST_LINE), name="first-line")


def pieces(data: bytes, seed: int = 1):
    """Yield data in pieces of any length, none among them."""
    sizes = random.Random(seed)  # noqa: S311 - no secret
    while data:
        size = sizes.choice([0, 1, 4, 5, 70_000, 300_000])
        yield data[:size]
        data = data[size:]


class Told(list):
    """Takes text, as a function that is called with it."""

    def __call__(self, text: str) -> None:
        self.append(text)


def test_logs_go_to_a_function_or_a_file_of_the_call_that_asked(alice, upper):
    told, file = Told(), io.StringIO()
    assert alice.run(upper, None, b"a", logs=told) == b"A"
    assert "".join(told) == "begun\nended\n"
    with alice.function_context(upper, None) as function:
        assert function.invoke(b"b") == b"B"
        assert function.call(b"c", logs=file).output == b"C"
        with function.stream(b"d", logs=told) as stream:
            assert b"".join(stream) == b"D"
        assert alice.invoke(b"e", logs=file) == b"E"
    assert "".join(told) == "begun\nended\n" * 2
    assert file.getvalue() == "begun\nended\n" * 2


def test_a_log_of_pieces_that_are_cut_within_a_character(alice, folder_of):
    function = alice.deploy(
        folder_of("""
            import os

            def cape_handler(data):
                for octet in "grüße".encode() + b"\\xff\\xc3":
                    os.write(1, bytes([octet]))
                return b""
        """)
    )
    told = Told()
    alice.run(function, None, b"", logs=told)
    assert "".join(told) == "grüße\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"


def test_what_takes_a_log_may_fail_and_ends_the_call(alice, upper):
    def fail(text):
        raise LookupError(text)

    with alice.function_context(upper, None) as function:
        with pytest.raises(LookupError, match="begun"):
            function.call(b"a", logs=fail)
        with exactly(errors.ConnectFailed, match="nothing was sent"):
            function.call(b"a")


@pytest.mark.parametrize("logs", [1, b"", "stderr"])
def test_what_cannot_take_a_log_is_refused_before_anything_is_sent(alice, upper, logs):
    with pytest.raises(TypeError, match="logs is a function or a text file"):
        alice.run(upper, None, b"a", logs=logs)


@pytest.mark.parametrize(
    "source",
    [
        io.BytesIO,
        lambda data: io.BufferedReader(io.BytesIO(data), 1000),
        pieces,
        lambda data: [*pieces(data)],
        lambda data: (bytearray(each) for each in pieces(data)),
        lambda data: data,
    ],
    ids=["file", "buffered", "generator", "list", "bytearrays", "buffer"],
)
@pytest.mark.parametrize("size", [0, 1, 5, 3_000_000])
def test_an_input_comes_from_whatever_can_be_read(alice, upper, source, size):
    data = b"cape is text" * (size // 12 + 1)
    data = data[:size]
    result = alice.call(upper, None, source(data))
    assert result.output == data.upper()
    with alice.function_context(upper, None) as function, function.stream(source(data)) as stream:
        assert (stream.receipt, stream.usage) == (None, None)
        assert b"".join(stream) == data.upper()
        assert stream.receipt is not None
        assert stream.usage["duration_us"] >= 0


def test_a_buffer_that_is_used_again_between_pieces(alice, upper):
    buffer = bytearray(200_000)

    def fill():
        for octet in b"abc" * 20:
            buffer[:] = bytes([octet]) * len(buffer)
            yield buffer

    expected = b"".join(bytes([octet]) * len(buffer) for octet in b"ABC" * 20)
    assert alice.run(upper, None, fill()) == expected


def test_functions_that_take_bytes_have_streams_as_a_whole_and_the_limit_stays(alice, echo):
    data = random.Random(2).randbytes(3_000_000)  # noqa: S311 - no secret
    assert alice.run(echo, None, pieces(data)) == data
    with alice.function_context(echo, None) as function, function.stream(pieces(data)) as stream:
        assert b"".join(stream) == data


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize("size", [0, 1, 16_383, 16_384, 2_000_000])
def test_a_ciphertext_is_opened_as_it_comes(alice, upper, binary, size):
    data = b"secret" * (size // 6 + 1)
    data = data[:size]
    sealed = alice.encrypt(data)
    if binary:
        sealed = envelope_in_binary(sealed)
    for source in (pieces(sealed), sealed):
        result = alice.call(upper, None, source)
        assert result.output == data.upper()
        assert result.receipt is not None


def envelope_in_binary(text: bytes) -> bytes:
    import base64

    encoded = text.removeprefix(b"cape:2:")
    return base64.urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4))


def test_nothing_that_is_not_authentic_reaches_the_handler(alice, upper):
    sealed = bytearray(alice.encrypt(b"x" * 1_000_000))
    sealed[-500_000] = ord("B" if sealed[-500_000] == ord("A") else "A")
    told, out = Told(), []
    with alice.function_context(upper, None) as function:
        with (
            function.stream(pieces(bytes(sealed)), logs=told) as stream,
            exactly(errors.DecryptFailed) as failed,
        ):
            out.extend(stream)
        assert failed.value.receipt is not None, "the handler had begun"
        assert set(b"".join(out)) == {ord("X")}
        assert len(b"".join(out)) < 700_000
        assert "ended" not in "".join(told), "it never saw an end"
        for cut in (1, 30_000, 1_300_000):
            # Where it ends decides whether that is seen, or a chunk that does not open.
            with pytest.raises((errors.Truncated, errors.DecryptFailed)):
                list(function.stream(pieces(alice.encrypt(b"y" * 1_000_000)[:-cut])))
        assert function.invoke(b"next") == b"NEXT"


def test_a_ciphertext_of_others_is_refused_before_the_handler_begins(alice, bob, upper):
    keys_of_nobody = keys.PrivateKey.generate("x25519").public_key
    for sealed in (bob.encrypt(b"x" * 100_000), envelope.seal(b"x" * 100_000, [keys_of_nobody])):
        with exactly(errors.DecryptFailed) as failed:
            alice.run(upper, None, pieces(sealed))
        assert failed.value.receipt is None


def test_a_function_may_end_before_its_input(alice, first_line):
    def endless():
        yield b"one\n"
        while True:
            yield bytes(100_000)

    with alice.function_context(first_line, None) as function:
        for _ in range(2):
            result = function.call(endless())
            assert result.output == b"one\n"
        sealed = alice.encrypt(b"two\n" + bytes(5_000_000))
        assert function.invoke(pieces(sealed)) == b"two\n"
        with exactly(errors.FunctionError, match="after one line") as failed:
            function.call(each for each in (b"fail\n", *[bytes(100_000)] * 50))
        assert failed.value.receipt is not None
        assert function.invoke(b"three\n") == b"three\n"


def test_a_stream_that_is_closed_cancels_its_call_only(alice, upper):
    def endless():
        while True:
            yield bytes(100_000)

    with alice.function_context(upper, None) as function:
        with function.stream(endless()) as stream:
            next(stream)
            with pytest.raises(ValueError, match="a stream of this connection is open"):
                function.invoke(b"x")
        assert (stream.receipt, list(stream)) == (None, [])
        for piece in function.stream(endless()):
            assert not piece.strip(b"\0")
            break
        assert function.invoke(b"next") == b"NEXT"
        with function.stream(b"never begun") as stream:
            pass
        assert list(stream) == []


def test_an_input_that_cannot_be_read_costs_nothing_before_it_began(alice, upper):
    def failing(count):
        yield from [b"x"] * count
        raise LookupError("no more")

    with alice.function_context(upper, None) as function:
        for source, kind, words in (
            (failing(0), LookupError, "no more"),
            (["text"], TypeError, "a piece of the input is bytes, not str"),
            ([1], TypeError, "contiguous buffer"),
            (io.StringIO("text"), TypeError, "a piece of the input is bytes, not str"),
            (1, TypeError, "contiguous buffer"),
            (numbers(), TypeError, "AsyncCape"),
        ):
            with pytest.raises(kind, match=words):
                function.invoke(source)
        assert function.invoke(b"next") == b"NEXT"
        with pytest.raises(LookupError, match="no more"):
            function.invoke(failing(1))
        with exactly(errors.ConnectFailed):
            function.invoke(b"next")


async def numbers():
    for number in range(3):
        yield b"%d" % number


def test_the_async_client_does_the_same(platform, alice, upper, first_line, tmp_path):
    async def endless():
        yield b"one\n"
        while True:
            yield bytes(100_000)

    async def awaited(text):
        await asyncio.sleep(0)
        told.append(text)

    told = Told()

    async def check():
        async with AsyncCape(config_dir=tmp_path / "alice") as cape:
            assert await cape.run(upper, None, numbers(), logs=awaited) == b"012"
            assert await cape.run(upper, None, io.BytesIO(b"file"), logs=told) == b"FILE"
            assert await cape.run(first_line, None, endless()) == b"one\n"
            sealed = await cape.encrypt(b"s" * 100_000)
            assert await cape.run(upper, None, pieces(sealed)) == b"S" * 100_000
            async with cape.function_context(upper, None) as function:
                async with function.stream(numbers()) as stream:
                    assert b"".join([piece async for piece in stream]) == b"012"
                assert stream.receipt is not None
                async with function.stream(endless()) as stream:
                    await anext(stream)
                    with pytest.raises(ValueError, match="a stream of this connection is open"):
                        await function.invoke(b"x")
                async with aclosing(numbers()) as source:
                    assert await function.invoke(source) == b"012"

    asyncio.run(check())
    assert "".join(told) == "begun\nended\n" * 2


def test_an_input_may_wait_for_what_comes_of_it(alice, upper, first_line, tmp_path):
    """The async client listens while it waits for a piece: the two sides may converse."""
    closed = []

    async def words(heard):
        try:
            for word in (b"one", b"two", b"three"):
                yield word
                assert await heard.get() == word.upper()
        finally:
            closed.append(asyncio.current_task())

    async def silent():
        yield b"one\n"
        try:
            await asyncio.Event().wait()
        finally:
            closed.append(asyncio.current_task())

    async def refused():
        yield b"one"
        raise LookupError("no more words")

    async def check():
        heard = asyncio.Queue()
        async with (
            asyncio.timeout(60),
            AsyncCape(config_dir=tmp_path / "alice") as cape,
            cape.function_context(upper, None) as function,
        ):
            async with function.stream(words(heard)) as stream:
                async for piece in stream:
                    heard.put_nowait(piece)
            assert stream.receipt is not None
            async with function.stream(silent()) as stream:
                assert await anext(stream) == b"ONE\n"
            # What ends before its input does not wait for that.
            assert await cape.run(first_line, None, silent()) == b"one\n"
            with pytest.raises(LookupError, match="no more words"):
                await cape.run(upper, None, refused())
        await asyncio.sleep(0)
        assert len(closed) == 3
        assert all(task.done() for task in closed)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(check())


def test_a_connection_that_ends_within_a_stream_truncates_it(platform, alice, folder_of, tmp_path):
    slow = alice.deploy(
        folder_of("""
            import threading

            def cape_handler(data):
                yield b"some"
                threading.Event().wait()
        """)
    )
    with user(platform, tmp_path / "alice") as cape, cape.function_context(slow, None) as function:
        stream = function.stream(b"")
        assert next(stream) == b"some"
        function._connection._websocket._socket.shutdown(2)
        with exactly(errors.StreamTruncated):
            next(stream)
        with exactly(errors.ConnectFailed):
            function.invoke(b"")


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_an_exception_is_shown_with_the_functions_own_lines(alice, folder_of, kind):
    function = alice.deploy(
        folder_of(f"""
            def inner():
                raise ValueError("wrong \\x1b[2J")

            {kind} cape_handler(data):
                print("before")
                inner()
        """)
    )
    told = Told()
    with pytest.raises(errors.FunctionError) as raised:
        alice.run(function, None, b"", logs=told)
    assert "".join(told) == "before\n"
    assert (raised.value.type, raised.value.message) == ("ValueError", "wrong \x1b[2J")
    shown = "".join(traceback.format_exception(raised.value))
    assert 'File "app.py", line 7, in cape_handler\n    inner()\n' in shown
    assert "ValueError: wrong \N{REPLACEMENT CHARACTER}[2J" in shown.splitlines()[-1]
    assert "shim" not in shown
    assert "asyncio" not in raised.value.traceback

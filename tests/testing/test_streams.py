"""Inputs and outputs that come piece by piece."""

import pytest

from pycape import errors

pytestmark = pytest.mark.usefixtures("no_socket")

COUNT = """
    def cape_handler(data):
        for number in range(int(data)):
            yield f"{number};"
"""
LINES = """
    from typing import BinaryIO

    def cape_handler(lines: BinaryIO):
        for line in lines:
            yield line.upper()
"""


def test_an_output_comes_in_pieces(cape, folder):
    function = cape.deploy(folder(COUNT))
    with cape.function_context(function, None) as context:
        assert list(context.stream(b"3")) == [b"0;", b"1;", b"2;"]


def test_more_output_than_is_granted_at_once(cape, folder):
    function = cape.deploy(folder("def cape_handler(data): return b'x' * 20_000_000"))
    with cape.function_context(function, None) as context:
        assert sum(map(len, context.stream(b""))) == 20_000_000


def test_an_input_is_read_as_it_comes(cape, folder):
    function = cape.deploy(folder(LINES))
    with cape.function_context(function, None) as context:
        assert b"".join(context.stream(iter([b"a\nb", b"c\n"]))) == b"A\nBC\n"


def test_more_input_than_is_granted_at_once(cape, folder):
    function = cape.deploy(folder(LINES))
    assert cape.run(function, None, iter([b"x" * 1_000_000] * 20)) == b"X" * 20_000_000


def test_a_ciphertext_is_opened_for_a_stream(cape, folder):
    function = cape.deploy(folder(LINES))
    assert cape.run(function, None, cape.encrypt(b"a\nb\n")) == b"A\nB\n"


def test_a_stream_whose_handler_reads_little(cape, folder):
    function = cape.deploy(
        folder("from typing import BinaryIO\ndef cape_handler(data: BinaryIO): return data.read(1)")
    )
    with cape.function_context(function, None) as context:
        for _ in range(2):
            result = context.call(iter([b"ab" * 100_000] * 10))
            assert result.output == b"a"
            assert result.receipt.checksum == function.checksum


def test_a_handler_that_reads_nothing_is_stopped_in_time(cape, folder):
    made = folder(
        "from typing import BinaryIO\n"
        "import time\n"
        "def cape_handler(data: BinaryIO): time.sleep(60)",
        "timeout_s = 1\n",
    )
    with pytest.raises(errors.FunctionTimeout):
        cape.run(cape.deploy(made), None, iter([b"x" * 100_000] * 10))


def test_a_stream_that_raises_leaves_its_connection_in_use(cape, folder):
    made = folder(
        "from typing import BinaryIO\ndef cape_handler(data: BinaryIO): raise ValueError('no')"
    )
    with cape.function_context(cape.deploy(made), None) as context:
        for _ in range(2):
            with pytest.raises(errors.FunctionError, match="no"):
                context.invoke(iter([b"x" * 100_000] * 10))


@pytest.mark.parametrize("source", [LINES, COUNT])
def test_a_streams_receipt_was_checked(cape, folder, source):
    function = cape.deploy(folder(source))
    with cape.function_context(function, None) as context:
        assert context.call(b"2").receipt.checksum == function.checksum


def test_a_stream_that_is_left_is_cancelled(cape, folder):
    function = cape.deploy(folder("def cape_handler(data):\n    while True: yield b'x' * 1000"))
    with cape.function_context(function, None) as context:
        for _ in context.stream(b""):
            break
        assert next(iter(context.stream(b""))) == b"x" * 1000


def test_a_stream_that_fails_says_so(cape, folder):
    function = cape.deploy(
        folder("def cape_handler(data):\n    yield b'a'\n    raise KeyError('b')")
    )
    with cape.function_context(function, None) as context:
        output = iter(context.stream(b""))
        assert next(output) == b"a"
        with pytest.raises(errors.FunctionError, match="b"):
            next(output)

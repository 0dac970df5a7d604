"""What an enclave may not do to a call, which no genuine one does to us."""

import hashlib

import pytest

from . import cbor
from .calls import FIRST_CREDIT, LOG_LIMIT, PIECE, Call
from .errors import ProtocolError, Refused, TooLarge
from .frames import Type


def opened(**settings):
    return Call(1, b"", **{"input_open": False, "logs": False, **settings})


def receive(call, type_, content):
    return list(call.receive(type_, content))


def end(output, last=None):
    members = {1: hashlib.sha256(output).digest(), **({5: last} if last else {})}
    return cbor.encode(members)


def test_the_output_is_all_data_and_what_end_has():
    call = opened()
    receive(call, Type.DATA, b"abc")
    receive(call, Type.END, end(b"abcdef", last=b"def"))
    assert call.output == b"abcdef"
    assert call.is_over


def test_credit_is_granted_when_half_of_it_is_used_up():
    call = opened()
    assert receive(call, Type.DATA, bytes(FIRST_CREDIT // 2 - 1)) == []
    granted = [(Type.CREDIT, (FIRST_CREDIT // 2).to_bytes(4, "big"))]
    assert receive(call, Type.DATA, b"x") == granted


def test_no_more_is_sent_than_was_granted():
    call = opened(input_open=True)
    call.input = bytes(FIRST_CREDIT + 10)
    assert [len(content) for _, content in call.outgoing()] == [PIECE] * 4
    receive(call, Type.CREDIT, (4).to_bytes(4, "big"))
    assert list(call.outgoing()) == [(Type.DATA, bytes(4))]
    receive(call, Type.CREDIT, (100).to_bytes(4, "big"))
    assert list(call.outgoing()) == [(Type.DATA, bytes(6)), (Type.END, b"\xa0")]
    assert list(call.outgoing()) == []


def test_what_a_function_printed_comes_when_asked_for():
    call = opened(logs=True)
    receive(call, Type.LOG, b"hel")
    receive(call, Type.LOG, b"lo\n")
    assert call.log == b"hello\n"


def test_an_error_says_why():
    call = opened()
    receive(call, Type.ERROR, cbor.encode({1: "Overloaded", 2: "full", 3: {"after": "2"}, 99: 1}))
    assert isinstance(call.failure, Refused)
    assert (call.failure.name, call.failure.details) == ("Overloaded", {"after": "2"})


@pytest.mark.parametrize(
    ("type_", "content"),
    [
        (Type.DATA, b""),
        (Type.DATA, bytes(FIRST_CREDIT + 1)),
        (Type.END, end(b"another output")),
        (Type.END, cbor.encode({})),
        (Type.END, b"\xa1\x01"),
        (Type.END, b"\x80"),
        (Type.ERROR, cbor.encode({1: "Overloaded"})),
        (Type.LOG, b"not asked for"),
        (Type.CREDIT, b"\0\0\1"),
        (Type.OPEN, b""),
        (Type.CANCEL, b""),
    ],
)
def test_violations(type_, content):
    with pytest.raises(ProtocolError):
        receive(opened(), type_, content)


def test_a_log_has_a_limit():
    call = opened(logs=True)
    receive(call, Type.LOG, bytes(LOG_LIMIT))
    with pytest.raises(TooLarge):
        receive(call, Type.LOG, b"x")


def test_what_is_inside_end_has_a_limit():
    with pytest.raises(TooLarge):
        receive(opened(), Type.END, end(bytes(65_537), last=bytes(65_537)))

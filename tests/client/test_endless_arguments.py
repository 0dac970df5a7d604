"""Arguments that take several: of what has no end, no more is asked for than anything takes."""

import asyncio
import io
import itertools

import pytest

from pycape import AsyncCape, Cape, envelope
from pycape.policy import Policy, Release

from .doubles import URL
from .windows import KEY, PUBLIC

MOST = 65_536
CHECKSUM = "ab" * 32
SEALED = envelope.seal(b"x", [PUBLIC])
POLICY = Policy([Release({0: "11" * 48}, vault="22" * 32)])


def endless(item):
    """Yield an item for as long as anybody asks, within reason."""
    yield from itertools.repeat(item, 2 * MOST)
    raise AssertionError("more was asked for than anything takes")


def binary() -> io.BytesIO:
    writer = io.BytesIO()
    envelope.seal_stream(io.BytesIO(b"x"), writer, [PUBLIC])
    return io.BytesIO(writer.getvalue())


USES = {
    "seal": lambda: envelope.seal(b"x", endless(PUBLIC)),
    "seal in version 1": lambda: envelope.seal(b"x", endless(PUBLIC), format="v1"),
    "seal_into": lambda: envelope.seal_into(b"x", endless(PUBLIC), bytearray(1000)),
    "sealed_size": lambda: envelope.sealed_size(1, endless(PUBLIC)),
    "seal_stream": lambda: envelope.seal_stream(io.BytesIO(), io.BytesIO(), endless(PUBLIC)),
    "change_recipients, add": lambda: envelope.change_recipients(SEALED, KEY, add=endless(PUBLIC)),
    "change_recipients, remove": lambda: envelope.change_recipients(
        SEALED, KEY, remove=endless(PUBLIC)
    ),
    "change_recipients_stream, add": lambda: envelope.change_recipients_stream(
        binary(), io.BytesIO(), KEY, add=endless(PUBLIC)
    ),
    "change_recipients_stream, remove": lambda: envelope.change_recipients_stream(
        binary(), io.BytesIO(), KEY, remove=endless(PUBLIC.key_id)
    ),
    "use_rules": lambda: envelope.use_rules(functions=endless(CHECKSUM)),
    "encrypt, keys": lambda: Cape().encrypt(b"x", recipient=endless(PUBLIC)),
    "encrypt, names": lambda: Cape().encrypt(b"x", recipient=endless("alice")),
    "encrypt, functions": lambda: Cape().encrypt(
        b"x", recipient=PUBLIC, functions=endless(CHECKSUM)
    ),
    "encrypt, asynchronously": lambda: asyncio.run(
        AsyncCape().encrypt(b"x", recipient=endless(PUBLIC))
    ),
    "revoke, tokens": lambda: Cape(URL, policy=POLICY).revoke(tokens=endless("a.b.c")),
    "revoke, functions": lambda: Cape(URL, policy=POLICY).revoke(functions=endless("alice/f")),
    "key, PCRs": lambda: Cape(URL, policy=POLICY).key(pcrs={"0": endless("11" * 48)}),
    "Policy": lambda: Policy(endless(POLICY.releases[0])),
}


@pytest.mark.parametrize("use", USES)
def test_what_has_no_end_is_refused_as_too_many(use, folder):
    with pytest.raises(ValueError, match=r"at most 65536 items|one recipient"):
        USES[use]()


@pytest.mark.parametrize("functions", [[], iter([])], ids=["list", "iterator"])
def test_a_rule_for_no_function_is_refused_however_they_are_passed(functions):
    with pytest.raises(ValueError, match="names no function"):
        envelope.use_rules(functions=functions)


def test_what_is_passed_one_by_one_counts_as_in_a_list():
    writer = io.BytesIO()
    envelope.seal_stream(io.BytesIO(b"x"), writer, (each for each in [PUBLIC]))
    assert envelope.open(writer.getvalue(), KEY) == b"x"
    assert envelope.use_rules(functions=iter([CHECKSUM])) == {"cape.functions": CHECKSUM}

"""Arguments that take several: of what has no end, no more is asked for than anything takes."""

import asyncio
import io
import itertools
from collections.abc import Iterator, Mapping

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


class Endless(Mapping):
    """A mapping that says it has one entry, or none, and names ever more."""

    def __init__(self, item, size: int) -> None:
        self._item = item
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[str]:
        return (str(next(numbers)) for numbers in endless(itertools.count()))

    def __getitem__(self, name):
        return self._item


class EndlessDictionary(dict):
    """A dictionary whose entries are others than it has."""

    def __iter__(self) -> Iterator[str]:
        return iter(Endless("x", 1))

    keys = __iter__

    def __getitem__(self, name) -> str:
        return "x"


CONTEXTS = {
    "pairs": lambda: endless(("a", "b")),
    "mapping": lambda: Endless("x", 1),
    "mapping that seems empty": lambda: Endless("x", 0),
    "dictionary": lambda: EndlessDictionary(a="x"),
}


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
    "encrypt, functions": lambda: Cape().encrypt(
        b"x", recipient=PUBLIC, functions=endless(CHECKSUM)
    ),
    "encrypt, functions, asynchronously": lambda: asyncio.run(
        AsyncCape().encrypt(b"x", recipient=PUBLIC, functions=endless(CHECKSUM))
    ),
    "revoke, tokens": lambda: Cape(URL, policy=POLICY).revoke(tokens=endless("a.b.c")),
    "revoke, functions": lambda: Cape(URL, policy=POLICY).revoke(functions=endless("alice/f")),
    "key, PCRs": lambda: Cape(URL, policy=POLICY).key(pcrs={"0": endless("11" * 48)}),
    "key, more and more PCRs": lambda: Cape(URL, policy=POLICY).key(pcrs=Endless(["11" * 48], 1)),
    "Policy": lambda: Policy(endless(POLICY.releases[0])),
}


@pytest.mark.parametrize("use", USES)
def test_what_has_no_end_is_refused_as_too_many(use, folder):
    with pytest.raises(ValueError, match=r"at most 65536 items|one recipient"):
        USES[use]()


@pytest.mark.parametrize("recipients", [lambda: endless(PUBLIC), lambda: endless("alice")])
def test_a_client_asks_for_no_more_recipients_than_an_envelope_has(recipients, cape, script):
    words = "recipient: at most 32 items are allowed"
    for given in (recipients(), list(itertools.islice(recipients(), 33))):
        with pytest.raises(ValueError, match=words):
            cape.encrypt(b"x", recipient=given)
    with pytest.raises(ValueError, match=words):
        asyncio.run(AsyncCape(URL, policy=POLICY).encrypt(b"x", recipient=recipients()))
    assert script.requests == []


CONTEXT_USES = {
    "seal": lambda context: envelope.seal(b"x", [PUBLIC], context=context),
    "seal in version 1": lambda context: envelope.seal(
        b"x", [PUBLIC], context=context, format="v1"
    ),
    "seal_into": lambda context: envelope.seal_into(
        b"x", [PUBLIC], bytearray(1000), context=context
    ),
    "sealed_size": lambda context: envelope.sealed_size(1, [PUBLIC], context=context),
    "seal_stream": lambda context: envelope.seal_stream(
        io.BytesIO(), io.BytesIO(), [PUBLIC], context=context
    ),
    "encrypt": lambda context: Cape().encrypt(b"x", recipient=PUBLIC, context=context),
    "encrypt_stream": lambda context: Cape().encrypt_stream(
        io.BytesIO(), io.BytesIO(), recipient=PUBLIC, context=context
    ),
    "encrypt, asynchronously": lambda context: asyncio.run(
        AsyncCape().encrypt(b"x", recipient=PUBLIC, context=context)
    ),
}


@pytest.mark.parametrize("use", CONTEXT_USES)
@pytest.mark.parametrize("context", CONTEXTS)
def test_a_context_without_end_is_refused_as_too_many(use, context, folder):
    with pytest.raises(ValueError, match="context: at most 65536 items"):
        CONTEXT_USES[use](CONTEXTS[context]())


def test_a_pair_without_end_is_none():
    with pytest.raises(ValueError, match="too many values to unpack"):
        envelope.seal(b"x", [PUBLIC], context=[endless("a")])


@pytest.mark.parametrize("context", ["note", b"note"])
def test_a_text_is_no_context(context):
    with pytest.raises(TypeError, match="context is a mapping"):
        envelope.seal(b"x", [PUBLIC], context=context)


@pytest.mark.parametrize("functions", [[], iter([])], ids=["list", "iterator"])
def test_a_rule_for_no_function_is_refused_however_they_are_passed(functions):
    with pytest.raises(ValueError, match="names no function"):
        envelope.use_rules(functions=functions)


def test_what_is_passed_one_by_one_counts_as_in_a_list():
    writer = io.BytesIO()
    envelope.seal_stream(io.BytesIO(b"x"), writer, (each for each in [PUBLIC]))
    assert envelope.open(writer.getvalue(), KEY) == b"x"
    assert envelope.use_rules(functions=iter([CHECKSUM])) == {"cape.functions": CHECKSUM}

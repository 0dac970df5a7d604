"""What frames carry: each map with its keys. docs/spec/session.md, OPEN to CLOSE."""

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from . import cbor
from .errors import KeyInvalid, ProtocolError, Refused, TooLarge
from .kem import KEMS

INLINE_LIMIT = 64 * 1024
OPEN_LIMIT = 128 * 1024

Rule = Callable[[Any], bool]
Map = dict[int, tuple[Rule, bool]]


class Operation(IntEnum):
    """What OPEN asks for."""

    RUN = 1
    DEPLOY = 2
    KEY = 3
    DESCRIBE = 4


def uint(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def flag(value: Any) -> bool:
    return isinstance(value, bool)


def text(value: Any) -> bool:
    return isinstance(value, str)


def octets(value: Any) -> bool:
    return isinstance(value, bytes)


def exactly(size: int) -> Rule:
    return lambda value: octets(value) and len(value) == size


def below(limit: int) -> Rule:
    return lambda value: uint(value) and value < limit


def one_of(*values: int) -> Rule:
    return lambda value: uint(value) and value in values


def texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(text, value))


def facts(value: Any) -> bool:
    return isinstance(value, dict) and all(text(k) and text(v) for k, v in value.items())


def inside(members: Map, *, unknown: bool) -> Rule:
    """Return the rule of a map inside another; `unknown` says whether it may have more keys."""

    def keeps(value: Any) -> bool:
        if not isinstance(value, dict) or not all(map(uint, value)):
            return False
        demanded = {key for key, (_, needed) in members.items() if needed}
        return (
            demanded <= value.keys()
            and (unknown or value.keys() <= members.keys())
            and all(rule(value[key]) for key, (rule, _) in members.items() if key in value)
        )

    return keeps


KEM = one_of(*KEMS)
OPTIONS = inside(
    {1: (flag, False), 2: (flag, False), 3: (uint, False), 4: (flag, False)}, unknown=False
)
OPEN: Map = {
    1: (one_of(*Operation), True),
    2: (exactly(32), False),
    3: (text, False),
    4: (text, False),
    6: (exactly(32), False),
    7: (text, False),
    8: (OPTIONS, False),
    9: (octets, False),
    10: (texts, False),
    11: (inside({1: (exactly(32), True), 2: (KEM, True)}, unknown=False), False),
    12: (inside({1: (exactly(32), True), 2: (exactly(32), True)}, unknown=False), False),
}
# The key of OPEN that belongs to one operation alone.
BELONGS = {2: Operation.RUN, 7: Operation.DEPLOY, 11: Operation.KEY}

USAGE: Map = {1: (uint, False), 2: (uint, False), 3: (uint, False), 4: (flag, False)}
SALTS: Map = {1: (exactly(32), True), 2: (exactly(32), False)}
END: Map = {
    1: (exactly(32), True),
    2: (inside(USAGE, unknown=True), False),
    3: (octets, False),
    4: (inside(SALTS, unknown=True), False),
    5: (octets, False),
    7: (octets, False),
    8: (uint, False),
}
STATE: Map = dict.fromkeys((1, 2, 3, 4, 5), (uint, False))
ANSWERS: dict[Operation, Map] = {
    Operation.KEY: {
        1: (exactly(32), True),
        2: (KEM, True),
        3: (below(2**32), True),
        4: (octets, True),
    },
    Operation.DESCRIBE: {
        1: (octets, True),
        2: (octets, True),
        3: (inside(STATE, unknown=True), True),
    },
}
ERROR: Map = {
    1: (text, True),
    2: (text, True),
    3: (facts, False),
    4: (octets, False),
    5: (inside(SALTS, unknown=True), False),
    6: (octets, False),
    7: (uint, False),
}
CLOSE: Map = {1: (below(65_536), True)}


def read(content: bytes, members: Map, *, unknown: bool) -> dict[int, Any]:
    """Read a map.

    Raises:
        ProtocolError: it is none, or breaks a rule.
    """
    try:
        value = cbor.decode(content)
    except ValueError as error:
        raise ProtocolError(f"the content of a frame: {error}") from error
    if not inside(members, unknown=unknown)(value):
        raise ProtocolError("the content of a frame has another form")
    return value


def read_open(content: bytes) -> dict[int, Any]:
    """Read OPEN.

    Raises:
        ProtocolError: a rule of form.
        TooLarge: the content or the input in it.
    """
    if len(content) > OPEN_LIMIT:
        raise TooLarge("an OPEN of more than 128 KiB")
    members = read(content, OPEN, unknown=False)
    for key, operation in BELONGS.items():
        if (key in members) != (members[1] == operation):
            raise ProtocolError(f"key {key} does not belong to this operation, or is missing")
    if members.get(8, {}).get(4, False) and members[1] != Operation.DEPLOY:
        raise ProtocolError("zstd is for deploy alone")
    if 12 in members and members[1] != Operation.RUN:
        raise ProtocolError("salts are for run alone")
    if members[1] in {Operation.KEY, Operation.DESCRIBE} and members.get(9) != b"":
        raise ProtocolError("an operation without input has an empty one")
    if len(members.get(9, b"")) > INLINE_LIMIT:
        raise TooLarge("an input of more than 64 KiB in OPEN")
    return members


def read_end(content: bytes, operation: Operation) -> dict[int, Any]:
    """Read the enclave's END.

    Raises:
        ProtocolError: a rule of form.
        TooLarge: the output in it.
    """
    answer = ANSWERS.get(operation)
    form = END if answer is None else {**END, 6: (inside(answer, unknown=True), True)}
    members = read(content, form, unknown=True)
    if len(members.get(5, b"")) > INLINE_LIMIT:
        raise TooLarge("more than 64 KiB in END")
    if operation == Operation.KEY:
        check_key(members[6])
    return members


def check_key(answer: dict[int, Any]) -> None:
    kem = KEMS[answer[2]]
    try:
        if len(answer[4]) != kem.public_size:
            raise KeyInvalid("a key of another length")
        kem.check(answer[4])
    except KeyInvalid as error:
        raise ProtocolError(f"the key of an account: {error}") from error


def read_error(content: bytes) -> Refused:
    members = read(content, ERROR, unknown=True)
    return Refused(members[1], members[2], members.get(3), members)


def read_close(content: bytes) -> int:
    return read(content, CLOSE, unknown=False)[1]

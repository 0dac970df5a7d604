"""What names a function, a call or an account, and is wrong in any circumstances."""

import asyncio

import pytest

from pycape import AsyncCape, FunctionRef, envelope, receipts

from .doubles import URL, any_policy

TAKES_A_CHECKSUM = {
    "receipts.verify": lambda _, value: receipts.verify(b"", policy=any_policy(), checksum=value),
    "FunctionRef": lambda _, value: FunctionRef(name="alice/echo", checksum=value),
    "Cape.function": lambda cape, value: cape.function("alice/echo", checksum=value),
    "Cape.function, of one that has one": lambda cape, value: cape.function(
        FunctionRef(name="alice/echo", checksum="ab" * 32), checksum=value
    ),
    "envelope.use_rules": lambda _, value: envelope.use_rules(functions=[value]),
}

TAKES_A_NAME = {
    "functions": ("account", lambda cape, value: cape.functions(value)),
    "account_of": ("user", lambda cape, value: cape.account_of(value)),
    "trust_account": ("name", lambda cape, value: cape.trust_account(value)),
    "trust_account, account": ("account", lambda cape, value: cape.trust_account("alice", value)),
    "claim_name": ("name", lambda cape, value: cape.claim_name(value)),
}


@pytest.mark.parametrize("use", TAKES_A_CHECKSUM)
@pytest.mark.parametrize(
    "value",
    ["", "zz", "AB" * 32, "ab" * 31, "ab" * 32 + "\n", "\ud800" * 64],
    ids=["empty", "no digits", "upper case", "too short", "a line", "surrogates"],
)
def test_what_is_no_checksum(cape, use, value):
    with pytest.raises(ValueError, match="a checksum has 64 lower-case hexadecimal digits"):
        TAKES_A_CHECKSUM[use](cape, value)


@pytest.mark.parametrize("use", TAKES_A_CHECKSUM)
@pytest.mark.parametrize("value", [3, b"ab" * 32])
def test_a_checksum_that_is_no_text(cape, use, value):
    with pytest.raises(TypeError, match="a function's checksum is text, not "):
        TAKES_A_CHECKSUM[use](cape, value)


@pytest.mark.parametrize("use", TAKES_A_NAME)
@pytest.mark.parametrize("value", [3, b"alice"])
def test_a_name_that_is_no_text(cape, use, value):
    what, call = TAKES_A_NAME[use]
    words = f"{what} is text, not {type(value).__name__}"
    with pytest.raises(TypeError, match=words):
        call(cape, value)
    with pytest.raises(TypeError, match=words):
        asyncio.run(call(AsyncCape(URL, policy=any_policy()), value))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_what_names_no_call(size):
    with pytest.raises(ValueError, match=f"a call nonce has 32 bytes, not {size}"):
        receipts.verify(b"", policy=any_policy(), call_nonce=bytes(size))

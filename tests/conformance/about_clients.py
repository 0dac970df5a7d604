"""What an enclave may not send: a client closes the connection, and gives out no result."""

from typing import Any

from tests.independent import cbor
from tests.independent.frames import Type
from tests.independent.keys import XWING

from . import platform
from .about_conversations import (
    CLOSE,
    DESCRIPTION_ANSWER,
    EMPTY,
    GOING_AWAY,
    KEY_ANSWER,
    NOTHING,
    account_key,
    end,
    opening,
)
from .about_enclaves import DESCRIBE, KEY, KIB, MIB
from .about_handshakes import flip
from .case import Case
from .conversation import CLIENT, ENCLAVE, Conversation, Counted, pattern
from .fixed import ALICE, BOB, octets

ERROR = {1: "FunctionError", 2: "a message"}


def cases() -> list[Case]:
    return [*frames(), *calls(), *outputs(), *answers(), *ends(), *small_frames(), *logs()]


def opened(members: dict[int, Any] | None = None) -> Conversation:
    return Conversation().client(Type.OPEN, 1, opening(b"a") if members is None else members)


# A call that asks for a receipt. Sessions look at none, they only see that it is there.
ASKING = opening(b"a") | {6: octets("call nonce")}
RECEIPT = b"a receipt"


def refused(
    talk: Conversation, name: str, about: str, rule: str, error: str = "ProtocolError"
) -> Case:
    return talk.refused(f"client_{name}", about, rule, CLIENT, error)


def frames() -> list[Case]:
    def changed(name: str, about: str, place: int) -> Case:
        talk = opened()
        message = talk.seal(ENCLAVE, Type.END, 1, cbor.encode(end(b"a")))
        return refused(talk.raw(ENCLAVE, flip(message, place)), name, about, "frames")

    def sealed(name: str, about: str, type_: int, rest: int = 0) -> Case:
        talk = opened()
        message = talk.seal(ENCLAVE, type_, 1, b"x", rest=rest)
        return refused(talk.raw(ENCLAVE, message), name, about, "violations")

    replayed = opened().enclave(Type.DATA, 1, b"a")
    message = bytes.fromhex(replayed.steps[-1]["message"])
    reflected = bytes.fromhex(opened().steps[0]["message"])[32:]
    too_large = opened()
    too_large.steps.append({"from": ENCLAVE, "pattern": 0, "length": MIB + 25})
    return [
        changed("type_altered", "the type's lowest bit: END becomes ERROR", 0),
        changed("flags_altered", "a flag is set on the way", 1),
        changed("reserved_altered", "a reserved bit is set on the way", 2),
        changed("call_altered", "the call's lowest bit", 7),
        changed("content_altered", "one bit of the content", 9),
        changed("tag_altered", "one bit of the tag", -1 + len(message_of_end())),
        sealed("type_8", "a type that is not known", 8),
        sealed("flags", "a flag", Type.DATA, 0x010000),
        sealed("reserved", "a reserved bit", Type.DATA, 1),
        refused(
            opened().enclave(Type.OPEN, 2, opening(b"")),
            "open_of_the_enclave",
            "OPEN, which enclaves do not send",
            "violations",
        ),
        refused(
            opened().enclave(Type.CANCEL, 1),
            "cancel_of_the_enclave",
            "CANCEL, which enclaves do not send",
            "violations",
        ),
        refused(replayed.raw(ENCLAVE, message), "frame_replayed", "the same frame again", "frames"),
        refused(
            opened().raw(ENCLAVE, reflected),
            "frame_reflected",
            "a frame of the client comes back",
            "frames",
        ),
        refused(opened().raw(ENCLAVE, message[:23]), "frame_too_short", "23 bytes", "frames"),
        refused(
            too_large,
            "frame_too_large",
            "a byte more than 1 MiB and what a frame adds",
            "limits",
            "TooLarge",
        ),
    ]


def message_of_end() -> bytes:
    return Conversation().seal(ENCLAVE, Type.END, 1, cbor.encode(end(b"a")))


OF_A_CALL: dict[Type, Any] = {
    Type.DATA: b"x",
    Type.END: end(b""),
    Type.ERROR: ERROR,
    Type.LOG: b"x",
    Type.CREDIT: bytes(4),
}


def calls() -> list[Case]:
    found = []
    for type_, content in OF_A_CALL.items():
        name = type_.name.lower()
        found += [
            refused(
                opened().enclave(type_, 2, content),
                f"{name}_of_a_call_never_opened",
                f"{type_.name} of a call that was never opened",
                "violations",
            ),
            refused(
                opened().enclave(Type.END, 1, end(b"")).enclave(type_, 1, content),
                f"{name}_after_end",
                f"{type_.name} of a call that is over",
                "violations",
            ),
        ]
        if type_ != Type.ERROR:
            found.append(
                refused(
                    opened().enclave(type_, 0, content),
                    f"{name}_on_call_0",
                    f"{type_.name} on call 0",
                    "violations",
                )
            )
    return [
        *found,
        refused(
            opened().enclave(Type.ERROR, 1, ERROR).enclave(Type.END, 1, end(b"")),
            "end_after_error",
            "END after ERROR",
            "violations",
        ),
    ]


def outputs() -> list[Case]:
    full = opened()
    for place in range(4):
        full.enclave(Type.DATA, 1, Counted(place, 256 * KIB))
    granted = (
        opened()
        .client(Type.CREDIT, 1, (3).to_bytes(4, "big"))
        .enclave(Type.DATA, 1, Counted(0, MIB))
    )
    partly = opened().enclave(Type.DATA, 1, b"hell")
    swapped = opened().enclave(Type.DATA, 1, b"lo").enclave(Type.DATA, 1, b"hel")
    return [
        refused(
            opened().enclave(Type.DATA, 1, b""), "data_empty", "DATA without bytes", "violations"
        ),
        refused(
            full.enclave(Type.DATA, 1, b"x"),
            "data_beyond_credit",
            "one byte more than 1 MiB",
            "credit",
        ),
        refused(
            granted.enclave(Type.DATA, 1, b"four"),
            "data_beyond_grant",
            "four bytes where three were granted",
            "credit",
        ),
        refused(
            partly.enclave(Type.END, 1, end(b"hello", last=b"")),
            "output_cut",
            "the digest is of one byte more",
            "end",
        ),
        refused(
            swapped.enclave(Type.END, 1, end(b"hello", last=b"")),
            "output_reordered",
            "the digest is of another order",
            "end",
        ),
        refused(
            opened().enclave(Type.END, 1, end(b"b") | {5: b"c"}),
            "output_other",
            "the digest is of another output",
            "end",
        ),
        refused(
            opened().enclave(Type.END, 1, end(b"") | {1: octets("digest")}),
            "output_empty",
            "a digest where there is no output",
            "end",
        ),
    ]


def answers() -> list[Case]:
    """Answers to `key` and `describe` that are not what was asked, or not what is proven."""

    def key(name: str, about: str, **changes: Any) -> Case:
        answer = KEY_ANSWER | {int(place[1:]): value for place, value in changes.items()}
        answer = {place: value for place, value in answer.items() if value is not ...}
        talk = opened(KEY).enclave(Type.END, 1, {1: NOTHING, 6: answer})
        return refused(talk, f"key_{name}", f"key: {about}", "end")

    def describe(name: str, about: str, **changes: Any) -> Case:
        answer = DESCRIPTION_ANSWER | {int(place[1:]): value for place, value in changes.items()}
        answer = {place: value for place, value in answer.items() if value is not ...}
        talk = opened(DESCRIBE).enclave(Type.END, 1, {1: NOTHING, 6: answer})
        return refused(talk, f"describe_{name}", f"describe: {about}", "end")

    return [
        key("of_another_account", "the key of another account", _1=BOB.public),
        key(
            "of_another_kem",
            "a key of another mechanism",
            _2=XWING,
            _4=account_key(ALICE.public, XWING, 1),
        ),
        key("of_low_order", "a key of low order", _4=bytes(32)),
        key("of_31_bytes", "a key of another length", _4=bytes(31)),
        key("epoch_too_large", "an epoch of more than 32 bits", _3=2**32),
        key("without_epoch", "no epoch", _3=...),
        describe(
            "altered",
            "another description than the document hashes",
            _1=platform.DESCRIPTION + b"\0",
        ),
        describe(
            "other_receipt_key", "another receipt key than the document hashes", _2=b"another key"
        ),
        describe("without_state", "no present state", _3=...),
        refused(
            opened(KEY).enclave(Type.END, 1, {1: NOTHING}),
            "key_without_answer",
            "key: no answer",
            "end",
        ),
        refused(
            opened(DESCRIBE).enclave(Type.END, 1, {1: NOTHING}),
            "describe_without_answer",
            "describe: no answer",
            "end",
        ),
        refused(
            opened(ASKING).enclave(Type.END, 1, end(b"a") | {3: RECEIPT, 7: b"another key"}),
            "receipt_key_other",
            "another receipt key than the document hashes",
            "end",
        ),
        refused(
            opened(ASKING).enclave(Type.END, 1, end(b"a")),
            "receipt_missing",
            "no receipt of a call that asked for one",
            "end",
            "ReceiptInvalid",
        ),
        refused(
            opened().enclave(Type.END, 1, end(b"a") | {3: RECEIPT, 7: platform.RECEIPT_SPKI}),
            "receipt_unwanted",
            "a receipt of a call that did not ask for one",
            "end",
        ),
        refused(
            opened().enclave(Type.END, 1, end(b"a") | {7: platform.RECEIPT_SPKI}),
            "receipt_key_unwanted",
            "a receipt key in a call that did not ask for a receipt",
            "end",
        ),
    ]


def ends() -> list[Case]:
    """END and ERROR of another form."""

    def of(
        type_: Type,
        name: str,
        about: str,
        content: Any,
        error: str = "ProtocolError",
        asking: dict[int, Any] | None = None,
    ) -> Case:
        rule = "limits" if error == "TooLarge" else type_.name.lower()
        talk = opened(asking).enclave(type_, 1, content)
        return refused(talk, f"{type_.name.lower()}_{name}", f"{type_.name}: {about}", rule, error)

    good = end(b"a")
    size = 64 * KIB + 1
    large = cbor.encode(end(pattern(0, size)))[:-size]
    return [
        of(Type.END, "without_digest", "no digest", {5: b"a"}),
        of(Type.END, "digest_of_31_bytes", "a digest of 31 bytes", good | {1: good[1][:31]}),
        of(Type.END, "empty", "no content", b""),
        of(Type.END, "array", "an array", []),
        of(Type.END, "output_text", "an output as a text", good | {5: "a"}),
        of(Type.END, "usage_text", "a time as a text", good | {2: {1: "1"}}),
        of(Type.END, "cold_number", "a number for a bool", good | {2: {4: 1}}),
        of(Type.END, "receipt_text", "a receipt as a text", good | {3: "receipt"}, asking=ASKING),
        of(Type.END, "salt_of_31_bytes", "a salt of 31 bytes", good | {4: {1: octets("s", 31)}}),
        of(Type.END, "salts_without_input", "no salt of the input", good | {4: {2: octets("s")}}),
        of(Type.END, "key_text", "a key that is a text", good | {"more": 1}),
        of(Type.END, "keys_unsorted", "keys not in order", b"\xa2\x05\x41a\x01\x58\x20" + good[1]),
        of(
            Type.END,
            "nested_deeply",
            "five containers, one in the other, under a key that is not known",
            good | {99: [[[[]]]]},
        ),
        of(
            Type.END,
            "map_of_1025_entries",
            "a map of 1025 entries under a key that is not known",
            good | {99: dict.fromkeys(range(1025), 0)},
        ),
        of(
            Type.END,
            "undefined",
            "an undefined under a key that is not known",
            b"\xa2\x01\x58\x20" + NOTHING + b"\x18\x63\xf7",
        ),
        of(Type.END, "byte_behind", "a byte behind the map", cbor.encode(good) + b"\0"),
        of(
            Type.END,
            "output_too_large",
            "more than 64 KiB in it",
            Counted(0, size, large),
            "TooLarge",
        ),
        of(Type.ERROR, "without_class", "no class", {2: "a message"}),
        of(Type.ERROR, "without_message", "no message", {1: "FunctionError"}),
        of(Type.ERROR, "class_number", "a class that is no text", ERROR | {1: 7}),
        of(Type.ERROR, "details_of_numbers", "a detail that is no text", ERROR | {3: {"size": 1}}),
        of(Type.ERROR, "details_array", "details in an array", ERROR | {3: ["size"]}),
        of(Type.ERROR, "empty", "no content", b""),
        of(
            Type.ERROR,
            "receipt_key_other",
            "another receipt key than the document hashes",
            ERROR | {4: RECEIPT, 6: b"another key"},
            asking=ASKING,
        ),
        of(
            Type.ERROR,
            "receipt_unwanted",
            "a receipt of a call that did not ask for one",
            ERROR | {4: RECEIPT, 6: platform.RECEIPT_SPKI},
        ),
    ]


def small_frames() -> list[Case]:
    closed = opened().enclave(CLOSE, 0, GOING_AWAY)
    over = opened().enclave(Type.ERROR, 0, ERROR)
    return [
        refused(
            opened().enclave(Type.CREDIT, 1, bytes(3)),
            "credit_of_3_bytes",
            "CREDIT of 3 bytes",
            "violations",
        ),
        refused(
            opened().enclave(CLOSE, 1, GOING_AWAY),
            "close_of_a_call",
            "CLOSE on a call",
            "violations",
        ),
        refused(
            over.enclave(CLOSE, 0, GOING_AWAY),
            "close_after_error_of_the_session",
            "a frame behind ERROR on call 0",
            "error",
        ),
        refused(closed.enclave(CLOSE, 0, GOING_AWAY), "close_twice", "CLOSE twice", "violations"),
        refused(
            opened().enclave(CLOSE, 0, EMPTY), "close_without_code", "CLOSE without a code", "close"
        ),
        refused(
            opened().enclave(CLOSE, 0, {1: 1001, 2: 0}),
            "close_unknown_key",
            "CLOSE with a key that is not known",
            "close",
        ),
    ]


def logs() -> list[Case]:
    wanted = opened(opening(b"a") | {8: {2: True}}).enclave(Type.LOG, 1, Counted(0, MIB))
    return [
        refused(
            opened().enclave(Type.LOG, 1, b"x"),
            "log_not_asked_for",
            "LOG, though OPEN did not ask for it",
            "log",
        ),
        refused(
            wanted.enclave(Type.LOG, 1, b"x"),
            "log_beyond_limit",
            "a byte more than 1 MiB of LOG",
            "limits",
            "TooLarge",
        ),
    ]

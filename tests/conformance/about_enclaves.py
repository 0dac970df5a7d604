"""What a client may not send: an enclave closes the connection."""

from typing import Any

from tests.independent import cbor
from tests.independent.contents import Operation
from tests.independent.frames import Type

from .about_conversations import CLOSE, DONE, EMPTY, RUN, WANTED, end, opening
from .about_handshakes import flip
from .case import Case
from .conversation import CLIENT, ENCLAVE, Conversation, Counted
from .fixed import ALICE, octets
from .statement import FUNCTION

KIB, MIB = 1024, 1024 * 1024
BOTH_SALTS = {1: bytes(32), 2: bytes(32)}
KEY, DESCRIBE = {1: Operation.KEY, 9: b"", 11: WANTED}, {1: Operation.DESCRIBE, 9: b""}


def cases() -> list[Case]:
    return [*headers(), *altered(), *numbers(), *inputs(), *small_frames(), *opens(), *encodings()]


def opened(input_: bytes | None = None) -> Conversation:
    """Return a session whose client has opened call 1."""
    return Conversation().client(Type.OPEN, 1, opening(input_))


def refused(
    talk: Conversation, name: str, about: str, rule: str, error: str = "ProtocolError"
) -> Case:
    return talk.refused(f"enclave_{name}", about, rule, ENCLAVE, error)


def headers() -> list[Case]:
    """Frames that open, and whose header is not one."""

    def sealed(name: str, about: str, type_: int, rest: int = 0) -> Case:
        talk = opened()
        talk.raw(CLIENT, talk.seal(CLIENT, type_, 1, b"x", rest=rest))
        return refused(talk, name, about, "violations")

    error = {1: "FunctionError", 2: "a message"}

    return [
        sealed("type_8", "the first type that is not known", 8),
        sealed("type_255", "the last type that is not known", 255),
        sealed("flags", "a flag", Type.DATA, 0x010000),
        sealed("reserved_high", "a reserved bit", Type.DATA, 0x8000),
        sealed("reserved_low", "another reserved bit", Type.DATA, 1),
        refused(
            opened().client(Type.ERROR, 1, error),
            "error_of_the_client",
            "ERROR, which clients do not send",
            "violations",
        ),
        refused(
            opened().client(Type.LOG, 1, b"x"),
            "log_of_the_client",
            "LOG, which clients do not send",
            "violations",
        ),
    ]


def altered() -> list[Case]:
    """Frames that do not open."""

    def changed(name: str, about: str, place: int) -> Case:
        talk = opened()
        message = talk.seal(CLIENT, Type.DATA, 1, b"sixteen bytes it")
        return refused(talk.raw(CLIENT, flip(message, place)), name, about, "frames")

    def sent(name: str, about: str, message: bytes, error: str = "ProtocolError") -> Case:
        return refused(opened().raw(CLIENT, message), name, about, "frames", error)

    replayed = opened().client(Type.DATA, 1, b"again")
    message = bytes.fromhex(replayed.steps[-1]["message"])
    skipped = opened()
    skipped.seal(CLIENT, Type.DATA, 1, b"left out")
    next_but_one = skipped.seal(CLIENT, Type.DATA, 1, b"next")
    reflected = Conversation().seal(ENCLAVE, Type.DATA, 1, b"from the enclave")
    too_large = opened()
    too_large.steps.append({"from": CLIENT, "pattern": 0, "length": MIB + 25})
    return [
        changed("type_altered", "the type's lowest bit: DATA becomes OPEN", 0),
        changed("flags_altered", "a flag is set on the way", 1),
        changed("reserved_altered", "a reserved bit is set on the way", 3),
        changed("call_altered", "the call's lowest bit", 7),
        changed("content_altered", "one bit of the content", 8),
        changed("tag_altered", "one bit of the tag", -1 + 8 + 16 + 16),
        refused(replayed.raw(CLIENT, message), "frame_replayed", "the same frame again", "frames"),
        sent("frame_left_out", "one frame did not come", next_but_one),
        sent("frame_reflected", "a frame of the enclave comes back", reflected),
        sent("frame_cut", "the last byte is missing", message[:-1]),
        sent("frame_too_short", "23 bytes: a header and not all of a tag", message[:23]),
        sent("frame_empty", "no bytes", b""),
        refused(
            too_large,
            "frame_too_large",
            "a byte more than 1 MiB and what a frame adds",
            "limits",
            "TooLarge",
        ),
    ]


def numbers() -> list[Case]:
    again = opening(b"")
    closed = opened().client(CLOSE, 0, DONE)
    return [
        refused(
            opened().client(Type.OPEN, 1, again),
            "open_same_number",
            "OPEN with the number of an open call",
            "violations",
        ),
        refused(
            opened(b"").enclave(Type.END, 1, end(b"")).client(Type.OPEN, 1, again),
            "open_number_of_a_call_that_is_over",
            "OPEN with the number of a call that is over",
            "violations",
        ),
        refused(
            Conversation().client(Type.OPEN, 5, again).client(Type.OPEN, 4, again),
            "open_lower_number",
            "OPEN with a lower number",
            "violations",
        ),
        refused(
            opened().client(Type.OPEN, 0, again), "open_on_call_0", "OPEN on call 0", "violations"
        ),
        refused(
            closed.client(Type.OPEN, 2, again), "open_after_close", "OPEN after CLOSE", "violations"
        ),
        *(
            refused(
                opened().client(type_, 2, content),
                f"{type_.name.lower()}_of_a_call_never_opened",
                f"{type_.name} of a call that was never opened",
                "violations",
            )
            for type_, content in OF_A_CALL.items()
        ),
        *(
            refused(
                opened().client(type_, 0, content),
                f"{type_.name.lower()}_on_call_0",
                f"{type_.name} on call 0",
                "violations",
            )
            for type_, content in OF_A_CALL.items()
        ),
    ]


OF_A_CALL: dict[Type, Any] = {
    Type.DATA: b"x",
    Type.END: EMPTY,
    Type.CANCEL: b"",
    Type.CREDIT: bytes(4),
}


def inputs() -> list[Case]:
    ended = opened().client(Type.DATA, 1, b"x").client(Type.END, 1, EMPTY)
    ended_too = opened().client(Type.END, 1, EMPTY)
    full = opened()
    for place in range(4):
        full.client(Type.DATA, 1, Counted(place, 256 * KIB))
    cancelled = opened().client(Type.CANCEL, 1)
    for place in range(4):
        cancelled.client(Type.DATA, 1, Counted(place, 256 * KIB), dropped=True)
    ended_and_cancelled = opened().client(Type.END, 1, EMPTY).client(Type.CANCEL, 1)
    granted = opened().enclave(Type.CREDIT, 1, (3).to_bytes(4, "big"))
    granted.client(Type.DATA, 1, Counted(0, MIB))
    return [
        refused(
            opened().client(Type.DATA, 1, b""), "data_empty", "DATA without bytes", "violations"
        ),
        refused(
            full.client(Type.DATA, 1, b"x"),
            "data_beyond_credit",
            "one byte more than 1 MiB",
            "credit",
        ),
        refused(
            granted.client(Type.DATA, 1, b"four"),
            "data_beyond_grant",
            "four bytes where three were granted",
            "credit",
        ),
        refused(
            cancelled.client(Type.DATA, 1, b"x"),
            "data_beyond_credit_after_cancel",
            "one byte more than 1 MiB, of a call that was cancelled",
            "cancel",
        ),
        refused(
            ended_and_cancelled.client(Type.DATA, 1, b"x"),
            "data_after_end_and_cancel",
            "DATA after END, of a call that was cancelled then",
            "cancel",
        ),
        refused(ended.client(Type.DATA, 1, b"y"), "data_after_end", "DATA after END", "violations"),
        refused(ended_too.client(Type.END, 1, EMPTY), "end_after_end", "END twice", "violations"),
        refused(
            opened(b"all").client(Type.DATA, 1, b"more"),
            "data_after_whole_input",
            "DATA, though OPEN had the whole input",
            "violations",
        ),
        refused(
            opened(b"all").client(Type.END, 1, EMPTY),
            "end_after_whole_input",
            "END, though OPEN had the whole input",
            "violations",
        ),
    ]


def small_frames() -> list[Case]:
    closed = opened().client(CLOSE, 0, DONE)
    return [
        refused(
            opened().client(Type.END, 1, {1: bytes(32)}),
            "end_with_content",
            "END of the client with a key",
            "violations",
        ),
        refused(
            opened().client(Type.END, 1, b""),
            "end_without_content",
            "END of the client without a map",
            "violations",
        ),
        refused(
            opened().client(Type.CANCEL, 1, b"\xa0"),
            "cancel_with_content",
            "CANCEL with a content",
            "violations",
        ),
        refused(
            opened().client(Type.CREDIT, 1, bytes(3)),
            "credit_of_3_bytes",
            "CREDIT of 3 bytes",
            "violations",
        ),
        refused(
            opened().client(Type.CREDIT, 1, bytes(8)),
            "credit_of_8_bytes",
            "CREDIT of 8 bytes",
            "violations",
        ),
        refused(
            opened().client(CLOSE, 1, DONE), "close_of_a_call", "CLOSE on a call", "violations"
        ),
        refused(closed.client(CLOSE, 0, DONE), "close_twice", "CLOSE twice", "violations"),
        refused(
            opened().client(CLOSE, 0, EMPTY), "close_without_code", "CLOSE without a code", "close"
        ),
        refused(
            opened().client(CLOSE, 0, {1: 1000, 2: 0}),
            "close_unknown_key",
            "CLOSE with a key that is not known",
            "close",
        ),
        refused(
            opened().client(CLOSE, 0, {1: 65_536}),
            "close_code_too_large",
            "a code of more than 16 bits",
            "close",
        ),
    ]


def with_options(**options: Any) -> dict[int, Any]:
    return RUN | {8: {int(key[1:]): value for key, value in options.items()}}


def opens() -> list[Case]:
    """What an OPEN may not say."""
    variants: dict[str, tuple[str, dict[Any, Any]]] = {
        "unknown_key_5": ("key 5, which is not used", RUN | {5: b""}),
        "unknown_key_13": ("key 13", RUN | {13: 0}),
        "salts_of_one": ("one salt", RUN | {12: {1: bytes(32)}}),
        "salts_short": ("a salt of 31 bytes", RUN | {12: {1: bytes(32), 2: bytes(31)}}),
        "salts_unknown_key": (
            "a third salt",
            RUN | {12: BOTH_SALTS | {3: bytes(32)}},
        ),
        "salts_of_describe": ("salts where nothing runs", DESCRIBE | {12: BOTH_SALTS}),
        "key_text": ("a key that is a text", RUN | {"op": 1}),
        "without_operation": ("no operation", {2: FUNCTION.checksum}),
        "operation_0": ("operation 0", RUN | {1: 0}),
        "operation_5": ("operation 5", RUN | {1: 5}),
        "run_without_checksum": ("run without a checksum", {1: Operation.RUN, 9: b""}),
        "checksum_of_31_bytes": ("a checksum of 31 bytes", RUN | {2: FUNCTION.checksum[:31]}),
        "checksum_in_hex": ("a checksum as a text", RUN | {2: FUNCTION.checksum.hex()}),
        "token_bytes": ("a token as a byte string", RUN | {3: b"token"}),
        "owner_proof_array": ("an owner proof in an array", RUN | {4: ["proof"]}),
        "call_nonce_of_31_bytes": ("a call nonce of 31 bytes", RUN | {6: octets("n", 31)}),
        "run_with_manifest": ("run with a manifest", RUN | {7: FUNCTION.manifest}),
        "run_with_account": ("run with key 11", RUN | {11: WANTED}),
        "deploy_without_manifest": ("deploy without a manifest", {1: Operation.DEPLOY}),
        "deploy_with_checksum": (
            "deploy with a checksum",
            RUN | {1: Operation.DEPLOY, 7: FUNCTION.manifest},
        ),
        "options_unknown_key": ("an option that is not known", with_options(_5=True)),
        "options_array": ("options in an array", RUN | {8: [True]}),
        "option_number": ("a number for a bool", with_options(_1=1)),
        "deadline_text": ("a deadline as a text", with_options(_3="5")),
        "run_with_zstd": ("run with zstd", with_options(_4=True)),
        "input_text": ("an input as a text", RUN | {9: "input"}),
        "records_text": ("records that are no array", RUN | {10: "record"}),
        "records_of_bytes": ("a record as a byte string", RUN | {10: [b"record"]}),
        "key_without_account": ("key without key 11", {1: Operation.KEY, 9: b""}),
        "key_with_short_account": (
            "an account of 31 bytes",
            KEY | {11: WANTED | {1: ALICE.public[:31]}},
        ),
        "key_of_unknown_kem": ("a KEM that is not known", KEY | {11: WANTED | {2: 0x0021}}),
        "key_with_unknown_member": ("one more key in key 11", KEY | {11: WANTED | {3: 0}}),
        "key_without_kem": ("no KEM", KEY | {11: {1: ALICE.public}}),
        "key_with_input": ("key with an input", KEY | {9: b"x"}),
        "key_without_input": ("key without key 9", {1: Operation.KEY, 11: WANTED}),
        "describe_with_input": ("describe with an input", DESCRIBE | {9: b"x"}),
        "describe_without_input": ("describe without key 9", {1: Operation.DESCRIBE}),
        "describe_with_checksum": ("describe with a checksum", DESCRIBE | {2: FUNCTION.checksum}),
    }
    large = Conversation()
    large.client(Type.OPEN, 1, Counted(0, 128 * KIB + 1))
    return [
        *(
            refused(
                Conversation().client(Type.OPEN, 1, members),
                f"open_{name}",
                f"OPEN: {about}",
                "open",
            )
            for name, (about, members) in variants.items()
        ),
        refused(
            large, "open_too_large", "OPEN: a content of more than 128 KiB", "limits", "TooLarge"
        ),
        refused(
            Conversation().client(Type.OPEN, 1, Counted(0, 64 * KIB + 1, large_input())),
            "open_input_too_large",
            "OPEN: an input of more than 64 KiB",
            "limits",
            "TooLarge",
        ),
    ]


def large_input() -> bytes:
    """Return an OPEN up to where its input begins, which is one byte too long."""
    size = 64 * KIB + 1
    return cbor.encode(RUN | {9: bytes(size)})[:-size]


def encodings() -> list[Case]:
    """CBOR that is not in the deterministic form, or none."""
    operation, checksum = b"\x01\x01", b"\x02\x58\x20" + FUNCTION.checksum
    input_ = b"\x09\x40"
    variants = {
        "empty": ("no content", b""),
        "array": ("an array", b"\x80"),
        "cut": ("a map that ends too early", b"\xa3" + operation + checksum),
        "byte_behind": ("a byte behind the map", b"\xa3" + operation + checksum + input_ + b"\0"),
        "key_twice": ("a key twice", b"\xa4" + operation + operation + checksum + input_),
        "keys_unsorted": ("keys not in order", b"\xa3" + checksum + operation + input_),
        "key_not_shortest": ("a key of two bytes", b"\xa3\x18\x01\x01" + checksum + input_),
        "value_not_shortest": ("a value of two bytes", b"\xa3\x01\x18\x01" + checksum + input_),
        "length_not_shortest": (
            "a length of two bytes",
            b"\xa3" + operation + b"\x02\x59\x00\x20" + FUNCTION.checksum + input_,
        ),
        "indefinite_map": (
            "a map of indefinite length",
            b"\xbf" + operation + checksum + input_ + b"\xff",
        ),
        "indefinite_string": (
            "a string in pieces",
            b"\xa3" + operation + checksum + b"\x09\x5f\x40\xff",
        ),
        "tag": ("a tag", b"\xa3\x01\xc0\x01" + checksum + input_),
        "float": ("a float", b"\xa3\x01\xf9\x3c\x00" + checksum + input_),
        "negative_key": ("a key below zero", b"\xa4" + operation + checksum + input_ + b"\x20\x00"),
        "no_utf8": (
            "a text that is no UTF-8",
            b"\xa4" + operation + checksum + b"\x03\x61\xff" + input_,
        ),
        "count_too_large": ("a map of 2^64 - 1 entries", b"\xbb" + b"\xff" * 8),
    }
    return [
        refused(
            Conversation().client(Type.OPEN, 1, content),
            f"cbor_{name}",
            f"OPEN: {about}",
            "notation",
        )
        for name, (about, content) in variants.items()
    ]

"""First messages that are refused: the enclave's by a client, the client's by an enclave."""

from typing import Any

from tests.independent import cbor, handshake
from tests.independent.frames import Type
from tests.independent.handshake import ServerHello

from . import platform
from .about_conversations import opening
from .case import Case
from .conversation import CLIENT, ENCLAVE, HANDSHAKE, Conversation, Handshake
from .fixed import NOW_MS, octets

FORM, CHECKS, FIRST = "2. serverhello", "3. what the client checks", "4. the client's first message"
HELLO = HANDSHAKE.members(HANDSHAKE.document, HANDSHAKE.path)
LOW_ORDER = {
    "zero": bytes(32),
    "one": (1).to_bytes(32, "little"),
    "order_8": bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    "p_plus_1": (2**255 - 18).to_bytes(32, "little"),
    "zero_with_top_bit": (1 << 255).to_bytes(32, "little"),
}


def cases() -> list[Case]:
    return [*forms(), *bindings(), *shares(), *first_messages()]


def hello(
    name: str,
    about: str,
    message: bytes | dict[int, Any],
    error: str = "ProtocolError",
    rule: str = FORM,
    of: Handshake = HANDSHAKE,
    **judged_by: Any,
) -> Case:
    """Return the file of a ServerHello that a client refuses."""
    octets_ = message if isinstance(message, bytes) else cbor.encode(message)
    fields = {**of.judged_by, **judged_by, "server_hello": octets_.hex(), "roles": [CLIENT]}
    return Case("session", f"hello_{name}", about, rule, fields, error)


def without(key: int) -> dict[int, Any]:
    return {k: v for k, v in HELLO.items() if k != key}


def forms() -> list[Case]:
    encoded = HANDSHAKE.hello.octets
    suite_1 = Handshake("suite as a bool", 1, [1])
    of_two = Handshake("index as a bool", 2, [2], 1, 1)
    return [
        hello("empty", "no bytes", b""),
        hello("array", "an array instead of a map", cbor.encode(list(HELLO.values()))),
        hello("cut", "the last byte is missing", encoded[:-1]),
        hello("byte_behind", "a byte behind the map", encoded + b"\0"),
        hello("unknown_key", "a key that is not known", HELLO | {7: 0}),
        *(hello(f"without_{key}", f"key {key} is missing", without(key)) for key in HELLO),
        hello(
            "key_twice",
            "the suite twice",
            b"\xa7\x01\x02" + encoded[1:],
        ),
        hello(
            "keys_unsorted",
            "the index in front of the rest",
            b"\xa6\x06\x00" + encoded[1:-2],
        ),
        hello("head_not_shortest", "the suite in two bytes", b"\xa6\x01\x18\x02" + encoded[3:]),
        hello("indefinite_map", "a map of indefinite length", b"\xbf" + encoded[1:] + b"\xff"),
        hello("suite_text", "the suite as a text", HELLO | {1: "2"}),
        hello("document_text", "the document as a text", HELLO | {2: "document"}),
        hello("server_nonce_of_31_bytes", "a nonce of 31 bytes", HELLO | {4: octets("n", 31)}),
        hello("server_nonce_of_33_bytes", "a nonce of 33 bytes", HELLO | {4: octets("n", 33)}),
        hello("path_of_17", "a path of 17", HELLO | {5: [octets("s")] * 17}),
        hello("path_of_31_bytes", "a hash of 31 bytes in the path", HELLO | {5: [octets("s", 31)]}),
        hello("index_out_of_range", "an index of 1 in a tree of one", HELLO | {6: 1}),
        hello("index_negative", "an index below zero", encoded[:-1] + b"\x20"),
        hello(
            "suite_true",
            "true for suite 1, which it is where types are not told apart",
            suite_1.members(suite_1.document, []) | {1: True},
            of=suite_1,
        ),
        hello(
            "index_true",
            "true for an index of 1",
            of_two.members(of_two.document, of_two.path) | {6: True},
            of=of_two,
        ),
        hello(
            "too_large",
            "more than 36 KiB, by the document",
            HELLO | {2: bytes(36 * 1024)},
            "TooLarge",
        ),
    ]


def bindings() -> list[Case]:
    """What is well formed, and is not the answer to this client."""
    tree = Handshake("tree of 5", 2, [2], 4, 3)
    placed = tree.members(tree.document, tree.path)
    lowered = Handshake("two offered", 2, [2, 4])
    swapped = [tree.path[1], tree.path[0], tree.path[2]]
    mismatch = "NonceMismatch"
    changed = bytes([HANDSHAKE.server_nonce[0] ^ 1]) + HANDSHAKE.server_nonce[1:]
    other_key = Handshake("another key").kem_public
    other_client = octets("another client nonce").hex()
    aged = {"now_ms": NOW_MS + 300_001}
    return [
        hello("suite_not_offered", "a suite that was not offered", HELLO | {1: 4}, rule=CHECKS),
        hello(
            "suite_not_known",
            "a suite that was offered, and that nobody knows",
            HELLO | {1: 9},
            rule=CHECKS,
            offer=[2, 9],
        ),
        hello("suite_of_another_kem", "a suite whose keys are longer", HELLO | {1: 1}, rule=CHECKS),
        hello(
            "suite_lowered",
            "another suite of the same KEM, which was offered too",
            lowered.members(lowered.document, []) | {1: 4},
            mismatch,
            "binding",
            lowered,
        ),
        hello(
            "offer_cut",
            "the enclave answers a shorter offer",
            HELLO,
            mismatch,
            "binding",
            offer=[2, 1, 3],
        ),
        hello(
            "offer_reordered",
            "the enclave answers another order",
            HELLO,
            mismatch,
            "binding",
            offer=[1, 2],
        ),
        hello(
            "server_nonce_altered",
            "one bit of the server nonce",
            HELLO | {4: changed},
            mismatch,
            "binding",
        ),
        hello(
            "kem_key_exchanged",
            "another key of the same KEM",
            HELLO | {3: other_key},
            mismatch,
            "binding",
        ),
        hello(
            "replayed",
            "the answer to another client",
            HELLO,
            mismatch,
            "binding",
            client_nonce=other_client,
        ),
        hello(
            "path_altered",
            "the path in another order",
            placed | {5: swapped},
            mismatch,
            "binding",
            tree,
        ),
        hello(
            "path_cut",
            "a path without its last hash",
            placed | {5: tree.path[:2]},
            mismatch,
            "binding",
            tree,
        ),
        hello(
            "index_altered", "another place in the tree", placed | {6: 2}, mismatch, "binding", tree
        ),
        hello(
            "path_missing",
            "a tree of five as if it were of one",
            placed | {5: [], 6: 0},
            mismatch,
            "binding",
            tree,
        ),
        hello(
            "document_of_another_session",
            "a good document, with another session's nonce",
            HELLO | {2: Handshake("another session").document},
            mismatch,
            "binding",
        ),
        hello(
            "nonce_is_the_clients",
            "the document has the client's nonce itself",
            HELLO | {2: platform.document(HANDSHAKE.client_nonce)},
            mismatch,
            "binding",
        ),
        hello(
            "document_of_another_use",
            "a birth document's use",
            HELLO | {2: other_use()},
            "DocumentMalformed",
            CHECKS,
        ),
        hello(
            "document_with_public_key",
            "a public key in the document",
            HELLO | {2: with_key()},
            "DocumentMalformed",
            "binding",
        ),
        hello(
            "document_of_another_vault",
            "another vault",
            HELLO | {2: other_vault()},
            "VaultMismatch",
            CHECKS,
        ),
        hello(
            "document_old",
            "a millisecond more than 5 minutes old",
            HELLO,
            "DocumentTooOld",
            "times",
            **aged,
        ),
    ]


def other_use() -> bytes:
    return platform.document(HANDSHAKE.root, user_data=platform.user_data(use="kms"))


def with_key() -> bytes:
    return platform.document(HANDSHAKE.root, public_key=HANDSHAKE.kem_public)


def other_vault() -> bytes:
    user_data = platform.user_data(vault=octets("another vault"))
    return platform.document(HANDSHAKE.root, user_data=user_data)


def shares() -> list[Case]:
    """Keys that no honest enclave makes; the document is bound to them."""
    xwing = Handshake("suite 1", 1, [1, 2])
    unreduced = b"\xff\xff\xff" + xwing.kem_public[3:]
    return [
        *(
            hello(
                f"kem_key_{name}",
                "an X25519 key of low order",
                bound(HANDSHAKE, share),
                rule=CHECKS,
            )
            for name, share in LOW_ORDER.items()
        ),
        hello(
            "kem_key_xwing_low_order",
            "an X-Wing key whose X25519 share is of low order",
            bound(xwing, xwing.kem_public[:-32] + bytes(32)),
            rule=CHECKS,
            of=xwing,
        ),
        hello(
            "kem_key_xwing_unreduced",
            "an ML-KEM key with a coefficient that is not below the modulus",
            bound(xwing, unreduced),
            rule=CHECKS,
            of=xwing,
        ),
        hello(
            "kem_key_of_31_bytes",
            "a key of another length",
            bound(HANDSHAKE, octets("k", 31)),
            rule=CHECKS,
        ),
        hello("kem_key_empty", "an empty key", bound(HANDSHAKE, b""), rule=CHECKS),
    ]


def bound(of: Handshake, kem_public: bytes) -> dict[int, Any]:
    """Return a ServerHello with this key, and a document that answers for it."""
    members = of.members(b"", []) | {3: kem_public}
    leaf = handshake.leaf(ServerHello(b"", *members.values()), of.offer, of.client_nonce)
    return members | {2: platform.document(leaf)}


def first_messages() -> list[Case]:
    def refused(name: str, about: str, message: bytes, of: Handshake = HANDSHAKE) -> Case:
        talk = Conversation(of)
        talk.steps.append({"from": CLIENT, "message": message.hex()})
        return talk.refused(f"first_{name}", about, FIRST, ENCLAVE)

    xwing = Handshake("suite 1", 1, [1, 2])
    good, good_xwing = (first_message(it) for it in (HANDSHAKE, xwing))
    size, size_xwing = len(HANDSHAKE.encapsulated), len(xwing.encapsulated)
    return [
        refused("empty", "no bytes", b""),
        refused("encapsulated_alone", "no frame behind the encapsulated key", good[:size]),
        refused("frame_cut", "the last byte of the tag is missing", good[:-1]),
        refused("encapsulated_missing", "a frame without an encapsulated key", good[size:]),
        refused("encapsulated_altered", "one bit of the encapsulated key", flip(good, 3)),
        refused(
            "encapsulated_of_xwing_altered", "one bit of ML-KEM's part", flip(good_xwing, 3), xwing
        ),
        refused(
            "encapsulated_of_xwing_share_altered",
            "one bit of X25519's part",
            flip(good_xwing, size_xwing - 1),
            xwing,
        ),
        refused("frame_altered", "one bit of the frame", flip(good, size + 20)),
        *(
            refused(f"share_{name}", "an X25519 share of low order", share + good[size:])
            for name, share in LOW_ORDER.items()
        ),
        refused(
            "share_of_xwing_zero",
            "an X-Wing encapsulation whose X25519 share is zero",
            good_xwing[: size_xwing - 32] + bytes(32) + good_xwing[size_xwing:],
            xwing,
        ),
        refused(
            "replayed", "the first message of another session", first_message(Handshake("before"))
        ),
        refused(
            "replayed_in_another_tree",
            "the same key and nonces, in another tree",
            good,
            Handshake(others=1),
        ),
    ]


def first_message(of: Handshake) -> bytes:
    talk = Conversation(of).client(Type.OPEN, 1, opening(b"hello"))
    return bytes.fromhex(talk.steps[0]["message"])


def flip(message: bytes, place: int) -> bytes:
    return message[:place] + bytes([message[place] ^ 1]) + message[place + 1 :]

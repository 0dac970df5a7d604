"""Sessions that are as they should be."""

import hashlib
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from tests.independent import bundle, cbor, statements
from tests.independent.contents import Operation
from tests.independent.frames import Type
from tests.independent.kem import KEMS
from tests.independent.keys import X25519

from . import platform
from .case import Case
from .conversation import ENCLAVE, Conversation, Counted, Handshake, pattern
from .fixed import ALICE, NOW_MS, octets
from .statement import FUNCTION, signed

CLOSE, DONE, GOING_AWAY = Type.CLOSE, {1: 1000}, {1: 1001}
KIB, MIB = 1024, 1024 * 1024
RUN = {1: Operation.RUN, 2: FUNCTION.checksum, 3: signed(statements.TOKEN)}
EMPTY: dict[int, Any] = {}

SOURCE = b"def cape_handler(input):\n    return input[::-1]\n"


def opening(input_: bytes | None = None) -> dict[int, Any]:
    """Return OPEN of a run; without an input it comes as DATA."""
    return RUN if input_ is None else RUN | {9: input_}


def end(output: bytes, *, last: bytes | None = None) -> dict[int, Any]:
    """Return the enclave's END: the digest of the whole output, and its last bytes."""
    last = output if last is None else last
    usage = {1: 1500, 2: 900, 3: 30 * MIB, 4: True}
    digest = hashlib.sha256(output).digest()
    return {1: digest, 2: usage} | ({5: last} if last else {})


def cases() -> list[Case]:
    return [
        *handshakes(),
        bulk(2),
        bulk(4),
        largest(),
        *calls(),
        *ends(),
        key(),
        describe(),
        deploy(),
        by_its_owner(),
        forward_compatible(),
        without_receipt(),
        unknown_values(),
    ]


def handshakes() -> list[Case]:
    """A small run, one message each way, in each suite and in trees of each kind."""
    variants = {
        "suite_1": ("a small run: one message each way", Handshake("suite 1", 1, [1, 2])),
        "suite_2": ("a small run: one message each way", Handshake("suite 2", 2, [2])),
        "suite_3": ("a small run: one message each way", Handshake("suite 3", 3, [9, 3, 1])),
        "suite_4": ("a small run: one message each way", Handshake("suite 4", 4, [4, 3, 2, 1])),
        "tree_of_2": ("two sessions share a document", Handshake("tree of 2", 2, [2], 1, 1)),
        "tree_of_5": (
            "five sessions share a document: three leaves of zeros fill the tree",
            Handshake("tree of 5", 2, [2], 4, 3),
        ),
        "tree_of_5_last": (
            "the last of five, beside a leaf of zeros",
            Handshake("last of 5", 1, [1], 4, 4),
        ),
        "tree_of_9": ("a path of four", Handshake("tree of 9", 4, [4], 8, 8)),
        "tree_of_65536": (
            "the largest tree: a path of 16",
            Handshake("tree of 65536", 4, [4], 65_535, 40_000),
        ),
    }
    return [
        Conversation(handshake)
        .client(Type.OPEN, 1, opening(b"hello"))
        .enclave(Type.END, 1, end(b"olleh"))
        .client(CLOSE, 0, DONE)
        .held(f"run_{name}", about, "handshake")
        for name, (about, handshake) in variants.items()
    ]


def bulk(suite: int) -> Case:
    """1.25 MiB each way, in frames of 256 KiB; the credit is used up and granted again."""
    piece = 256 * KIB
    talk = Conversation(Handshake(f"bulk {suite}", suite, [suite])).client(Type.OPEN, 1, opening())
    for place in range(4):
        talk.client(Type.DATA, 1, Counted(place, piece))
    talk.enclave(Type.CREDIT, 1, (piece + 1).to_bytes(4, "big"))
    talk.client(Type.DATA, 1, Counted(4, piece)).client(Type.DATA, 1, b"!")
    talk.client(Type.END, 1, EMPTY)
    for place in range(4):
        talk.enclave(Type.DATA, 1, Counted(place, piece))
    talk.client(Type.CREDIT, 1, (512 * KIB).to_bytes(4, "big"))
    talk.enclave(Type.DATA, 1, Counted(4, piece))
    output = b"".join(pattern(place, piece) for place in range(5))
    talk.enclave(Type.END, 1, end(output + b"!", last=b"!")).client(CLOSE, 0, DONE)
    return talk.held(f"bulk_suite_{suite}", "1.25 MiB each way, with CREDIT in between", "credit")


def largest() -> Case:
    """Return a session whose contents are as large as they may be."""
    inline = 64 * KIB
    input_ = cbor.encode(opening(bytes(inline)))[:-inline]
    output = cbor.encode(end(pattern(0, inline)))[:-inline]
    talk = (
        Conversation()
        .client(Type.OPEN, 1, Counted(0, inline, input_))
        .enclave(Type.END, 1, Counted(0, inline, output))
        .client(Type.OPEN, 2, opening())
        .client(Type.DATA, 2, Counted(0, MIB))
        .client(Type.END, 2, EMPTY)
        .enclave(Type.DATA, 2, Counted(0, MIB))
        .enclave(Type.END, 2, end(pattern(0, MIB), last=b""))
    )
    about = "64 KiB in OPEN and in END, and frames of 1 MiB"
    return talk.held("largest_contents", about, "limits")


def calls() -> list[Case]:
    two = (
        Conversation()
        .client(Type.OPEN, 1, opening())
        .client(Type.OPEN, 2, opening(b"second"))
        .client(Type.DATA, 1, b"fir")
        .enclave(Type.DATA, 2, b"dno")
        .client(Type.DATA, 1, b"st")
        .client(Type.END, 1, EMPTY)
        .enclave(Type.END, 1, end(b"tsrif"))
        .enclave(Type.END, 2, end(b"dnoces", last=b"ces"))
        .client(Type.OPEN, 3, opening(b""))
        .enclave(Type.END, 3, end(b""))
        .client(CLOSE, 0, DONE)
    )
    gaps = (
        Conversation()
        .client(Type.OPEN, 7, opening(b"a"))
        .enclave(Type.END, 7, end(b"a"))
        .client(Type.OPEN, 2**32 - 1, opening(b"b"))
        .enclave(Type.END, 2**32 - 1, end(b"b"))
    )
    early = (
        Conversation()
        .client(Type.OPEN, 1, opening())
        .client(Type.DATA, 1, b"begin")
        .enclave(Type.END, 1, end(b"enough"))
        .client(Type.DATA, 1, b"more", dropped=True)
        .client(Type.CREDIT, 1, (1).to_bytes(4, "big"), dropped=True)
        .client(Type.CANCEL, 1, b"", dropped=True)
        .client(Type.END, 1, EMPTY, dropped=True)
        .client(Type.OPEN, 2, opening(b"next"))
        .enclave(Type.END, 2, end(b"txen"))
    )
    return [
        two.held("calls_side_by_side", "two calls whose frames mix, and a third", "calls"),
        gaps.held(
            "call_numbers_left_out", "numbers rise, and may be left out", "frames", [ENCLAVE]
        ),
        early.held(
            "answer_before_the_input_ended",
            "what the client had sent before it knew is opened and dropped",
            "calls",
            [ENCLAVE],
        ),
    ]


def ends() -> list[Case]:
    """Calls and sessions that end in other ways."""
    error = {1: "FunctionError", 2: "division by zero", 3: {"type": "ZeroDivisionError"}}
    failed = (
        Conversation()
        .client(Type.OPEN, 1, opening(b"0"))
        .enclave(Type.ERROR, 1, error)
        .client(Type.OPEN, 2, opening(b"1"))
        .enclave(Type.END, 2, end(b"1"))
        .client(CLOSE, 0, DONE)
    )
    cancelled = (
        Conversation()
        .client(Type.OPEN, 1, opening())
        .client(Type.DATA, 1, b"never mind")
        .client(Type.CANCEL, 1)
        .enclave(Type.ERROR, 1, {1: "Cancelled", 2: "the call was cancelled"})
        .client(CLOSE, 0, DONE)
    )
    too_late = (
        Conversation()
        .client(Type.OPEN, 1, opening(b"a"))
        .client(Type.CANCEL, 1)
        .enclave(Type.END, 1, end(b"a"))
    )
    behind_cancel = (
        Conversation()
        .client(Type.OPEN, 1, opening())
        .client(Type.DATA, 1, b"never ")
        .client(Type.CANCEL, 1)
        .client(Type.DATA, 1, b"mind", dropped=True)
        .client(Type.CREDIT, 1, (1).to_bytes(4, "big"))
        .client(Type.CANCEL, 1, b"", dropped=True)
        .client(Type.END, 1, EMPTY, dropped=True)
        .enclave(Type.ERROR, 1, {1: "Cancelled", 2: "the call was cancelled"})
        .client(CLOSE, 0, DONE)
    )
    over = (
        Conversation()
        .client(Type.OPEN, 1, opening())
        .enclave(Type.ERROR, 0, {1: "ServiceError", 2: "a defect here"})
    )
    closing = (
        Conversation()
        .client(Type.OPEN, 1, opening())
        .enclave(CLOSE, 0, GOING_AWAY)
        .client(Type.DATA, 1, b"still")
        .client(Type.END, 1, EMPTY)
        .enclave(Type.END, 1, end(b"still"))
    )
    logged = (
        Conversation()
        .client(Type.OPEN, 1, opening(b"a") | {8: {2: True, 3: 5000}})
        .enclave(Type.LOG, 1, b"begin\n")
        .enclave(Type.LOG, 1, b"end\n")
        .enclave(Type.END, 1, end(b"a"))
    )
    first_is_close = Conversation().client(CLOSE, 0, DONE)
    return [
        failed.held("error", "a call fails, and the next does not", "error"),
        cancelled.held("cancel", "a call is cancelled while its input is on its way", "cancel"),
        too_late.held("cancel_too_late", "the call had come to its end", "cancel"),
        behind_cancel.held(
            "cancel_and_what_comes_behind_it",
            "what a client sends for a call that it has cancelled is dropped, all but CREDIT",
            "cancel",
            [ENCLAVE],
        ),
        over.held("error_of_the_session", "ERROR on call 0 ends the session", "error"),
        closing.held("close_of_the_enclave", "calls that are open go on after CLOSE", "close"),
        logged.held("log", "what a function prints, where it was asked for", "log"),
        first_is_close.held("close_at_once", "a session without any call", "close"),
    ]


def account_key(account: bytes, kem: int, epoch: int) -> bytes:
    info = b"cape/2 account key" + kem.to_bytes(2, "big") + account + epoch.to_bytes(4, "big")
    kdf = HKDF(hashes.SHA512(), 32, salt=None, info=info)
    return KEMS[kem].public_key(kdf.derive(platform.VAULT_SECRET))


WANTED = {1: ALICE.public, 2: X25519}
KEY_ANSWER = {**WANTED, 3: 1, 4: account_key(ALICE.public, X25519, 1)}
NOTHING = hashlib.sha256().digest()
DESCRIPTION_ANSWER = {
    1: platform.DESCRIPTION,
    2: platform.RECEIPT_SPKI,
    3: {1: 7, 2: 1, 3: 2, 4: NOW_MS},
}


def key() -> Case:
    record = signed(statements.EPOCH)
    talk = (
        Conversation()
        .client(Type.OPEN, 1, {1: Operation.KEY, 9: b"", 10: [record], 11: WANTED})
        .enclave(Type.END, 1, {1: NOTHING, 2: EMPTY, 6: KEY_ANSWER})
    )
    return talk.held("key", "an account's key of the epoch that its record tells", "end")


def describe() -> Case:
    talk = (
        Conversation()
        .client(Type.OPEN, 1, {1: Operation.DESCRIBE, 9: b""})
        .enclave(Type.END, 1, {1: NOTHING, 2: EMPTY, 6: DESCRIPTION_ANSWER})
    )
    return talk.held("describe", "the description and the key that the document hashes", "end")


def deploy() -> Case:
    packed = bundle.pack({"app.py": SOURCE})
    handshake = Handshake("deploy")
    manifest = signed(
        statements.MANIFEST,
        bundle_sha256=hashlib.sha256(packed).hexdigest(),
        bundle_size=len(packed),
    )
    proof = statements.sign_owner_proof(ALICE, handshake.keys.owner_session)
    talk = (
        Conversation(handshake)
        .client(Type.OPEN, 1, {1: Operation.DEPLOY, 4: proof, 7: manifest, 8: {4: True}})
        .client(Type.DATA, 1, zstd(packed))
        .client(Type.END, 1, EMPTY)
        .enclave(Type.END, 1, {1: NOTHING, 2: EMPTY})
        .client(CLOSE, 0, DONE)
    )
    return talk.held("deploy_zstd", "a bundle as a zstd stream, by its owner", "open")


def zstd(content: bytes) -> bytes:
    """Return a zstd frame of one raw block (RFC 8878, section 3.1.1), the same in every version."""
    header = bytes.fromhex("28b52ffda0") + len(content).to_bytes(4, "little")
    return header + (len(content) << 3 | 1).to_bytes(3, "little") + content


def by_its_owner() -> Case:
    handshake = Handshake("owner", 3, [3])
    proof = statements.sign_owner_proof(ALICE, handshake.keys.owner_session)
    members = {
        1: Operation.RUN,
        2: FUNCTION.checksum,
        4: proof,
        6: octets("call nonce"),
        9: b"mine",
        10: [signed(statements.REVOCATIONS)],
    }
    # What only looks like a receipt: sessions see that it is there, and its key.
    proof_of_run = {3: b"a receipt", 4: {1: octets("a"), 2: octets("b")}, 7: platform.RECEIPT_SPKI}
    talk = (
        Conversation(handshake)
        .client(Type.OPEN, 1, members)
        .enclave(Type.END, 1, end(b"enim") | proof_of_run)
        .client(CLOSE, 0, DONE)
    )
    return talk.held(
        "run_by_its_owner", "a proof instead of a token, and a revocation list", "open"
    )


def without_receipt() -> Case:
    talk = (
        Conversation()
        .client(Type.OPEN, 1, opening(b"a") | {6: octets("call nonce")})
        .enclave(Type.ERROR, 1, {1: "FunctionError", 2: "not even imported"})
        .client(Type.OPEN, 2, opening(b"b"))
        .enclave(Type.END, 2, end(b"b"))
    )
    about = "no receipt of a handler that had not begun, nor of a call that asked for none"
    return talk.held("run_without_receipt", about, "open")


def forward_compatible() -> Case:
    talk = (
        Conversation()
        .client(Type.OPEN, 1, opening(b"a"))
        .enclave(Type.END, 1, end(b"a") | {2: {9: EMPTY}, 6: "of run", 99: [[[]]]})
        .client(Type.OPEN, 2, opening(b"b"))
        .enclave(Type.ERROR, 2, {1: "NoSuchClass", 2: "of a later version", 99: {1: b""}})
    )
    return talk.held(
        "unknown_keys_of_the_enclave", "what is not known is ignored", "end", ["client"]
    )


def unknown_values() -> Case:
    """Return a session with values that no known key has; 1024 entries are the most of a map."""
    values = {
        97: [-1, -(2**64), 2**64 - 1, False, None, "text"],
        98: {-1: -1, -(2**63): b"", "a": {"b": None}},
        99: dict.fromkeys(range(1024), 0),
    }
    talk = (
        Conversation()
        .client(Type.OPEN, 1, opening(b"a"))
        .enclave(Type.END, 1, end(b"a") | values)
        .client(Type.OPEN, 2, opening(b"b"))
        .enclave(Type.ERROR, 2, {1: "FunctionError", 2: "a message"} | values)
    )
    about = "what an ignored key has may be of any type that is read"
    return talk.held("unknown_keys_of_any_value", about, "notation", ["client"])

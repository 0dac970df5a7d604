"""Check 7: nonce, purpose, debug mode."""

from collections.abc import Iterator
from typing import Any

from tests.attestation import cbor

from .case import Case, malformed
from .chain import NOW_MS
from .document import NONCE, PCRS, VAULT, document, policy

SESSION = {"v": 2, "use": "session", "vault": VAULT, "runtime": bytes(32), "receipts": bytes(32)}
BIRTH = {"v": 2, "key": "file", "use": "vault-birth", "vault": VAULT}
OF_VAULT = policy({"vault": VAULT.hex()})
YEAR_MS = 365 * 86_400_000


def cases() -> Iterator[Case]:
    yield from nonces()
    yield from sessions()
    yield from births()
    yield from debug_modes()


def nonces() -> Iterator[Case]:
    other = "the document's nonce is not the one that was sent"
    for name, about, nonce in [
        ("other", "another one", NONCE[:-1] + b"!"),
        ("cut", "a byte too few", NONCE[:-1]),
        ("longer", "a byte more", NONCE + b"\0"),
        ("empty", "no bytes", b""),
        ("first_bit", "the first bit is another", bytes([NONCE[0] ^ 0x80]) + NONCE[1:]),
    ]:
        yield Case(f"nonce_{name}", "nonce", about, document(nonce=nonce), "NonceMismatch", other)
    none = "the document has no nonce, so it answers no question"
    yield Case("nonce_null", "nonce", "null", document(nonce=None), "NonceMismatch", none)
    yield Case(
        "nonce_null_for_empty",
        "nonce",
        "null, where an empty one is expected",
        document(nonce=None),
        "NonceMismatch",
        none,
        nonce=b"",
    )
    yield Case("nonce_unchecked", "nonce", "whatever it is", document(nonce=b"x"), nonce=None)
    yield Case("nonce_null_unchecked", "nonce", "null, unchecked", document(nonce=None), nonce=None)


def stated(fields: Any) -> bytes:
    """Return user data in the deterministic form: the keys sorted as they are encoded."""
    return cbor.encode(cbor.Pairs(in_its_order(fields)))


def in_its_order(fields: Any) -> list[tuple[str, Any]]:
    return sorted(fields.items(), key=lambda pair: cbor.encode(pair[0]))


def sessions() -> Iterator[Case]:
    judged = {"purpose": "session", "policy": OF_VAULT}
    of = lambda data, **changes: document(user_data=data, **changes)
    without = lambda name: stated({key: SESSION[key] for key in SESSION if key != name})
    yield Case("session", "purpose", "in order", of(stated(SESSION)), **judged)

    def refused(name: str, about: str, data: bytes, detail: str) -> Case:
        return malformed(f"session_{name}", "purpose", about, data, detail, **judged)

    yield refused(
        "without_user_data",
        "null",
        of(None),
        "it has no user data, so it says nothing of its purpose",
    )
    yield refused("empty", "no bytes", of(b""), "user data: input ends inside an item")
    for name in SESSION:
        yield refused(
            f"without_{name}", f"{name} is missing", of(without(name)), f"user data without {name}"
        )
    for name, about, data, detail in [
        ("of_version_1", "v is 1", {**SESSION, "v": 1}, "user data of version 1 instead of 2"),
        (
            "of_unknown_use",
            "use is kms",
            {**SESSION, "use": "kms"},
            'made for the unknown use "kms"',
        ),
        (
            "with_unknown_field",
            "a field that is not known",
            {**SESSION, "more": 1},
            'user data with "more", which is not known',
        ),
        (
            "with_key",
            "a field of births",
            {**SESSION, "key": "file"},
            'user data with "key", which is not known',
        ),
    ]:
        yield refused(name, about, of(stated(data)), detail)
    in_order = stated(SESSION)
    unsorted = cbor.encode(cbor.Pairs(reversed(in_its_order(SESSION))))
    indefinite = b"\xbf" + in_order[1:] + b"\xff"
    short = stated({**SESSION, "vault": VAULT[:-1]})
    for name, about, data, detail in [
        ("unsorted", "its keys descend", unsorted, "user data: map keys out of order at byte 44"),
        (
            "indefinite",
            "an indefinite map",
            indefinite,
            "user data: map or array of indefinite length at byte 0",
        ),
        (
            "trailing",
            "a byte behind it",
            in_order + b"\0",
            f"user data: trailing bytes from byte {len(in_order)}",
        ),
        (
            "vault_of_31_bytes",
            "a vault id of 31 bytes",
            short,
            "user data: expected a byte string of another length at byte "
            f"{short.index(b'vault') + 5}",
        ),
    ]:
        yield refused(name, about, of(data), detail)
    key_there = "it has a public key where none belongs"
    yield refused("with_public_key", "a public key", of(in_order, public_key=b"key"), key_there)
    yield refused("with_empty_public_key", "an empty one", of(in_order, public_key=b""), key_there)
    yield malformed(
        "session_of_a_birth",
        "purpose",
        "a birth where a session is expected",
        of(stated(BIRTH), nonce=None),
        'made for the use "vault-birth", not "session"',
        **{**judged, "nonce": None},
    )


def births() -> Iterator[Case]:
    judged: dict[str, Any] = {"purpose": "vault-birth", "policy": OF_VAULT, "nonce": None}
    born = document(user_data=stated(BIRTH), nonce=None)
    yield Case("birth", "purpose", "in order", born, **judged)
    yield Case(
        "birth_ten_years_later",
        "time",
        "its age does not count, and its chain is judged at its own time",
        born,
        **{**judged, "now_ms": NOW_MS + 10 * YEAR_MS},
    )
    yield Case(
        "birth_from_the_future_at_limit",
        "time",
        "two minutes in the future",
        born,
        **{**judged, "now_ms": NOW_MS - 120_000},
    )
    yield Case(
        "birth_from_the_future",
        "time",
        "two minutes and a millisecond in the future",
        born,
        "DocumentTooOld",
        "the document was made at 2026-01-15T12:00:00Z; judged at 2026-01-15T11:57:59Z it had to "
        "be made between 2026-01-15T11:00:00Z and 2026-01-15T11:59:59Z",
        **{**judged, "now_ms": NOW_MS - 120_001},
    )
    yield malformed(
        "birth_with_nonce",
        "purpose",
        "a nonce, though nobody asked",
        document(user_data=stated(BIRTH)),
        "it has a nonce where none belongs",
        **judged,
    )
    yield malformed(
        "birth_of_a_session",
        "purpose",
        "a session where a birth is expected",
        document(user_data=stated(SESSION)),
        'made for the use "session", not "vault-birth"',
        **judged,
    )


def debug_modes() -> Iterator[Case]:
    of_signer = policy({"pcr8": PCRS[8].hex()}).replace(f'pcr0 = "{PCRS[0].hex()}"\n', "")
    for index in range(3):
        detail = f"the enclave runs in debug mode: PCR{index} is zero or not told"
        zero = document(pcrs={**PCRS, index: bytes(48)})
        untold = document(pcrs={key: PCRS[key] for key in PCRS if key != index})
        for name, about, data in [("zero", "is zero", zero), ("untold", "is not told", untold)]:
            yield Case(
                f"debug_pcr{index}_{name}",
                "debug-mode",
                f"PCR{index} {about}, and the policy pins the signer only",
                data,
                "DebugModeEnclave",
                detail,
                policy=of_signer,
            )
    debug = {**PCRS, **dict.fromkeys((0, 1, 2, 8), bytes(48))}
    yield Case(
        "debug_genuine",
        "debug-mode",
        "PCR0, 1, 2 and 8 are zero, as in a genuine enclave in debug mode",
        document(pcrs=debug),
        "DebugModeEnclave",
        "the enclave runs in debug mode: PCR0 is zero or not told",
        policy=policy({"pcr0": PCRS[3].hex()}),
    )

"""Who may run: what a caller brings, what it is judged by, and the verdict."""

from typing import Any

from tests.independent.statements import EPOCH, MANIFEST, NAME, OWNER, REVOCATIONS, TOKEN
from tests.independent.text import base64url

from .case import Case
from .fixed import BOB, NOW, NOW_MS, octets
from .statement import CHECKSUM, DAY, FUNCTION, MEMBERS, signed

SESSION = MEMBERS[OWNER]["session"]
TEXTS = {"token": signed(TOKEN), "owner_proof": signed(OWNER)}
AGED = signed(MANIFEST, revocation_max_age_s=3600)
BEARER, BY_OWNER = {"token": TEXTS["token"]}, {"owner_proof": TEXTS["owner_proof"]}


def judged(name: str, about: str, brought: dict[str, Any], verdict: str, **changes: Any) -> Case:
    """Return a file; the `verdict` is who calls, or the class of the error."""
    fields = {
        "manifest": FUNCTION.manifest,
        "token": None,
        "owner_proof": None,
        "records": [],
        "owner_session": SESSION,
        "seen": None,
        "now_ms": NOW_MS,
        **brought,
        **changes,
    }
    if verdict in {"owner", "bearer"}:
        return Case("access", name, about, "who may run", {**fields, "caller": verdict})
    return Case("access", name, about, "who may run", fields, verdict)


def cases() -> list[Case]:
    return [*credentials(), *times(), *records(), *freshness()]


def bearer(**changes: Any) -> dict[str, Any]:
    return {"token": signed(TOKEN, **changes)}


def credentials() -> list[Case]:
    others_proof = signed(OWNER, BOB, account=BOB.id)
    others_token = signed(TOKEN, BOB, iss=BOB.id)
    later = base64url(octets("another session"))
    return [
        judged("token", "a token", BEARER, "bearer"),
        judged("owner", "the owner's proof", BY_OWNER, "owner"),
        judged("no_credential", "neither a token nor a proof", {}, "PermissionDenied"),
        judged("two_credentials", "a token and a proof", BEARER | BY_OWNER, "ProtocolError"),
        judged(
            "token_is_a_proof",
            "a proof in the token's place",
            {"token": TEXTS["owner_proof"]},
            "TokenInvalid",
        ),
        judged(
            "proof_is_a_token",
            "a token in the proof's place",
            {"owner_proof": TEXTS["token"]},
            "ProtocolError",
        ),
        judged(
            "token_of_another_function",
            "sub is another checksum",
            bearer(sub=CHECKSUM),
            "TokenWrongFunction",
        ),
        judged(
            "token_of_another_account",
            "signed by bob, for alice's function",
            {"token": others_token},
            "TokenInvalid",
        ),
        judged(
            "token_forged",
            "it names alice, and bob signed it",
            {"token": signed(TOKEN, BOB)},
            "TokenInvalid",
        ),
        judged(
            "proof_of_another_account",
            "bob's proof for alice's function",
            {"owner_proof": others_proof},
            "PermissionDenied",
        ),
        judged(
            "proof_forged",
            "it names alice, and bob signed it",
            {"owner_proof": signed(OWNER, BOB)},
            "PermissionDenied",
        ),
        judged(
            "proof_of_another_session",
            "the proof was made for another session",
            BY_OWNER,
            "PermissionDenied",
            owner_session=later,
        ),
    ]


def times() -> list[Case]:
    return [
        judged(
            "token_ends_in_a_millisecond",
            "a millisecond before exp",
            bearer(exp=NOW + 1),
            "bearer",
            now_ms=NOW_MS + 999,
        ),
        judged("token_ends_now", "at the second of exp", bearer(exp=NOW), "TokenExpired"),
        judged(
            "token_ended",
            "a millisecond after exp",
            bearer(exp=NOW),
            "TokenExpired",
            now_ms=NOW_MS + 1,
        ),
        judged(
            "token_120_s_ahead",
            "iat is 120 s ahead",
            bearer(iat=NOW + 120, exp=NOW + DAY),
            "bearer",
        ),
        judged(
            "token_121_s_ahead",
            "iat is 121 s ahead",
            bearer(iat=NOW + 121, exp=NOW + DAY),
            "TokenInvalid",
        ),
        judged(
            "token_a_millisecond_too_early",
            "iat is 120 s and a millisecond ahead",
            bearer(iat=NOW + 120, exp=NOW + DAY),
            "TokenInvalid",
            now_ms=NOW_MS - 1,
        ),
        judged(
            "token_wrong_and_expired",
            "of another function and over: the first check that fails is the error",
            bearer(sub=CHECKSUM, exp=NOW - 1),
            "TokenWrongFunction",
        ),
    ]


def listed(**changes: Any) -> dict[str, Any]:
    return {"records": [signed(REVOCATIONS, **changes)]}


def records() -> list[Case]:
    own = FUNCTION.checksum.hex()
    epoch, plain = signed(EPOCH), signed(REVOCATIONS)
    return [
        judged(
            "list_of_others", "a list with another token and function", BEARER | listed(), "bearer"
        ),
        judged(
            "list_and_epoch",
            "one record of each type",
            BEARER | {"records": [plain, epoch]},
            "bearer",
        ),
        judged(
            "list_revokes_token",
            "the token's jti is listed",
            BEARER | listed(jtis=["first-token"]),
            "TokenRevoked",
        ),
        judged(
            "list_revokes_function",
            "the function's checksum is listed",
            BEARER | listed(checksums=[own]),
            "PermissionDenied",
        ),
        judged(
            "list_revokes_function_for_owner",
            "a revoked function does not run for its owner either",
            BY_OWNER | listed(checksums=[own]),
            "PermissionDenied",
        ),
        judged(
            "list_revokes_no_owner",
            "jtis say nothing of the owner",
            BY_OWNER | listed(jtis=["first-token"]),
            "owner",
        ),
        judged(
            "list_number_lower",
            "a list with a higher number was seen",
            BEARER | listed(),
            "PermissionDenied",
            seen=signed(REVOCATIONS, number=8),
        ),
        judged(
            "list_number_same",
            "the list that was seen last",
            BEARER | listed(),
            "bearer",
            seen=plain,
        ),
        judged(
            "list_of_another_account",
            "bob's list",
            BEARER | {"records": [signed(REVOCATIONS, BOB, account=BOB.id)]},
            "PermissionDenied",
        ),
        judged(
            "list_forged",
            "it names alice, and bob signed it",
            BEARER | {"records": [signed(REVOCATIONS, BOB)]},
            "PermissionDenied",
        ),
        judged("list_twice", "two lists", BEARER | {"records": [plain, plain]}, "ProtocolError"),
        judged(
            "epoch_twice",
            "two epoch records",
            BEARER | {"records": [epoch, epoch]},
            "ProtocolError",
        ),
        judged(
            "record_of_another_type",
            "a name claim among the records",
            BEARER | {"records": [signed(NAME)]},
            "ProtocolError",
        ),
        judged(
            "record_malformed",
            "a record that is no statement",
            BEARER | {"records": ["list"]},
            "ProtocolError",
        ),
        judged(
            "token_expired_and_revoked",
            "over and revoked: the token is judged before the list",
            bearer(exp=NOW) | listed(jtis=["first-token"]),
            "TokenExpired",
        ),
    ]


def freshness() -> list[Case]:
    aged = {"manifest": AGED}
    function_of_it = {**aged, "owner_proof": TEXTS["owner_proof"]}

    def listed_at(seconds: int) -> dict[str, Any]:
        return function_of_it | listed(iat=NOW + seconds)

    return [
        judged("fresh", "a list of now", listed_at(0), "owner"),
        judged("fresh_3600_s_old", "as old as the manifest allows", listed_at(-3600), "owner"),
        judged("fresh_120_s_ahead", "120 s ahead", listed_at(120), "owner"),
        judged("stale", "a second too old", listed_at(-3601), "PermissionDenied"),
        judged(
            "stale_by_a_millisecond",
            "a millisecond too old",
            listed_at(-3600),
            "PermissionDenied",
            now_ms=NOW_MS + 1,
        ),
        judged("fresh_from_the_future", "121 s ahead", listed_at(121), "PermissionDenied"),
        judged(
            "fresh_missing",
            "the manifest demands a list, and there is none",
            function_of_it,
            "PermissionDenied",
        ),
        judged(
            "fresh_missing_with_epoch",
            "an epoch record is no list",
            function_of_it | {"records": [signed(EPOCH)]},
            "PermissionDenied",
        ),
        judged(
            "old_where_no_age_is_demanded",
            "a list of a year ago, where the manifest says nothing",
            BEARER | listed(iat=NOW - 365 * DAY),
            "bearer",
        ),
    ]

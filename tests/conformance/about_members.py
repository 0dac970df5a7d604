"""The members of all other types."""

from typing import Any

from tests.independent.statements import EPOCH, NAME, OWNER, REQUEST, REVOCATIONS, TOKEN
from tests.independent.text import base64url

from .case import Case
from .fixed import NOW, NOW_MS, octets
from .statement import (
    CHECKSUM,
    DAY,
    HEADERS,
    KINDS,
    MEMBERS,
    accepted,
    assemble,
    compact,
    refused,
    signed,
)

HIGHEST = 2**53 - 1
Changes = dict[str, Any]

ACCEPTED: dict[str, dict[str, tuple[str, Changes]]] = {
    TOKEN: {
        "accepted": ("the control: nothing is wrong with it", {}),
        "named": ("a name of 128 bytes", {"name": "ü" * 64}),
        "jti_of_64": ("the longest jti", {"jti": "aZ0-_" + "a" * 59}),
        "of_90_days": ("the longest lifetime", {"exp": NOW - DAY + 90 * DAY}),
        "of_one_second": ("the shortest lifetime", {"exp": NOW - DAY + 1}),
    },
    OWNER: {"accepted": ("the control: nothing is wrong with it", {})},
    NAME: {
        "accepted": ("the control: nothing is wrong with it", {}),
        "of_3": ("the shortest name", {"name": "a-1"}),
        "of_32": ("the longest name", {"name": "a" * 32}),
    },
    EPOCH: {
        "accepted": ("the control: nothing is wrong with it", {}),
        "highest": ("the highest epoch", {"epoch": 2**32 - 1}),
    },
    REVOCATIONS: {
        "accepted": ("the control: nothing is wrong with it", {}),
        "empty": ("a list of nothing", {"jtis": [], "checksums": []}),
        "number_highest": ("the highest number", {"number": HIGHEST}),
        "repeating": ("the same entries twice", {"jtis": ["a", "a"], "checksums": [CHECKSUM] * 2}),
    },
}

REFUSED: dict[str, dict[str, tuple[str, Changes]]] = {
    TOKEN: {
        "with_v": ("a version, which tokens have not", {"v": 2}),
        "with_nbf": ("a claim of RFC 7519 that is not used", {"nbf": NOW}),
        "with_account": ("a member account beside iss", {"account": MEMBERS[TOKEN]["iss"]}),
        "aud_other": ("another audience", {"aud": "cape/deploy"}),
        "aud_array": ("the audience in an array", {"aud": ["cape/run"]}),
        "sub_in_capitals": ("a checksum in capitals", {"sub": MEMBERS[TOKEN]["sub"].upper()}),
        "sub_is_function_id": ("a function id instead of the checksum", {"sub": "2" * 28}),
        "jti_empty": ("an empty jti", {"jti": ""}),
        "jti_of_65": ("a jti too long", {"jti": "a" * 65}),
        "jti_with_space": ("a space in the jti", {"jti": "a b"}),
        "name_empty": ("an empty name", {"name": ""}),
        "name_of_129": ("a name of 129 bytes", {"name": "a" + "ü" * 64}),
        "name_with_line_break": ("a line break in the name", {"name": "a\nb"}),
        "name_with_c1_control": ("a control character above 7f in the name", {"name": "a\u0085b"}),
        "beyond_90_days": ("a second more than 90 days", {"exp": NOW - DAY + 90 * DAY + 1}),
        "exp_is_iat": ("no lifetime", {"exp": NOW - DAY}),
        "exp_before_iat": ("an end before the beginning", {"exp": NOW - 2 * DAY}),
        "iat_text": ("a time as a text", {"iat": str(NOW)}),
    },
    OWNER: {
        "session_of_31_bytes": ("a session of 31 bytes", {"session": base64url(octets("s", 31))}),
        "session_padded": ("a session with padding", {"session": MEMBERS[OWNER]["session"] + "="}),
        "session_with_bits_left_over": (
            "a session whose last character has a bit that stands for nothing",
            {"session": "A" * 42 + "B"},
        ),
        "session_in_hex": ("a session in hexadecimal digits", {"session": octets("s").hex()}),
    },
    NAME: {
        "empty": ("an empty name", {"name": ""}),
        "of_2": ("a name too short", {"name": "al"}),
        "of_33": ("a name too long", {"name": "a" * 33}),
        "digit_first": ("a digit in front", {"name": "1alice"}),
        "hyphen_first": ("a hyphen in front", {"name": "-alice"}),
        "in_capitals": ("a capital letter", {"name": "Alice"}),
        "with_underscore": ("an underscore, which functions may have", {"name": "al_ice"}),
        "beyond_ascii": ("a letter that looks like another", {"name": "\u0430lice"}),
    },
    EPOCH: {
        "zero": ("epoch 0, which needs no record", {"epoch": 0}),
        "beyond_32_bits": ("2^32", {"epoch": 2**32}),
        "text": ("the epoch as a text", {"epoch": "1"}),
        "array": ("the epoch in an array", {"epoch": [1]}),
    },
    REVOCATIONS: {
        "number_zero": ("numbers begin with 1", {"number": 0}),
        "jti_empty": ("an empty jti", {"jtis": [""]}),
        "jti_of_65": ("a jti too long", {"jtis": ["a" * 65]}),
        "jtis_text": ("a text instead of an array", {"jtis": "a"}),
        "jtis_of_numbers": ("a jti that is no text", {"jtis": [1]}),
        "checksum_short": ("a checksum of 31 bytes", {"checksums": ["ab" * 31]}),
        "checksum_in_capitals": ("a checksum in capitals", {"checksums": [CHECKSUM.upper()]}),
    },
    REQUEST: {
        "method_in_lower_case": ("a method in lower case", {"method": "delete"}),
        "method_empty": ("no method", {"method": ""}),
        "method_of_17": ("a method too long", {"method": "A" * 17}),
        "path_relative": ("a path that does not begin with /", {"path": "v2/functions"}),
        "path_with_space": ("a space in the path", {"path": "/v2/a b"}),
        "path_of_1025": ("a path too long", {"path": "/" + "a" * 1024}),
        "path_beyond_ascii": ("a letter beyond ASCII", {"path": "/v2/ü"}),
        "nonce_of_15": ("a nonce too short", {"nonce": "a" * 15}),
        "nonce_of_129": ("a nonce too long", {"nonce": "a" * 129}),
        "nonce_padded": ("a nonce with padding", {"nonce": "a" * 22 + "=="}),
    },
}


def cases() -> list[Case]:
    found = []
    for type_, kind in KINDS.items():
        members = MEMBERS[type_]
        judged_by = AS_SENT if type_ == REQUEST else {}
        for name, (about, changes) in ACCEPTED.get(type_, {}).items():
            found.append(accepted(f"{kind}_{name}", about, type_, signed(type_, **changes)))
        for name, (about, changes) in REFUSED.get(type_, {}).items():
            text = signed(type_, **changes)
            found.append(refused(f"{kind}_{name}", about, type_, text, **judged_by))
        if type_ in REFUSED:
            found += of_every_type(type_, kind, members, judged_by)
    return [*found, *requests()]


def of_every_type(type_: str, kind: str, members: Changes, judged_by: Changes) -> list[Case]:
    """Return what is wrong in the same way with each type."""
    unsigned = compact({k: v for k, v in members.items() if k not in {"account", "iss"}})
    found = [
        refused(
            f"{kind}_without_{member}",
            f"the member {member} is missing",
            type_,
            signed(type_, **{member: ...})
            if member not in {"account", "iss"}
            else assemble(HEADERS[type_], unsigned.encode()),
            **judged_by,
        )
        for member in members
    ]
    found.append(
        refused(
            f"{kind}_unknown_member",
            "a member that is not known",
            type_,
            signed(type_, extra=1),
            **judged_by,
        )
    )
    if "v" in members:
        found += [
            refused(f"{kind}_v_1", "version 1", type_, signed(type_, v=1), **judged_by),
            refused(f"{kind}_v_3", "version 3", type_, signed(type_, v=3), **judged_by),
        ]
    return found


AS_SENT = {
    "method": MEMBERS[REQUEST]["method"],
    "path": MEMBERS[REQUEST]["path"],
    "now_ms": NOW_MS,
}


def requests() -> list[Case]:
    """What a request to the control plane is judged by."""
    text, denied = signed(REQUEST), "PermissionDenied"
    longest = {"method": "A" * 16, "path": "/" + "~" * 1023, "nonce": "a" * 128}

    def at(seconds: int, ms: int = 0) -> Changes:
        return {**AS_SENT, "now_ms": (NOW + seconds) * 1000 + ms}

    sent = {**AS_SENT, "method": longest["method"], "path": longest["path"]}
    return [
        accepted(
            "request_accepted", "the control: nothing is wrong with it", REQUEST, text, **AS_SENT
        ),
        accepted(
            "request_longest",
            "each member at its limit",
            REQUEST,
            signed(REQUEST, **longest),
            **sent,
        ),
        accepted("request_120_s_late", "120 s after iat", REQUEST, text, **at(120)),
        accepted("request_120_s_early", "120 s before iat", REQUEST, text, **at(-120)),
        refused(
            "request_late", "a millisecond later than 120 s", REQUEST, text, denied, **at(120, 1)
        ),
        refused(
            "request_early",
            "a millisecond earlier than 120 s",
            REQUEST,
            text,
            denied,
            **at(-121, 999),
        ),
        refused(
            "request_other_method",
            "sent with another method",
            REQUEST,
            text,
            denied,
            **{**AS_SENT, "method": "PUT"},
        ),
        refused(
            "request_other_path",
            "sent to another path",
            REQUEST,
            text,
            denied,
            **{**AS_SENT, "path": "/v2/functions/2"},
        ),
    ]

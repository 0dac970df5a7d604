"""The members of a manifest."""

from typing import Any

from tests.independent.statements import MANIFEST

from .case import Case
from .statement import MANIFEST_MEMBERS, accepted, refused, signed

HIGHEST = 2**53 - 1
LONGEST_HANDLER = "a" * 63 + ":" + "b" * 64
FULL_ENV = {f"V{index:02}": "x" * 253 for index in range(64)}

# What each member may be, at its limits.
ACCEPTED: dict[str, tuple[str, dict[str, Any]]] = {
    "accepted": ("the control: nothing is wrong with it", {}),
    "name_of_64": ("the longest name", {"name": "a" * 64}),
    "name_of_1": ("the shortest name", {"name": "a"}),
    "version_highest": ("the highest version, 2^53 - 1", {"version": HIGHEST}),
    "bundle_size_highest": ("the largest bundle, 2^53 - 1", {"bundle_size": HIGHEST}),
    "python_3_0": ("a minor version of 0", {"python": "3.0"}),
    "python_of_three_digits": ("a minor version of three digits", {"python": "3.999"}),
    "handler_of_128": ("the longest handler", {"handler": LONGEST_HANDLER}),
    "handler_in_a_package": ("a module with dots", {"handler": "_a.b2.c:_D"}),
    "isolation_call": ("the isolation call", {"isolation": "call"}),
    "isolation_function": ("the isolation function", {"isolation": "function"}),
    "memory_highest": ("the most memory", {"memory_mib": 1_048_576}),
    "timeout_longest": ("the longest timeout", {"timeout_s": 86_400}),
    "env_full": ("64 variables of 16 KiB in all", {"env": FULL_ENV}),
    "min_epoch_highest": (
        "the highest first epoch, whose window ends at 2^32 - 1",
        {"min_epoch": 2**32 - 16},
    ),
    "min_epoch_zero": ("the first epoch told, though it is 0", {"min_epoch": 0}),
    "max_age_longest": ("the longest age of a list, 90 days", {"revocation_max_age_s": 7_776_000}),
    "max_age_shortest": ("the shortest age of a list", {"revocation_max_age_s": 1}),
}

REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "v_1": ("another version", {"v": 1}),
    "v_text": ("the version as a text", {"v": "2"}),
    "unknown_member": ("a member that is not known", {"author": "alice"}),
    "account_number": ("an account that is no text", {"account": 2}),
    "name_empty": ("an empty name", {"name": ""}),
    "name_of_65": ("a name too long", {"name": "a" * 65}),
    "name_in_capitals": ("a capital letter", {"name": "Echo"}),
    "name_digit_first": ("a digit in front", {"name": "1echo"}),
    "name_with_space": ("a space in the name", {"name": "echo 2"}),
    "name_with_dot": ("a dot in the name", {"name": "echo.2"}),
    "name_beyond_ascii": ("a letter beyond ASCII", {"name": "écho"}),
    "name_with_line_break": ("a line break behind the name", {"name": "echo\n"}),
    "version_0": ("versions begin with 1", {"version": 0}),
    "version_text": ("the version as a text", {"version": "1"}),
    "bundle_sha256_in_capitals": ("a hash in capitals", {"bundle_sha256": "AB" * 32}),
    "bundle_sha256_short": ("a hash of 31 bytes", {"bundle_sha256": "ab" * 31}),
    "bundle_sha256_long": ("a hash of 33 bytes", {"bundle_sha256": "ab" * 33}),
    "bundle_sha256_no_hex": ("a hash with other characters", {"bundle_sha256": "zz" * 32}),
    "bundle_size_0": ("an empty bundle", {"bundle_size": 0}),
    "python_2": ("another Python", {"python": "2.7"}),
    "python_with_patch": ("a patch version", {"python": "3.11.4"}),
    "python_leading_zero": ("a leading zero", {"python": "3.011"}),
    "python_of_four_digits": ("a minor version of four digits", {"python": "3.1000"}),
    "python_number": ("a number instead of a text", {"python": 3}),
    "platform_empty": ("an empty platform", {"platform": ""}),
    "platform_of_65": ("a platform too long", {"platform": "a" * 65}),
    "platform_in_capitals": ("a capital letter in the platform", {"platform": "X86_64"}),
    "handler_without_function": ("a handler without a function", {"handler": "app"}),
    "handler_of_129": ("a handler too long", {"handler": "a" + LONGEST_HANDLER}),
    "handler_with_two_colons": ("a second colon", {"handler": "app:a:b"}),
    "handler_digit_first": ("a module that begins with a digit", {"handler": "1app:a"}),
    "handler_with_empty_module": ("two dots in a row", {"handler": "app..a:b"}),
    "handler_with_dotted_function": ("a function with a dot", {"handler": "app:a.b"}),
    "handler_beyond_ascii": ("an identifier beyond ASCII", {"handler": "äpp:a"}),
    "isolation_unknown": ("an isolation that is not known", {"isolation": "none"}),
    "isolation_in_capitals": ("an isolation in capitals", {"isolation": "Session"}),
    "memory_0": ("no memory", {"memory_mib": 0}),
    "memory_too_high": ("1 MiB too much", {"memory_mib": 1_048_577}),
    "timeout_0": ("no time", {"timeout_s": 0}),
    "timeout_too_long": ("a second too long", {"timeout_s": 86_401}),
    "env_of_65": ("65 variables", {"env": {f"V{index}": "" for index in range(65)}}),
    "env_beyond_16_kib": ("16 KiB and one byte", {"env": {**FULL_ENV, "V63": "x" * 254}}),
    "env_name_empty": ("a variable without a name", {"env": {"": "1"}}),
    "env_name_with_equals": ("a name with an equals sign", {"env": {"A=B": "1"}}),
    "env_name_digit_first": ("a name that begins with a digit", {"env": {"1A": "1"}}),
    "env_value_with_nul": ("a value with NUL", {"env": {"A": "1\0"}}),
    "env_value_number": ("a value that is no text", {"env": {"A": 1}}),
    "env_array": ("variables in an array", {"env": []}),
    "egress_all": ("another egress", {"egress": "all"}),
    "min_epoch_too_high": ("a window that ends beyond 2^32 - 1", {"min_epoch": 2**32 - 15}),
    "min_epoch_text": ("the first epoch as a text", {"min_epoch": "1"}),
    "max_age_0": ("a list that may have no age", {"revocation_max_age_s": 0}),
    "max_age_too_long": (
        "a list that may be older than 90 days",
        {"revocation_max_age_s": 7_776_001},
    ),
}


def cases() -> list[Case]:
    return [
        *(
            accepted(f"manifest_{name}", about, MANIFEST, signed(MANIFEST, **changes))
            for name, (about, changes) in ACCEPTED.items()
        ),
        *(
            refused(f"manifest_{name}", about, MANIFEST, signed(MANIFEST, **changes))
            for name, (about, changes) in REFUSED.items()
        ),
        *(
            refused(
                f"manifest_without_{member}",
                f"the member {member} is missing",
                MANIFEST,
                signed(MANIFEST, **{member: ...}),
            )
            for member in MANIFEST_MEMBERS
            if member != "account"
        ),
    ]

"""The query of the upgrade."""

from tests.independent.text import base64url

from .case import Case
from .fixed import octets

NONCE = base64url(octets("client nonce"))
LOOSE = "A" * 42 + "B"

# What is shown, the query, what the enclave has, and the suite that it takes.
ACCEPTED = {
    "accepted": (
        "the control: nothing is wrong with it",
        f"nonce={NONCE}&suites=1,2",
        [1, 2, 3, 4],
        1,
    ),
    "other_order": ("the parameters in another order", f"suites=2&nonce={NONCE}", [1, 2, 3, 4], 2),
    "client_prefers": ("the client's order decides", f"nonce={NONCE}&suites=4,1", [1, 2, 3, 4], 4),
    "first_that_is_there": (
        "the first that the enclave has",
        f"nonce={NONCE}&suites=1,3,2",
        [2, 3],
        3,
    ),
    "unknown_suites": (
        "numbers that are not known are passed over",
        f"nonce={NONCE}&suites=255,9,3",
        [1, 2, 3, 4],
        3,
    ),
    "eight_suites": ("the longest offer", f"nonce={NONCE}&suites=8,7,6,5,4,3,2,1", [1, 2, 3, 4], 4),
    "comma_escaped": ("a comma as %2C", f"nonce={NONCE}&suites=1%2C2", [2], 2),
    "comma_escaped_in_lower_case": ("a comma as %2c", f"nonce={NONCE}&suites=1%2c2", [2], 2),
}

REFUSED = {
    "empty": ("no query", ""),
    "without_nonce": ("no nonce", "suites=1"),
    "without_suites": ("no offer", f"nonce={NONCE}"),
    "nonce_twice": ("the nonce twice", f"nonce={NONCE}&nonce={NONCE}&suites=1"),
    "suites_twice": ("the offer twice", f"nonce={NONCE}&suites=1&suites=1"),
    "unknown_parameter": ("one more parameter", f"nonce={NONCE}&suites=1&token=1"),
    "parameter_in_capitals": ("a name in capitals", f"Nonce={NONCE}&suites=1"),
    "ampersand_behind": ("an ampersand behind", f"nonce={NONCE}&suites=1&"),
    "nonce_empty": ("an empty nonce", "nonce=&suites=1"),
    "nonce_of_31_bytes": ("a nonce of 31 bytes", f"nonce={base64url(octets('n', 31))}&suites=1"),
    "nonce_of_33_bytes": ("a nonce of 33 bytes", f"nonce={base64url(octets('n', 33))}&suites=1"),
    "nonce_padded": ("a nonce with padding", f"nonce={NONCE}=&suites=1"),
    "nonce_with_bits_left_over": (
        "a nonce whose last character has a bit that stands for nothing",
        f"nonce={LOOSE}&suites=1",
    ),
    "nonce_in_plain_base64": ("a plus sign in the nonce", f"nonce=+{NONCE[1:]}&suites=1"),
    "suites_empty": ("an empty offer", f"nonce={NONCE}&suites="),
    "nine_suites": ("an offer of nine", f"nonce={NONCE}&suites=1,2,3,4,5,6,7,8,9"),
    "suite_twice": ("a suite twice", f"nonce={NONCE}&suites=1,2,1"),
    "suite_0": ("the number 0", f"nonce={NONCE}&suites=0,1"),
    "suite_256": ("a number beyond 255", f"nonce={NONCE}&suites=1,256"),
    "suite_leading_zero": ("a leading zero", f"nonce={NONCE}&suites=01"),
    "suite_signed": ("a sign", f"nonce={NONCE}&suites=+1"),
    "suite_with_space": ("a space", f"nonce={NONCE}&suites=1, 2"),
    "suite_escaped": ("an escaped digit", f"nonce={NONCE}&suites=%31"),
    "comma_behind": ("a comma behind", f"nonce={NONCE}&suites=1,"),
    "no_common_suite": ("nothing that the enclave has", f"nonce={NONCE}&suites=9,200"),
}


def cases() -> list[Case]:
    rule = "1. the upgrade"
    return [
        *(
            Case("upgrade", name, about, rule, {"query": query, "suites": suites, "suite": suite})
            for name, (about, query, suites, suite) in ACCEPTED.items()
        ),
        *(
            Case(
                "upgrade",
                name,
                about,
                rule,
                {"query": query, "suites": [1, 2, 3, 4]},
                "ProtocolError",
            )
            for name, (about, query) in REFUSED.items()
        ),
    ]

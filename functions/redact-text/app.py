"""Take personal details out of a text, so that the rest can be passed on.

Input: UTF-8, at most 4 MiB. Output: the text with [EMAIL], [IBAN], [CARD], [IP] and [PHONE] in the
place of what they name. An IBAN and a card's number count if their check digits are right, an IP
address if it is one; a telephone number if it has 8 to 15 digits and begins with + or 0. A number
that runs into others, as a card's into its date, is not taken apart, and stays.
"""

import ipaddress
import re
from collections.abc import Callable
from functools import partial

LIMIT = 4 << 20


def cape_handler(input_bytes: bytes) -> str:
    if len(input_bytes) > LIMIT:
        raise ValueError(f"the text has {len(input_bytes):,} bytes; {LIMIT:,} at most are redacted")
    try:
        text = input_bytes.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"the text is not UTF-8, from byte {error.start:,} on") from None
    for label, pattern, is_one in DETAILS:
        text = pattern.sub(partial(redacted, label, is_one), text)
    return text


def redacted(label: str, is_one: Callable[[str], bool], found: re.Match[str]) -> str:
    return f"[{label}]" if is_one(found[0]) else found[0]


def is_iban(text: str) -> bool:
    """ISO 13616: letters are numbers from 10 on, and the whole is 1 modulo 97."""
    compact = text.replace(" ", "")
    return int("".join(str(int(each, 36)) for each in compact[4:] + compact[:4])) % 97 == 1


def is_card(text: str) -> bool:
    """ISO/IEC 7812-1: every second digit from the right counts twice (Luhn)."""
    digits = [int(each) for each in reversed(text) if each.isdigit()]
    return sum(digits[::2]) % 10 == -sum(sum(divmod(2 * each, 10)) for each in digits[1::2]) % 10


def is_ip(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def is_phone(text: str) -> bool:
    return 8 <= sum(map(str.isdigit, text)) <= 15


IP_4 = r"\d{1,3}(?:\.\d{1,3}){3}"
IP_6 = r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f.]{0,15}){2,7}"

# The longer first: a card's number is not to be taken for a telephone's. No pattern looks at one
# place of a text again and again: the time that they take grows with its length, and no faster.
DETAILS: list[tuple[str, re.Pattern[str], Callable[[str], bool]]] = [
    ("EMAIL", re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]+(?:\.[\w-]+)+"), bool),
    ("IBAN", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b", re.ASCII), is_iban),
    ("CARD", re.compile(r"(?<![\d+])\d(?:[ -]?\d){12,18}(?!\d)", re.ASCII), is_card),
    ("IP", re.compile(rf"(?<![\w.:])(?:{IP_4}(?!\w)|{IP_6}(?![\w:]))(?<!\.)", re.ASCII), is_ip),
    (
        "PHONE",
        re.compile(r"(?<![\w+])(?:\+|0)\d(?:[ ()/.-]{0,2}\d){6,14}(?!\d)", re.ASCII),
        is_phone,
    ),
]

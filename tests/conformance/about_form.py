"""The form that all statements have: header, base64url, JSON, signature."""

from tests.independent.jws import LIMIT, Account, header
from tests.independent.statements import EPOCH, NAME, TOKEN
from tests.independent.text import base64url, bech32m, from_base64url

from . import ed25519
from .case import Case
from .fixed import ALICE, BOB
from .statement import HEADERS, MEMBERS, accepted, assemble, compact, refused, signature, signed

GOOD = signed(EPOCH)
HEADER, PAYLOAD, SIGNATURE = GOOD.split(".")
RULE = "statements"


def cases() -> list[Case]:
    return [*headers(), *texts(), *payloads(), *signatures(), *accounts()]


def of_form(name: str, about: str, statement: str, error: str = "ProtocolError") -> Case:
    return refused(f"form_{name}", about, EPOCH, statement, error, rule=RULE)


def headers() -> list[Case]:
    octets = compact(MEMBERS[EPOCH]).encode()
    variants = {
        "alg_none": ("the algorithm none", '{"alg":"none","typ":"cape-epoch+jws"}'),
        "alg_ed25519": (
            "the newer name of the algorithm",
            '{"alg":"Ed25519","typ":"cape-epoch+jws"}',
        ),
        "alg_hs256": ("a MAC for an algorithm", '{"alg":"HS256","typ":"cape-epoch+jws"}'),
        "alg_in_lower_case": (
            "the algorithm in lower case",
            '{"alg":"eddsa","typ":"cape-epoch+jws"}',
        ),
        "without_alg": ("no algorithm", '{"typ":"cape-epoch+jws"}'),
        "without_typ": ("no type", '{"alg":"EdDSA"}'),
        "typ_jwt": ("the type JWT", '{"alg":"EdDSA","typ":"JWT"}'),
        "typ_unknown": ("a type that is not known", '{"alg":"EdDSA","typ":"cape-epochs+jws"}'),
        "extra_kid": ("one more key", '{"alg":"EdDSA","typ":"cape-epoch+jws","kid":"1"}'),
        "extra_crit": (
            "an extension",
            '{"alg":"EdDSA","crit":["b64"],"b64":true,"typ":"cape-epoch+jws"}',
        ),
        "in_another_order": ("typ before alg", '{"typ":"cape-epoch+jws","alg":"EdDSA"}'),
        "with_spaces": ("white space", '{"alg": "EdDSA", "typ": "cape-epoch+jws"}'),
        "escaped": ("an escaped letter", '{"alg":"EdDS\\u0041","typ":"cape-epoch+jws"}'),
        "empty": ("an empty object", "{}"),
    }
    return [
        *(
            of_form(f"header_{name}", f"a header with {about}", assemble(text.encode(), octets))
            for name, (about, text) in variants.items()
        ),
        of_form("of_another_type", "a name claim where an epoch record is expected", signed(NAME)),
        refused(
            "form_token_of_another_type",
            "an epoch record where a token is expected",
            TOKEN,
            GOOD,
            rule=RULE,
        ),
    ]


def texts() -> list[Case]:
    """What is wrong with the three parts, before anything is decoded."""
    # 64 bytes are 86 characters, whose last one has four bits left over.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    loose = SIGNATURE[:-1] + alphabet[alphabet.index(SIGNATURE[-1]) | 1]
    longest = compact({**MEMBERS[EPOCH], "padding": ""})
    return [
        accepted("form_accepted", "the control: nothing is wrong with it", EPOCH, GOOD),
        of_form("empty", "an empty text", ""),
        of_form("of_two_parts", "no signature and no dot before it", f"{HEADER}.{PAYLOAD}"),
        of_form("of_four_parts", "one more part", f"{GOOD}.{SIGNATURE}"),
        of_form("payload_empty", "a part without characters", f"{HEADER}..{SIGNATURE}"),
        of_form("space_in_front", "a space in front", f" {GOOD}"),
        of_form("line_break_behind", "a line break behind", f"{GOOD}\n"),
        of_form("header_padded", "padding behind the header", f"{HEADER}=.{PAYLOAD}.{SIGNATURE}"),
        of_form("payload_padded", "padding behind the payload", padded_payload()),
        of_form("signature_padded", "padding behind the signature", f"{GOOD}=="),
        of_form(
            "signature_with_bits_left_over",
            "the last character of the signature has a bit that stands for nothing",
            f"{HEADER}.{PAYLOAD}.{loose}",
        ),
        of_form("payload_with_bits_left_over", "the same in the payload", loose_payload()),
        of_form(
            "in_plain_base64",
            "a slash in the signature, the alphabet of section 4 of RFC 4648",
            f"{HEADER}.{PAYLOAD}./{SIGNATURE[1:]}",
        ),
        of_form("signature_cut", "a signature of 63 bytes", f"{HEADER}.{PAYLOAD}.{cut(SIGNATURE)}"),
        of_form("signature_empty", "an empty signature", f"{HEADER}.{PAYLOAD}."),
        of_form(
            "too_long",
            f"more than {LIMIT} characters, by white space in the payload",
            of_length(longest, LIMIT + 1),
        ),
    ]


def cut(part: str) -> str:
    return base64url(from_base64url(part)[:-1])


def padded_payload() -> str:
    message = f"{HEADER}.{PAYLOAD}="
    return f"{message}.{signature(message)}"


def loose_payload() -> str:
    """Return a statement whose payload has bits left over that are not zero."""
    payload = compact(MEMBERS[EPOCH])
    while len(payload) % 3 != 1:
        payload = payload[:-1] + " }"
    encoded = base64url(payload.encode())
    last = chr(ord(encoded[-1]) + 1)
    message = f"{HEADER}.{encoded[:-1]}{last}"
    return f"{message}.{signature(message)}"


def of_length(payload: str, length: int) -> str:
    """Return a statement of at least that many characters, with white space in its payload."""
    front = len(base64url(header(EPOCH))) + 2 + len(SIGNATURE)
    missing = (length - front) * 3 // 4 + 1 - len(payload)
    return assemble(header(EPOCH), (payload[:-1] + " " * missing + "}").encode())


def payloads() -> list[Case]:
    front = f'{{"v":2,"account":"{ALICE.id}","epoch":'
    variants: dict[str, tuple[str, str | bytes]] = {
        "no_json": ("a payload that is no JSON", "epoch 1"),
        "array": ("an array", "[]"),
        "trailing_comma": ("a comma before the end", front + "1,}"),
        "behind_object": ("something behind the object", front + "1}{}"),
        "comment": ("a comment", front + "1/**/}"),
        "byte_order_mark": ("a byte order mark in front", "\ufeff" + front + "1}"),
        "no_utf8": ("a byte that is no UTF-8", front.encode() + b'1,"\xff":1}'),
        "lone_surrogate": ("half of a surrogate pair", front + '1,"x":"\\ud800"}'),
        "control_character": ("a line break in a text", front + '1,"x":"\n"}'),
        "duplicate": ("a key twice", front + '1,"epoch":1}'),
        "duplicate_escaped": ("a key twice, once escaped", front + '1,"\\u0065poch":1}'),
        "duplicate_account": ("the account twice", front + f'1,"account":"{ALICE.id}"}}'),
        "fraction": ("a fraction", front + "1.0}"),
        "exponent": ("an exponent", front + "1e0}"),
        "negative": ("a negative number", front + "-1}"),
        "negative_zero": ("a zero below zero", front + "-0}"),
        "leading_zero": ("a leading zero", front + "01}"),
        "boolean": ("a boolean", front + "true}"),
        "null": ("null", front + "null}"),
        "beyond_integers": ("2^53, which not every library keeps", front + "9007199254740992}"),
        "beyond_64_bits": ("2^64", front + "18446744073709551616}"),
        "nested_deeply": (
            "arrays in arrays, ten thousand",
            front + "1" + f',"x":{nested(10_000)}}}',
        ),
    }
    return [
        of_form(
            f"json_{name}",
            f"{about} in the payload" if not about.startswith("a payload") else about,
            assemble(HEADERS[EPOCH], text.encode() if isinstance(text, str) else text),
        )
        for name, (about, text) in variants.items()
    ] + [
        accepted(
            "form_json_with_spaces",
            "white space and another order of members are the author's",
            EPOCH,
            assemble(
                HEADERS[EPOCH], f' {{ "epoch": 1,\n "account" : "{ALICE.id}", "v":2}}\t'.encode()
            ),
        ),
        accepted(
            "form_json_escaped",
            "an escaped letter in a key that is there once",
            EPOCH,
            assemble(HEADERS[EPOCH], (front.replace("epoch", "\\u0065poch") + "1}").encode()),
        ),
    ]


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def signatures() -> list[Case]:
    octets = ALICE.key.sign(f"{HEADER}.{PAYLOAD}".encode())
    message = f"{HEADER}.{PAYLOAD}".encode()
    claim = {**MEMBERS[EPOCH], "account": BOB.id}
    bobs = assemble(HEADERS[EPOCH], compact(claim).encode())
    denied = "PermissionDenied"
    parts = [f"{HEADER}.{PAYLOAD}.{base64url(other)}" for other in variants_of(octets, message)]
    renamed = assemble(HEADERS[EPOCH], compact({**MEMBERS[EPOCH], "epoch": 2}).encode())
    return [
        of_form("signature_altered", "one bit of R is flipped", parts[0], denied),
        of_form("signature_scalar_altered", "one bit of S is flipped", parts[1], denied),
        of_form(
            "signature_not_canonical",
            "S + L instead of S: RFC 8032, section 5.1.7, wants S below L",
            parts[2],
            denied,
        ),
        of_form(
            "signature_with_torsion",
            "R has a part of small order: it holds only for who multiplies by the cofactor",
            parts[3],
            denied,
        ),
        of_form("signature_of_zeros", "64 zero bytes", parts[4], denied),
        of_form(
            "signature_of_another_payload",
            "the payload of one statement, the signature of another",
            f"{HEADER}.{PAYLOAD}.{renamed.split('.')[2]}",
            denied,
        ),
        of_form("signature_of_another_account", "it names bob, and alice signed it", bobs, denied),
        refused(
            "form_token_of_another_account",
            "a token that names bob, and alice signed it",
            TOKEN,
            signed(TOKEN, iss=BOB.id),
            rule=RULE,
        ),
    ]


def variants_of(octets: bytes, message: bytes) -> list[bytes]:
    return [
        bytes([octets[0] ^ 1]) + octets[1:],
        octets[:40] + bytes([octets[40] ^ 1]) + octets[41:],
        ed25519.with_larger_scalar(octets),
        ed25519.sign_with_torsion(ALICE.seed, message),
        bytes(64),
    ]


def accounts() -> list[Case]:
    def named(account: str, account_signs: Account = ALICE) -> str:
        payload = compact({**MEMBERS[EPOCH], "account": account})
        return assemble(HEADERS[EPOCH], payload.encode(), account_signs)

    wrong = ALICE.id[:-1] + ("q" if ALICE.id[-1] != "q" else "p")
    low = [ed25519.encode(point) for point in ed25519.SMALL]
    unreduced = [(ed25519.P + extra).to_bytes(32, "little") for extra in (0, 1)]
    return [
        refused(
            "account_in_capitals",
            "an id in capitals",
            EPOCH,
            named(ALICE.id.upper()),
            rule="account",
        ),
        refused(
            "account_mistyped", "a checksum that does not hold", EPOCH, named(wrong), rule="account"
        ),
        refused(
            "account_of_another_prefix",
            "a recipient's key instead of an account",
            EPOCH,
            named(bech32m("capepk", ALICE.public)),
            rule="account",
        ),
        refused(
            "account_of_31_bytes",
            "a shorter key",
            EPOCH,
            named(bech32m("cape", ALICE.public[:31])),
            rule="account",
        ),
        refused("account_empty", "an empty id", EPOCH, named(""), rule="account"),
        *(
            refused(
                f"account_of_low_order_{place}",
                "a key of low order, and a signature that holds for it without any private key",
                EPOCH,
                everybodys(key),
                rule="account",
            )
            for place, key in enumerate([*low, *unreduced])
        ),
    ]


def everybodys(key: bytes) -> str:
    """Return a statement of an account of low order, signed without any private key."""
    payload = compact({**MEMBERS[EPOCH], "account": bech32m("cape", key)})
    for spaces in range(64):
        message = f"{HEADER}.{base64url((payload + ' ' * spaces).encode())}"
        found = ed25519.forge_for_low_order(key, message.encode())
        if found is not None:
            return f"{message}.{base64url(found)}"
    raise AssertionError("one of eight payloads should fit")

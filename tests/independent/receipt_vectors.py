"""Write tests/vectors/receipts: receipts of which nothing is wrong, or exactly one thing.

`python -m tests.independent.receipt_vectors` writes them; they come out the same each time.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from . import cbor, minted, receipt
from .keys import DER, SPKI
from .minted import Certificate, leaf

FOLDER = Path(__file__).parents[1] / "vectors" / "receipts"

MADE_MS = 1_800_000_000_000
LEAF_END = MADE_MS // 1000 + 3 * 3600
YEARS_LATER_MS = MADE_MS + 2 * 365 * 86_400_000
PCRS = {index: bytes([index + 1]) * 48 for index in range(16)}
VAULT, CHECKSUM, CALL_NONCE = bytes([9]) * 32, bytes([7]) * 32, bytes([8]) * 32
INPUT, GIVEN_INPUT, RETURNED = b"hello", b"secret", b"olleh"
SEALED = b"cape:2:a ciphertext"
SALTS = receipt.Salts(bytes([0xA5]) * 32, bytes([0xA6]) * 32)

ROOT = Certificate("root", seed="root").issue(None)
AUTHORITY = Certificate("authority", seed="authority").issue(ROOT)
CHAIN = [ROOT, AUTHORITY, leaf(end=LEAF_END, seed="leaf").issue(AUTHORITY)]
KEY, OTHER = minted.private_key("receipts"), minted.private_key("other receipts")


def spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(DER, SPKI)


def document(chain=None, use=None, **changes) -> bytes:
    stated = {
        "v": 2,
        "use": "session",
        "vault": VAULT,
        "runtime": bytes(32),
        "receipts": hashlib.sha256(spki(KEY)).digest(),
    }
    members = {
        "nonce": bytes(32),
        "pcrs": PCRS,
        "timestamp": MADE_MS,
        "user_data": cbor.encode({**stated, **(use or {})}),
        **changes,
    }
    chain = chain or CHAIN
    return minted.document(chain, minted.members(chain, **members))


DOCUMENT = document()

FIELDS = {
    receipt.VERSION: 2,
    receipt.FUNCTION: CHECKSUM,
    receipt.INPUT: hashlib.sha256(SALTS.input + INPUT).digest(),
    receipt.OUTPUT: hashlib.sha256(SALTS.output + RETURNED).digest(),
    receipt.CIPHERTEXT: None,
    receipt.OUTCOME: 0,
    receipt.STARTED: MADE_MS,
    receipt.DURATION: 1234,
    receipt.CALL_NONCE: CALL_NONCE,
    receipt.SEQUENCE: 41,
    receipt.SESSION: bytes([6]) * 32,
    receipt.DOCUMENT: hashlib.sha384(DOCUMENT).digest(),
}
ENCRYPTED = {
    **FIELDS,
    receipt.INPUT: hashlib.sha256(SALTS.input + GIVEN_INPUT).digest(),
    receipt.CIPHERTEXT: hashlib.sha256(SEALED).digest(),
}


@dataclass(frozen=True)
class Case:
    """A file, what its verifier compares with it, and what has to come of that."""

    name: str
    about: str
    file: bytes
    error: str | None = None
    reason: str | None = None
    asked: dict[str, bytes | int] = field(
        default_factory=lambda: {
            "checksum": CHECKSUM,
            "call_nonce": CALL_NONCE,
            "input": INPUT,
            "output": RETURNED,
            "salts": cbor.encode({1: SALTS.input, 2: SALTS.output}),
        }
    )

    def to_json(self) -> dict:
        return {
            "about": self.about,
            "asked": {
                name: value.hex() if isinstance(value, bytes) else value
                for name, value in self.asked.items()
            },
            "error": self.error,
            "file": self.file.hex(),
            "now_ms": YEARS_LATER_MS,
            "pcrs": {str(index): PCRS[index].hex() for index in range(3)},
            "reason": self.reason,
            "trust_root": ROOT.der.hex(),
            "vault": VAULT.hex(),
        }


def of_message(message: bytes, key: bytes | None = None, judged: bytes = DOCUMENT) -> bytes:
    return receipt.write_file(message, spki(KEY) if key is None else key, judged)


def of_payload(payload: bytes) -> bytes:
    return of_message(receipt.message(payload, receipt.sign(payload, KEY)))


def of_fields(fields: dict) -> bytes:
    return of_payload(cbor.encode(fields))


def with_field(number: int, value) -> bytes:
    return of_fields({**FIELDS, number: value})


def with_encoded_field(number: int, value: bytes) -> bytes:
    entries = [
        cbor.encode(known) + (value if known == number else cbor.encode(good))
        for known, good in FIELDS.items()
    ]
    return of_payload(bytes([0xA0 + len(FIELDS)]) + b"".join(entries))


def accepted() -> Iterator[Case]:
    plain = Case("good", "a run that succeeded", of_fields(FIELDS))
    yield plain
    yield replace(plain, name="good_nothing_asked", about="nothing is compared", asked={})
    whole = {**plain.asked, "session": FIELDS[receipt.SESSION], "after": 40}
    about = "a client asks for its session and a number above its last one too"
    yield replace(plain, name="good_all_asked", about=about, asked=whole)
    failed = {**FIELDS, receipt.OUTPUT: None, receipt.OUTCOME: "FunctionTimeout"}
    only_input = {name: plain.asked[name] for name in ("checksum", "call_nonce", "input", "salts")}
    yield Case("good_failed", "a run that failed", of_fields(failed), asked=only_input)
    sealed = of_fields(ENCRYPTED)
    yield Case("good_ciphertext", "a ciphertext needs no salts", sealed, asked={"input": SEALED})
    opened = {"input": GIVEN_INPUT, "salts": plain.asked["salts"]}
    yield Case("good_ciphertext_opened", "what was in the ciphertext", sealed, asked=opened)
    unnamed = with_field(receipt.CALL_NONCE, None)
    yield Case("good_no_nonce", "the caller named the call by nothing", unnamed, asked={})
    for name, when in {
        "earliest": MADE_MS - 120_000,
        "latest": LEAF_END * 1000 + 999,
    }.items():
        yield Case(f"good_{name}", f"the {name} time of a run", with_field(receipt.STARTED, when))
    for name, number in {"first": 1, "last": 2**64 - 1}.items():
        yield Case(f"good_{name}", f"the {name} number", with_field(receipt.SEQUENCE, number))


def refused() -> Iterator[Case]:
    for name, about, file, reason in (
        *wrong_files(),
        *wrong_messages(),
        *wrong_payloads(),
        *wrong_fields(),
        *wrong_keys(),
        *wrong_claims(),
    ):
        yield Case(name, about, file, "ReceiptInvalid", reason)
    good = Case("", "", of_fields(FIELDS)).asked
    for name, about, change, reason in (
        ("asked_function", "another function is asked for", {"checksum": bytes(32)}, "function"),
        ("asked_nonce", "another call is asked for", {"call_nonce": bytes(32)}, "call_nonce"),
        ("asked_session", "another session is asked for", {"session": bytes(32)}, "session"),
        ("asked_number", "the number is that of the receipt before", {"after": 41}, "sequence"),
        ("asked_higher_number", "a receipt before had a higher one", {"after": 42}, "sequence"),
        *(
            (f"salts_{name}", f"salts: {about}", {"salts": salts}, "salts")
            for name, about, salts in wrong_salts()
        ),
        ("asked_input", "another input is asked for", {"input": b"hellO"}, "input"),
        ("asked_ciphertext", "a ciphertext is asked for", {"input": SEALED}, "ciphertext"),
        ("asked_output", "another output is asked for", {"output": b""}, "output"),
        (
            "other_input_salt",
            "another salt of the input",
            {"salts": cbor.encode({1: bytes(32), 2: SALTS.output})},
            "input",
        ),
        (
            "other_output_salt",
            "another salt of the output",
            {"salts": cbor.encode({1: SALTS.input, 2: bytes(32)})},
            "output",
        ),
        (
            "no_output_salt",
            "no salt of the output",
            {"salts": cbor.encode({1: SALTS.input})},
            "salt",
        ),
    ):
        yield Case(name, about, of_fields(FIELDS), "ReceiptInvalid", reason, {**good, **change})
    no_salts = {name: value for name, value in good.items() if name != "salts"}
    yield Case("no_salts", "no salts", of_fields(FIELDS), "ReceiptInvalid", "salt", no_salts)
    for name, about, judged, error in wrong_documents():
        fields = {**FIELDS, receipt.DOCUMENT: hashlib.sha384(judged).digest()}
        payload = cbor.encode(fields)
        file = of_message(receipt.message(payload, receipt.sign(payload, KEY)), judged=judged)
        yield Case(name, about, file, error)


def wrong_salts() -> Iterator[tuple[str, str, bytes]]:
    good = cbor.encode({1: SALTS.input, 2: SALTS.output})
    yield "empty", "no bytes", b""
    yield "array", "an array", cbor.encode([SALTS.input, SALTS.output])
    yield "without_input", "no salt of the input", cbor.encode({2: SALTS.output})
    yield "input_short", "31 bytes", cbor.encode({1: SALTS.input[1:], 2: SALTS.output})
    yield "output_long", "33 bytes", cbor.encode({1: SALTS.input, 2: SALTS.output + b"!"})
    yield "output_null", "null for a salt", cbor.encode({1: SALTS.input, 2: None})
    yield "output_text", "a text for a salt", cbor.encode({1: SALTS.input, 2: "a" * 32})
    yield "key_text", "a key that is a text", cbor.encode({1: SALTS.input, "2": SALTS.output})
    yield "cut", "the last byte is missing", good[:-1]
    yield "byte_behind", "a byte behind them", good + b"\0"
    yield "unsorted", "keys out of order", good[:1] + good[36:] + good[1:36]


def wrong_files() -> Iterator[tuple[str, str, bytes, str]]:
    parts = cbor.decode(of_fields(FIELDS))
    for key in (1, 2, 3, 4):
        fewer = {each: value for each, value in parts.items() if each != key}
        yield f"file_without_{key}", f"the file has no key {key}", cbor.encode(fewer), "file"
    for name, about, file in (
        ("file_with_5", "the file has a key 5", cbor.encode({**parts, 5: b""})),
        ("file_version", "the file has version 3", cbor.encode({**parts, 1: 3})),
        ("file_trailing", "a byte behind the file", cbor.encode(parts) + b"\0"),
        ("file_text", "the document is text", cbor.encode({**parts, 4: "text"})),
        ("file_bare", "the receipt alone", parts[2]),
        ("file_empty", "an empty file", b""),
    ):
        yield name, about, file, "file"
    yield "file_size", "more than 36 KiB", bytes(36 * 1024 + 1), "size"


def wrong_messages() -> Iterator[tuple[str, str, bytes, str]]:
    payload = cbor.encode(FIELDS)
    signature = receipt.sign(payload, KEY)
    good = receipt.message(payload, signature)

    def items(protected=receipt.PROTECTED, unprotected=None, payload=payload, signature=signature):
        return cbor.encode([protected, unprotected or {}, payload, signature])

    for name, about, message, reason in (
        ("tag_18", "tag 18, which documents may have", b"\xd2" + good, "tag"),
        ("tag_17", "tag 17", b"\xd1" + good, "tag"),
        ("trailing", "a byte behind the receipt", good + b"\0", "cbor"),
        ("array_of_5", "an array of five", b"\x85" + good[1:] + b"\0", "cbor"),
        ("array_of_3", "an array of three", b"\x83" + good[1 : -2 - 96], "cbor"),
        ("array_indefinite", "an indefinite array", b"\x9f" + good[1:] + b"\xff", "cbor"),
        ("array_long_head", "a head that is not the shortest", b"\x98\x04" + good[1:], "cbor"),
        ("alg_es256", "ES256", items(bytes.fromhex("a10126")), "protected_header"),
        ("alg_missing", "no algorithm", items(b"\xa0"), "protected_header"),
        ("alg_empty", "an empty protected header", items(b""), "protected_header"),
        ("alg_and_kid", "a kid", items(bytes.fromhex("a20138220440")), "protected_header"),
        ("unprotected", "a header unprotected", items(unprotected={4: b""}), "unprotected_header"),
        ("signature_95", "95 bytes", items(signature=signature[1:]), "signature_size"),
        ("signature_97", "97 bytes", items(signature=b"\0" + signature), "signature_size"),
        ("payload_empty", "an empty payload", items(payload=b""), "payload_size"),
        ("payload_769", "769 bytes", items(payload=bytes(769)), "payload_size"),
        ("size", "more than 1024 bytes", bytes(1025), "size"),
    ):
        yield name, about, of_message(message), reason
    flipped = bytes([signature[0] ^ 1]) + signature[1:]
    for name, about, other in (
        ("signature_flipped", "a bit of the signature flipped", flipped),
        ("signature_zero", "a signature of zeros", bytes(96)),
        ("signature_other_key", "signed with another key", receipt.sign(payload, OTHER)),
        ("signature_external", "as documents are signed", receipt.sign(payload, KEY, b"")),
    ):
        yield name, about, of_message(items(signature=other)), "signature"


def wrong_payloads() -> Iterator[tuple[str, str, bytes, str]]:
    payload = cbor.encode(FIELDS)
    swapped = dict(sorted(FIELDS.items(), key=lambda item: (item[0] != 2, item[0])))
    unsorted = b"\xac" + b"".join(map(cbor.encode, [x for pair in swapped.items() for x in pair]))
    for name, about, encoded in (
        ("payload_trailing", "a byte behind the payload", payload + b"\0"),
        ("payload_cut", "the payload ends too early", payload[:-1]),
        ("payload_indefinite", "an indefinite map", b"\xbf" + payload[1:] + b"\xff"),
        ("payload_long_head", "a head that is not the shortest", b"\xb8\x0c" + payload[1:]),
        ("payload_unsorted", "keys out of order", unsorted),
        ("payload_key_twice", "key 1 twice", b"\xad\x01\x02" + payload[1:]),
        ("payload_array", "an array", cbor.encode(list(FIELDS.values()))),
    ):
        yield name, about, of_payload(encoded), "payload_cbor"
    long_number = with_encoded_field(receipt.DURATION, bytes.fromhex("1a000004d2"))
    yield "number_long_head", "1234 in four bytes", long_number, "payload_cbor"


def wrong_fields() -> Iterator[tuple[str, str, bytes, str]]:
    for number, good in FIELDS.items():
        fewer = {each: value for each, value in FIELDS.items() if each != number}
        name = f"field_{number}"
        yield f"{name}_missing", f"no field {number}", of_fields(fewer), "field_missing"
        listed = with_field(number, [])
        yield f"{name}_type", f"field {number} is an array", listed, "field_type"
        if isinstance(good, bytes):
            short = with_field(number, good[1:])
            yield f"{name}_short", f"field {number} lacks a byte", short, "field_type"
    for number in (0, 13):
        more = of_fields({**FIELDS, number: 0})
        yield f"field_{number}", f"a field {number}", more, "field_unknown"
    failed = {**FIELDS, receipt.OUTPUT: None}
    for name, about, file, reason in (
        ("version_1", "version 1", with_field(receipt.VERSION, 1), "version"),
        ("version_3", "version 3", with_field(receipt.VERSION, 3), "version"),
        ("outcome_1", "outcome 1", with_field(receipt.OUTCOME, 1), "field_type"),
        ("started_0", "began in 1970", with_field(receipt.STARTED, 0), "field_range"),
        (
            "started_10000",
            "began in the year 10000",
            with_field(receipt.STARTED, receipt.LAST_MS + 1),
            "field_range",
        ),
        ("sequence_0", "number 0", with_field(receipt.SEQUENCE, 0), "field_range"),
        ("success_without_output", "no output", of_fields(failed), "output_and_outcome"),
        (
            "output_of_failure",
            "a failure with an output",
            with_field(receipt.OUTCOME, "FunctionError"),
            "output_and_outcome",
        ),
    ):
        yield name, about, file, reason
    for name, error in {
        "empty": "",
        "lower": "timeout",
        "digit": "Error2",
        "long": "A" * 65,
    }.items():
        file = of_fields({**failed, receipt.OUTCOME: error})
        yield f"outcome_{name}", f"a class of error called {error!r}", file, "field_range"


def wrong_keys() -> Iterator[tuple[str, str, bytes, str]]:
    payload = cbor.encode(FIELDS)
    good = receipt.message(payload, receipt.sign(payload, KEY))
    key = spki(KEY)
    for name, about, other, reason in (
        ("key_other", "a key that the document does not vouch for", spki(OTHER), "key"),
        ("key_compressed", "a compressed point", key[:23] + b"\2" + key[24:], "key_malformed"),
        ("key_trailing", "a byte behind the key", key + b"\0", "key_malformed"),
        ("key_cut", "a key without its last byte", key[:-1], "key_malformed"),
        ("key_p521", "another curve's name", key[:19] + b"\x23" + key[20:], "key_malformed"),
        ("key_empty", "no key", b"", "key_malformed"),
    ):
        yield name, about, of_message(good, other), reason
    signed_by_other = receipt.message(payload, receipt.sign(payload, OTHER))
    yield (
        "key_and_signature_other",
        "all of it by another key",
        of_message(signed_by_other, spki(OTHER)),
        "key",
    )


def wrong_claims() -> Iterator[tuple[str, str, bytes, str]]:
    other = bytes([0xEE]) * 32
    for name, number, value, reason in (
        ("function_other", receipt.FUNCTION, other, "function"),
        ("input_other", receipt.INPUT, other, "input"),
        ("output_other", receipt.OUTPUT, other, "output"),
        ("nonce_other", receipt.CALL_NONCE, other, "call_nonce"),
        ("nonce_null", receipt.CALL_NONCE, None, "call_nonce"),
        ("document_other", receipt.DOCUMENT, bytes(48), "document"),
        ("started_early", receipt.STARTED, MADE_MS - 120_001, "started"),
        ("started_late", receipt.STARTED, LEAF_END * 1000 + 1000, "started"),
    ):
        yield name, f"field {number} says something else", with_field(number, value), reason
    failed = {**FIELDS, receipt.OUTPUT: None, receipt.OUTCOME: "FunctionError"}
    yield "outcome_other", "the run failed", of_fields(failed), "outcome"


def wrong_documents() -> Iterator[tuple[str, str, bytes, str]]:
    good = cbor.decode(DOCUMENT)
    root = Certificate("root", seed="another root").issue(None)
    others = [root, leaf(end=LEAF_END, seed="another leaf").issue(root)]
    ended = leaf(end=MADE_MS // 1000 - 1, seed="expired leaf")
    expired = [ROOT, AUTHORITY, ended.issue(AUTHORITY)]
    late = YEARS_LATER_MS + 120_001
    lasting = leaf(end=late // 1000 + 9, seed="future leaf")
    future = [ROOT, AUTHORITY, lasting.issue(AUTHORITY)]
    birth = {"v": 2, "key": "file", "use": "vault-birth", "vault": VAULT}
    for name, about, judged, error in (
        ("vault", "another vault", document(use={"vault": bytes(32)}), "VaultMismatch"),
        ("measurement", "other code", document(pcrs=PCRS | {0: bytes([7]) * 48}), "PcrMismatch"),
        ("debug", "debug mode", document(pcrs=PCRS | {0: bytes(48)}), "DebugModeEnclave"),
        ("root", "another root", document(others), "TrustRootMismatch"),
        ("expired", "a leaf that was not valid", document(expired), "CertificateExpired"),
        ("future", "from the future", document(future, timestamp=late), "DocumentTooOld"),
        (
            "signature",
            "a signature that does not hold",
            cbor.encode([*good[:3], bytes(96)]),
            "SignatureInvalid",
        ),
        (
            "birth",
            "a birth document",
            document(user_data=cbor.encode(birth), nonce=None),
            "DocumentMalformed",
        ),
        ("use", "another use", document(use={"use": "kms"}), "DocumentMalformed"),
        ("malformed", "no document at all", b"\xa0", "DocumentMalformed"),
    ):
        yield f"document_{name}", f"the document: {about}", judged, error


def files() -> dict[str, str]:
    """Return what each file says, by its name."""
    cases = [*accepted(), *refused()]
    texts = {case.name: json.dumps(case.to_json(), indent=1, sort_keys=True) for case in cases}
    assert len(texts) == len(cases)
    return {f"{name}.json": f"{text}\n" for name, text in texts.items()}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.json"):
        old.unlink()
    for name, text in files().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()

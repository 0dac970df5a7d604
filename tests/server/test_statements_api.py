"""Statements that nobody signed, or that say something else: each is refused, nothing is kept."""

import json

import pytest
import second_verifier
import signing
from signing import Account

NAME = "alice"


def tampered_payload(account):
    header, _, signature = account.name_claim(NAME).split(".")
    return f"{header}.{account.name_claim('bobby').split('.')[1]}.{signature}"


def foreign_account(account):
    return account.name_claim(NAME, account=Account().id)


def flipped_signature_bit(account):
    header, payload, signature = account.name_claim(NAME).split(".")
    octets = bytearray(signing.decode(signature))
    octets[3] ^= 1
    return f"{header}.{payload}.{signing.encode(octets)}"


def flipped_account_checksum(account):
    return account.name_claim(
        NAME, account=account.id[:-1] + ("q" if account.id[-1] != "q" else "p")
    )


def uppercase_account(account):
    return account.name_claim(NAME, account=account.id.upper())


def other_type(account):
    return account.sign("cape-epoch+jws", {"v": 2, "account": account.id, "name": NAME})


def algorithm_none(account):
    header = {"alg": "none", "typ": "cape-name+jws"}
    payload = {"v": 2, "account": account.id, "name": NAME}
    return account.sign("cape-name+jws", payload, header=header).rpartition(".")[0] + "."


def header_with_key(account):
    header = {"alg": "EdDSA", "typ": "cape-name+jws", "jwk": {}}
    return account.sign("", {"v": 2, "account": account.id, "name": NAME}, header=header)


def duplicate_key(account):
    payload = json.dumps({"v": 2, "account": account.id, "name": "bobby"})[:-1] + ',"name":"alice"}'
    return account.sign("cape-name+jws", payload.encode())


def padded_base64(account):
    return account.name_claim(NAME) + "="


def trailing_newline(account):
    return account.name_claim(NAME) + "\n"


def two_parts(account):
    return account.name_claim(NAME).rpartition(".")[0]


def no_signature(account):
    return account.name_claim(NAME).rpartition(".")[0] + "."


def empty(_account):
    return ""


def payload_is_no_object(account):
    return account.sign("cape-name+jws", [account.id])


MALFORMED = [
    algorithm_none,
    duplicate_key,
    empty,
    flipped_account_checksum,
    header_with_key,
    no_signature,
    other_type,
    padded_base64,
    payload_is_no_object,
    trailing_newline,
    two_parts,
    uppercase_account,
]
UNSIGNED = [flipped_signature_bit, foreign_account, tampered_payload]


@pytest.mark.parametrize("forge", MALFORMED, ids=lambda forge: forge.__name__)
def test_a_malformed_statement_is_refused(plane, account, refused, forge):
    text = forge(account)
    refused(plane.statement("PUT", f"/v2/names/{NAME}", text), 400, "ProtocolError")
    refused(plane.client.get(f"/v2/names/{NAME}"), 404, "NotFound")
    assert not second_verifier.accepts(text, "cape-name+jws")


@pytest.mark.parametrize("forge", UNSIGNED, ids=lambda forge: forge.__name__)
def test_a_statement_that_its_account_did_not_sign_is_refused(plane, account, refused, forge):
    text = forge(account)
    refused(plane.statement("PUT", f"/v2/names/{NAME}", text), 403, "PermissionDenied")
    refused(plane.client.get(f"/v2/names/{NAME}"), 404, "NotFound")
    assert not second_verifier.accepts(text, "cape-name+jws")


def test_an_honest_statement_is_accepted_by_both(plane, account):
    text = account.name_claim(NAME)
    assert plane.statement("PUT", f"/v2/names/{NAME}", text).status_code == 201
    assert second_verifier.accepts(text, "cape-name+jws")


@pytest.mark.parametrize(
    "changes",
    [{"v": 1}, {"v": "2"}, {"v": 2.5}, {"name": 3}, {"name": None}, {"extra": 1}],
    ids=str,
)
def test_a_signed_statement_of_another_form_is_refused(plane, account, refused, changes):
    answer = plane.statement("PUT", f"/v2/names/{NAME}", account.name_claim(NAME, **changes))
    refused(answer, 400, "ProtocolError")
    assert plane.records.name(NAME) is None


def test_a_statement_that_is_not_text_is_refused(plane, refused):
    refused(plane.statement("PUT", f"/v2/names/{NAME}", b"\xff\x00"), 400, "ProtocolError")


def test_a_statement_has_to_say_that_it_is_one(plane, account, refused):
    claim = account.name_claim(NAME)
    refused(plane.client.put(f"/v2/names/{NAME}", content=claim), 400, "ProtocolError")
    headers = {"Content-Type": "application/json"}
    answer = plane.client.put(f"/v2/names/{NAME}", content=claim, headers=headers)
    refused(answer, 400, "ProtocolError")

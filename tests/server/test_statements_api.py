"""Statements that nobody signed, or that say something else: each is refused, nothing is kept."""

import json

import pytest
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


def trailing_space(account):
    return account.name_claim(NAME) + "\n"


def two_parts(account):
    return account.name_claim(NAME).rpartition(".")[0]


def no_signature(account):
    return account.name_claim(NAME).rpartition(".")[0] + "."


def empty(_account):
    return ""


def payload_is_no_object(account):
    return account.sign("cape-name+jws", [account.id])


REFUSED = [
    algorithm_none,
    duplicate_key,
    empty,
    flipped_account_checksum,
    flipped_signature_bit,
    foreign_account,
    header_with_key,
    no_signature,
    other_type,
    padded_base64,
    payload_is_no_object,
    tampered_payload,
    trailing_space,
    two_parts,
    uppercase_account,
]


@pytest.mark.parametrize("forge", REFUSED, ids=lambda forge: forge.__name__)
def test_a_forged_statement_is_refused(plane, account, refused, forge):
    answer = plane.statement("PUT", f"/v2/names/{NAME}", forge(account))
    refused(answer, 403, "PermissionDenied")
    refused(plane.client.get(f"/v2/names/{NAME}"), 404, "NotFound")


@pytest.mark.parametrize(
    "changes",
    [{"v": 1}, {"v": "2"}, {"v": 2.5}, {"name": 3}, {"name": None}, {"name": ["alice"]}],
    ids=str,
)
def test_a_signed_statement_of_another_form_is_refused(plane, account, changes):
    answer = plane.statement("PUT", f"/v2/names/{NAME}", account.name_claim(NAME, **changes))
    assert answer.json()["name"] in {"PermissionDenied", "ProtocolError"}
    assert answer.status_code in {400, 403}
    assert plane.records.name(NAME) is None


def test_a_statement_that_is_not_text_is_refused(plane, refused):
    refused(plane.statement("PUT", f"/v2/names/{NAME}", b"\xff\x00"), 400, "ProtocolError")


def test_a_statement_has_to_say_that_it_is_one(plane, account, refused):
    claim = account.name_claim(NAME)
    refused(plane.client.put(f"/v2/names/{NAME}", content=claim), 400, "ProtocolError")
    headers = {"Content-Type": "application/json"}
    answer = plane.client.put(f"/v2/names/{NAME}", content=claim, headers=headers)
    refused(answer, 400, "ProtocolError")

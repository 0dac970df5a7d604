"""Names, epochs, revocations over HTTP: what is kept, and what is refused."""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from signing import Account


def test_a_name_is_given_to_whoever_claims_it_first(plane, account, refused):
    claim = account.name_claim("alice")
    answer = plane.statement("PUT", "/v2/names/alice", claim)
    assert answer.status_code == 201
    assert plane.client.get("/v2/names/alice").json() == {
        "name": "alice",
        "account": account.id,
        "claim": claim,
    }

    other = plane.statement("PUT", "/v2/names/alice", Account().name_claim("alice"))
    assert refused(other, 409, "Conflict")["code"] == "CAPE-SVC-002"
    assert account.id in other.json()["detail"]
    assert plane.client.get("/v2/names/alice").json()["account"] == account.id


def test_a_claim_may_be_repeated_by_its_owner(plane, account):
    claim = account.name_claim("alice")
    assert plane.statement("PUT", "/v2/names/alice", claim).status_code == 201
    assert plane.statement("PUT", "/v2/names/alice", claim).status_code == 200
    assert plane.client.get("/v2/names/alice").json()["claim"] == claim


def test_a_claim_for_another_name_is_refused(plane, account, refused):
    answer = plane.statement("PUT", "/v2/names/bob", account.name_claim("alice"))
    refused(answer, 403, "PermissionDenied")
    refused(plane.client.get("/v2/names/bob"), 404, "NotFound")


@pytest.mark.parametrize(
    "name", ["Alice", "al", "1alice", "a" * 33, "al_ice", "alice\n", "cape1ppswj8hs"]
)
def test_a_name_that_breaks_the_rules_is_refused(plane, account, refused, name):
    answer = plane.statement("PUT", f"/v2/names/{quote(name)}", account.name_claim(name))
    refused(answer, 400, "ProtocolError")


def test_an_unknown_name_is_not_found(plane, refused):
    refused(plane.client.get("/v2/names/nobody"), 404, "NotFound")
    refused(plane.client.get("/v2/names/No"), 400, "ProtocolError")


def test_only_one_of_many_racing_accounts_gets_a_name(plane):
    accounts = [Account() for _ in range(16)]

    def claim(account):
        return plane.statement("PUT", "/v2/names/alice", account.name_claim("alice")).status_code

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(claim, accounts))
    assert sorted(statuses) == [201] + [409] * 15
    winner = accounts[statuses.index(201)]
    assert plane.client.get("/v2/names/alice").json()["account"] == winner.id


def test_epochs_only_rise(plane, account, refused):
    path = f"/v2/accounts/{account.id}/epoch"
    refused(plane.client.get(path), 404, "NotFound")
    second = account.epoch(2)
    assert plane.statement("PUT", path, second).json() == {"epoch": 2, "record": second}
    problem = refused(plane.statement("PUT", path, account.epoch(1)), 409, "Conflict")
    assert problem["details"] == {"last": "2"}
    assert plane.statement("PUT", path, second).status_code == 200
    assert plane.client.get(path).json() == {"epoch": 2, "record": second}


@pytest.mark.parametrize("epoch", [0, -1, 2**32, 2**53, "1", 1.5, None, [1]])
def test_an_epoch_that_is_none_is_refused(plane, account, refused, epoch):
    path = f"/v2/accounts/{account.id}/epoch"
    refused(plane.statement("PUT", path, account.epoch(epoch)), 400, "ProtocolError")
    refused(plane.client.get(path), 404, "NotFound")


def test_the_last_epoch_is_kept_and_none_follows(plane, account, refused):
    path = f"/v2/accounts/{account.id}/epoch"
    assert plane.statement("PUT", path, account.epoch(2**32 - 1)).status_code == 200
    refused(plane.statement("PUT", path, account.epoch(1)), 409, "Conflict")
    assert plane.client.get(path).json()["epoch"] == 2**32 - 1


def test_an_epoch_that_its_account_did_not_sign_is_refused(plane, account, refused):
    path = f"/v2/accounts/{account.id}/epoch"
    signed_by_another = Account().epoch(1, account=account.id)
    header, _, signature = account.epoch(1).split(".")
    raised = f"{header}.{account.epoch(9).split('.')[1]}.{signature}"
    for forged in (signed_by_another, raised):
        refused(plane.statement("PUT", path, forged), 403, "PermissionDenied")
    for other in (account.revocations(1), account.name_claim("alice"), account.epoch(1) + "="):
        refused(plane.statement("PUT", path, other), 400, "ProtocolError")
    refused(plane.statement("PUT", path, account.epoch(1, more="x" * 70_000)), 413, "TooLarge")
    refused(plane.client.get(path), 404, "NotFound")


def test_another_record_of_the_same_epoch_is_refused(plane, account, refused):
    """Whatever differs: white space in the signed octets is enough."""
    path = f"/v2/accounts/{account.id}/epoch"
    first = account.epoch(1)
    assert plane.statement("PUT", path, first).status_code == 200
    payload = b'{"v": 2, "account": "%s", "epoch": 1}' % account.id.encode()
    second = account.sign("cape-epoch+jws", payload)
    refused(plane.statement("PUT", path, second), 409, "Conflict")
    assert plane.client.get(path).json()["record"] == first


def test_of_racing_epochs_the_highest_stays(plane, account):
    path = f"/v2/accounts/{account.id}/epoch"
    with ThreadPoolExecutor(16) as pool:
        epochs = [5, 1, 9, 3, 16, 2, 8, 4, 7, 6, 12, 10, 11, 13, 15, 14]
        list(pool.map(lambda n: plane.statement("PUT", path, account.epoch(n)), epochs))
    assert plane.client.get(path).json()["epoch"] == 16


def test_epoch_0_needs_no_record_and_gets_none(plane, account, refused):
    answer = plane.statement("PUT", f"/v2/accounts/{account.id}/epoch", account.epoch(0))
    refused(answer, 400, "ProtocolError")


def test_revocation_lists_only_rise(plane, account, refused):
    path = f"/v2/revocations/{account.id}"
    refused(plane.client.get(path), 404, "NotFound")
    newest = account.revocations(7, jtis=["a"])
    assert plane.statement("PUT", path, newest).status_code == 200
    refused(plane.statement("PUT", path, account.revocations(6)), 409, "Conflict")
    another_seventh = account.revocations(7, jtis=["b"])
    refused(plane.statement("PUT", path, another_seventh), 409, "Conflict")
    assert plane.client.get(path).json() == {"number": 7, "list": newest}


def test_of_racing_lists_the_highest_stays(plane, account):
    path = f"/v2/revocations/{account.id}"
    with ThreadPoolExecutor(16) as pool:
        numbers = [5, 1, 9, 3, 16, 2, 8, 4, 7, 6, 12, 10, 11, 13, 15, 14]
        list(pool.map(lambda n: plane.statement("PUT", path, account.revocations(n)), numbers))
    assert plane.client.get(path).json()["number"] == 16


def test_a_statement_of_another_account_is_refused(plane, account, refused):
    mallory = Account()
    answer = plane.statement("PUT", f"/v2/accounts/{account.id}/epoch", mallory.epoch(9))
    refused(answer, 403, "PermissionDenied")
    answer = plane.statement("PUT", f"/v2/revocations/{account.id}", mallory.revocations(9))
    refused(answer, 403, "PermissionDenied")
    refused(plane.client.get(f"/v2/accounts/{account.id}/epoch"), 404, "NotFound")


def test_a_path_without_an_account_id_is_refused(plane, refused):
    refused(plane.client.get("/v2/accounts/cape1xyz/epoch"), 400, "ProtocolError")
    refused(plane.client.get("/v2/revocations/alice"), 400, "ProtocolError")

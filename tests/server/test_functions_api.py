"""Functions over HTTP: registering, listing, deleting."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import signing
from signing import Account

from pycape.server.functions import finish_deletions


def test_a_function_is_found_by_id_and_by_checksum(plane, account):
    manifest = account.manifest("classify", 3)
    answer = plane.register(manifest)
    assert answer.status_code == 201
    function = answer.json()
    assert function == {
        "id": function["id"],
        "checksum": signing.checksum(manifest),
        "account": account.id,
        "name": "classify",
        "version": 3,
        "manifest": manifest,
        "created": plane.now,
    }
    assert plane.client.get(f"/v2/functions/{function['id']}").json() == function
    assert plane.client.get(f"/v2/functions/{function['checksum']}").json() == function


def test_registering_again_changes_nothing(plane, account):
    manifest = account.manifest()
    first = plane.register(manifest)
    plane.now += 10
    again = plane.register(manifest)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


def test_a_function_that_no_enclave_took_in_is_refused(plane, account, refused):
    manifest = account.manifest()
    refused(plane.statement("POST", "/v2/functions", manifest), 409, "Conflict")
    refused(plane.client.get(f"/v2/functions/{signing.checksum(manifest)}"), 404, "NotFound")
    plane.take_in(manifest)
    assert plane.statement("POST", "/v2/functions", manifest).status_code == 201


def test_a_lower_or_equal_version_is_refused(plane, account, refused):
    assert plane.register(account.manifest(version=5)).status_code == 201
    for version in (5, 4, 1):
        problem = refused(plane.register(account.manifest(version=version)), 409, "Conflict")
        assert problem["details"] == {"last": "5"}
    assert plane.register(account.manifest(version=6)).status_code == 201
    assert plane.register(account.manifest(name="other", version=1)).status_code == 201
    assert plane.register(Account().manifest(version=1)).status_code == 201


@pytest.mark.parametrize("version", [0, -1, 2**53, "1", 1.5, True, None])
def test_a_version_out_of_range_is_refused(plane, account, version):
    answer = plane.register(account.manifest(version=version))
    assert answer.status_code in {400, 403}
    assert answer.json()["name"] in {"PermissionDenied", "ProtocolError"}


def test_a_manifest_that_names_another_account_is_refused(plane, account, refused):
    forged = account.manifest(account=Account().id)
    refused(plane.register(forged), 403, "PermissionDenied")


def test_racing_registrations_of_one_version_leave_one(plane, account):
    manifests = [account.manifest(version=1) for _ in range(12)]
    with ThreadPoolExecutor(12) as pool:
        statuses = [answer.status_code for answer in pool.map(plane.register, manifests)]
    assert sorted(statuses) == [201] + [409] * 11
    query = {"account": account.id, "name": "echo"}
    assert len(plane.client.get("/v2/functions", params=query).json()["functions"]) == 1


def test_racing_registrations_of_one_manifest_are_all_right(plane, account):
    manifest = account.manifest()
    plane.take_in(manifest)
    with ThreadPoolExecutor(12) as pool:
        answers = list(
            pool.map(lambda _: plane.statement("POST", "/v2/functions", manifest), range(12))
        )
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]


def test_racing_versions_never_step_back(plane, account):
    manifests = [account.manifest(version=version) for version in range(1, 17)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(plane.register, reversed(manifests)))
    query = {"account": account.id, "name": "echo"}
    listed = plane.client.get("/v2/functions", params=query).json()
    assert listed["last_version"] == 16
    assert listed["functions"][0]["version"] == 16


def test_a_list_is_paged_newest_version_first(plane, account):
    for version in (1, 2, 3):
        for name in ("beta", "alpha"):
            plane.register(account.manifest(name, version))
    plane.register(Account().manifest("alpha", 9))
    expected = [(name, version) for name in ("alpha", "beta") for version in (3, 2, 1)]

    seen, cursor = [], None
    while True:
        query = {"account": account.id, "limit": 4, **({"cursor": cursor} if cursor else {})}
        page = plane.client.get("/v2/functions", params=query).json()
        seen += [(function["name"], function["version"]) for function in page["functions"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert seen == expected

    query = {"account": account.id, "name": "beta", "limit": 1}
    newest = plane.client.get("/v2/functions", params=query).json()
    assert [f["version"] for f in newest["functions"]] == [3]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "account=alice",
        "account={account}&limit=0",
        "account={account}&limit=101",
        "account={account}&limit=many",
        "account={account}&account={account}",
        "account={account}&owner=x",
        "account={account}&cursor=x",
        "account={account}&cursor=WzFd",
        "account={account}&cursor=WyJlY2hvIiwxODQ0Njc0NDA3MzcwOTU1MTYxNV0=",
        "account={account}&name=",
    ],
)
def test_a_malformed_query_is_refused(plane, account, refused, query):
    answer = plane.client.get("/v2/functions?" + query.format(account=account.id))
    refused(answer, 400, "ProtocolError")


def test_deleting_removes_record_and_blobs(plane, account, refused):
    manifest = account.manifest(version=4)
    function_id = plane.register(manifest).json()["id"]
    bundle = plane.folder / "blobs" / f"01{signing.checksum(manifest)}"
    bundle.write_bytes(b"sealed")

    assert plane.delete(account, function_id).status_code == 204
    refused(plane.client.get(f"/v2/functions/{function_id}"), 404, "NotFound")
    assert not bundle.exists()
    assert not plane.take_in(manifest).with_name(f"01{signing.checksum(manifest)}").exists()
    assert plane.records.deletions() == []
    refused(plane.delete(account, function_id), 404, "NotFound")

    query = {"account": account.id, "name": "echo"}
    listed = plane.client.get("/v2/functions", params=query).json()
    assert (listed["functions"], listed["last_version"]) == ([], 4)


def test_a_deleted_function_cannot_be_registered_again_by_who_kept_its_manifest(
    plane, account, refused
):
    manifest = account.manifest()
    plane.delete(account, plane.register(manifest).json()["id"])
    refused(plane.register(manifest), 409, "Conflict")
    assert plane.register(account.manifest(version=2)).status_code == 201


def test_a_request_is_needed_to_delete(plane, account, refused):
    function_id = plane.register(account.manifest()).json()["id"]
    path = f"/v2/functions/{function_id}"
    answer = plane.client.delete(path)
    refused(answer, 401, "PermissionDenied")
    assert answer.headers["WWW-Authenticate"] == "Cape"
    for authorization in ("Bearer x", "Cape ", "Cape x.y.z", f"Cape {account.name_claim('alice')}"):
        answer = plane.client.delete(path, headers={"Authorization": authorization})
        assert answer.status_code in {400, 401, 403}
    assert plane.client.get(path).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "GET"},
        {"path": "/v2/functions/another"},
        {"iat": signing.now() - 3600},
        {"iat": signing.now() + 3600},
        {"v": 1},
        {"nonce": "short"},
    ],
    ids=str,
)
def test_a_request_for_something_else_deletes_nothing(plane, account, changes):
    function_id = plane.register(account.manifest()).json()["id"]
    assert plane.delete(account, function_id, **changes).status_code in {400, 403}
    assert plane.client.get(f"/v2/functions/{function_id}").status_code == 200


def test_only_the_owner_deletes(plane, account, refused):
    function_id = plane.register(account.manifest()).json()["id"]
    refused(plane.delete(Account(), function_id), 403, "PermissionDenied")
    assert plane.client.get(f"/v2/functions/{function_id}").status_code == 200


def test_a_request_counts_once(plane, account, refused):
    nonce = "n" * 22
    first, second = (plane.register(account.manifest(version=v)).json()["id"] for v in (1, 2))
    assert plane.delete(account, first, nonce=nonce).status_code == 204
    refused(plane.delete(account, second, nonce=nonce), 403, "PermissionDenied")
    plane.now += 1000
    assert plane.delete(account, second, nonce=nonce).status_code == 204


def test_an_interrupted_deletion_is_finished_at_the_next_start(plane, account, refused):
    manifest = account.manifest()
    function_id = plane.register(manifest).json()["id"]
    blob = plane.take_in(manifest)
    plane.records.begin_deletion(function_id)
    refused(plane.client.get(f"/v2/functions/{function_id}"), 404, "NotFound")
    refused(plane.register(manifest), 409, "Conflict")

    finish_deletions(plane.services)
    assert not blob.exists()
    assert plane.records.deletions() == []


def test_an_interrupted_deletion_may_be_asked_for_again(plane, account):
    function_id = plane.register(account.manifest()).json()["id"]
    plane.records.begin_deletion(function_id)
    assert plane.delete(account, function_id).status_code == 204
    assert plane.records.deletions() == []

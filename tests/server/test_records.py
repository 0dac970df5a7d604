"""The database below the API: schema, restarts, crashes, several processes."""

import os
import signal
import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from control_plane import Plane
from sqlalchemy import create_engine, text

from pycape.errors import ConfigError, Conflict
from pycape.server import Records
from pycape.server.records import FunctionRecord
from pycape.server.records.tables import metadata

CLAIMS = """
import sys
from pycape.server import Records
records = Records.open(sys.argv[1])
print("ready", flush=True)
number = 0
while True:
    records.claim_name(f"name-{number}", "owner", "claim", 0)
    print(number, flush=True)
    number += 1
"""


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/records.db"


def test_the_migrations_make_the_tables_that_the_code_knows(url):
    Records.open(url).close()
    with create_engine(url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        constraints = connection.execute(text("select sql from sqlite_master")).scalars().all()
    assert any("uq_functions_owner_name_version" in sql for sql in constraints if sql)


def test_a_database_of_a_newer_version_is_refused(url):
    Records.open(url).close()
    with create_engine(url).begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(ConfigError, match="cannot be upgraded") as refusal:
        Records.open(url)
    assert "newer version" in refusal.value.hint


def test_everything_is_there_after_a_restart(tmp_path, account):
    plane = Plane(tmp_path)
    claim, epoch, revocations = (
        account.name_claim("alice"),
        account.epoch(3),
        account.revocations(8),
    )
    plane.statement("PUT", "/v2/names/alice", claim)
    plane.statement("PUT", f"/v2/accounts/{account.id}/epoch", epoch)
    plane.statement("PUT", f"/v2/revocations/{account.id}", revocations)
    function = plane.register(account.manifest()).json()
    plane.close()

    again = Plane(tmp_path)
    assert again.client.get("/v2/names/alice").json()["claim"] == claim
    assert again.client.get(f"/v2/accounts/{account.id}/epoch").json()["record"] == epoch
    assert again.client.get(f"/v2/revocations/{account.id}").json()["list"] == revocations
    assert again.client.get(f"/v2/functions/{function['id']}").json() == function
    again.close()


def test_what_was_answered_survives_kill_9(url):
    process = subprocess.Popen(
        [sys.executable, "-c", CLAIMS, url], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    for _ in range(20):
        process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    answered = 19 + len(process.stdout.read().splitlines())
    process.wait()

    records = Records.open(url)
    for number in range(answered + 1):
        assert records.name(f"name-{number}") is not None
    assert records.name(f"name-{answered + 2}") is None
    records.close()


def test_two_processes_write_the_same_database(url):
    Records.open(url).close()
    other = subprocess.Popen([sys.executable, "-c", CLAIMS, url], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "ready\n"
    records = Records.open(url)
    for number in range(1, 101):
        records.raise_statement("epoch", "owner", number, "record", 0)
    # It wrote meanwhile, and goes on.
    assert all(other.stdout.readline() for _ in range(6))
    other.kill()
    other.communicate()
    assert records.rising_statement("epoch", "owner").version == 100
    records.close()


def test_a_crash_between_blob_and_record_is_mended_by_asking_again(tmp_path, account):
    manifest = account.manifest()
    plane = Plane(tmp_path)
    plane.take_in(manifest)  # and here the client, or the control plane, died
    plane.close()

    again = Plane(tmp_path)
    query = {"account": account.id}
    assert again.client.get("/v2/functions", params=query).json()["functions"] == []
    assert again.statement("POST", "/v2/functions", manifest).status_code == 201
    again.close()


def test_a_control_plane_that_was_killed_while_deleting_finishes_when_it_starts(tmp_path, account):
    manifest = account.manifest()
    plane = Plane(tmp_path)
    function_id = plane.register(manifest).json()["id"]
    blob = plane.take_in(manifest)
    plane.records.begin_deletion(function_id)
    plane.close()

    again = Plane(tmp_path)
    with again.client:
        assert again.records.deletions() == []
        assert not blob.exists()
    again.close()


def test_a_version_is_kept_even_when_the_record_is_not(url):
    records = Records.open(url)
    records.add_function(function(version=5))
    records.begin_deletion("id-5")
    with pytest.raises(Conflict, match="being deleted"):
        records.add_function(function(version=5))
    records.finish_deletion("id-5")
    assert records.last_version("owner", "echo") == 5
    with pytest.raises(Conflict, match="not above the last, 5"):
        records.add_function(function(version=5))
    records.close()


def function(version):
    return FunctionRecord(
        id=f"id-{version}",
        checksum=f"checksum-{version}",
        owner="owner",
        name="echo",
        version=version,
        manifest="manifest",
        created=0,
    )

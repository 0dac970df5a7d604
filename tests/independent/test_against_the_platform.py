"""The second client against real processes: sessions, calls, and rights."""

import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from . import bundle, cbor, statements
from .client import Client
from .conftest import deploy, refused
from .connection import Trust, establish
from .contents import Operation
from .errors import PcrMismatch, ProtocolError, VaultMismatch
from .frames import Type
from .jws import Account
from .policy import Release

SIZES = [0, 1, 65_536, 65_537, 1 << 20, (1 << 20) + 1, 5_000_000]


def pattern(size):
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def test_the_birth_document_is_judged(alice):
    assert alice.join().vault == alice.profile.releases[0].vault


# Handshakes.


@pytest.mark.parametrize("suite", [1, 2, 3, 4])
def test_a_session_of_each_suite(alice, echo, suite):
    with alice.connect(echo, [suite]) as connection:
        assert connection.suite == suite
        assert alice.run(connection, echo, b"hello") == b"hello"


def test_the_first_suite_that_the_enclave_has(alice, echo):
    with alice.connect(echo, [99, 255, 4, 1]) as connection:
        assert connection.suite == 4
        assert alice.run(connection, echo, b"hello") == b"hello"


NONCE = "A" * 43


@pytest.mark.parametrize(
    "query",
    [
        f"nonce={NONCE}",
        f"suites=1&nonce={NONCE}A",
        f"suites=1&nonce={NONCE[:-1]}B",
        f"suites=1&nonce={NONCE}&nonce={NONCE}",
        f"suites=1&nonce={NONCE}&more=1",
        f"suites=&nonce={NONCE}",
        f"suites=0&nonce={NONCE}",
        f"suites=01&nonce={NONCE}",
        f"suites=1,1&nonce={NONCE}",
        f"suites=1,2,3,4,5,6,7,8,9&nonce={NONCE}",
        f"suites=256,1&nonce={NONCE}",
        f"suites=99&nonce={NONCE}",
        f"suites=%31&nonce={NONCE}",
    ],
)
def test_an_offer_of_another_form_is_answered_with_400(alice, query):
    url = alice.control_plane.placement()
    with (
        pytest.raises(InvalidStatus) as answer,
        connect(f"{url}?{query}", subprotocols=["cape.v2"], proxy=None),
    ):
        pass
    assert answer.value.response.status_code == 400


def test_a_comma_of_the_offer_may_be_percent_encoded(alice):
    url = alice.control_plane.placement()
    query = f"suites=1%2C2&nonce={NONCE}"
    with connect(f"{url}?{query}", subprotocols=["cape.v2"], proxy=None) as socket:
        assert isinstance(socket.recv(timeout=30), bytes)


def test_another_measurement_or_vault_is_refused_before_anything_is_sent(alice):
    url, good = alice.control_plane.placement(), alice.profile.releases[0]
    for pcrs, vault, error in (
        (good.pcrs | {0: bytes([1]) * 48}, good.vault, PcrMismatch),
        (good.pcrs, bytes(32), VaultMismatch),
    ):
        trust = Trust(alice.profile.trust_roots, [Release("other", pcrs, vault)])
        with pytest.raises(error), establish(url, trust):
            pass


# Calls.


@pytest.mark.parametrize("size", SIZES)
def test_inputs_in_open_and_as_data_beyond_the_credit(alice, echo, size):
    with alice.connect(echo) as connection:
        assert alice.run(connection, echo, pattern(size)) == pattern(size)


@pytest.mark.parametrize("size", [0, 1, 65_536])
def test_a_small_input_may_come_as_data_as_well(alice, echo, size):
    with alice.connect(echo) as connection:
        members = alice.opening(connection, echo, None)
        call = connection.open(Operation.RUN, members, pattern(size), inline_limit=-1)
        assert connection.finish(call).output == pattern(size)


def test_several_calls_side_by_side_end_in_any_order(alice, echo):
    with alice.connect(echo) as connection:
        members = alice.opening(connection, echo, None)
        inputs = [pattern(size) for size in (10, 3_000_000, 0, 70_000)]
        opened = [connection.open(Operation.RUN, members, data) for data in inputs]
        for call, data in reversed(list(zip(opened, inputs, strict=True))):
            assert connection.finish(call).output == data


def test_a_call_is_cancelled_and_the_connection_goes_on(alice):
    with alice.connect() as connection:
        sleeper = deploy(alice, connection, "import time\ndef cape_handler(_): time.sleep(60)")
        answer = deploy(alice, connection, "def cape_handler(_): return b'done'")
        call = connection.open(Operation.RUN, alice.opening(connection, sleeper, None))
        connection.cancel(call)
        with refused("Cancelled"):
            connection.finish(call)
        assert alice.run(connection, answer, b"") == b"done"


def test_the_deadline_of_a_call_is_kept(alice):
    with alice.connect() as connection:
        sleeper = deploy(alice, connection, "import time\ndef cape_handler(_): time.sleep(60)")
        members = alice.opening(connection, sleeper, None) | {8: {3: 200}}
        with refused("FunctionTimeout"):
            connection.call(Operation.RUN, members)


def test_a_failed_function_says_why(alice):
    with alice.connect() as connection:
        failing = deploy(alice, connection, "def cape_handler(_): raise KeyError('missing')")
        with refused("FunctionError") as failure:
            alice.run(connection, failing, b"")
        assert failure.value.details["type"] == "KeyError"


DESCRIBE = cbor.encode({1: 4, 9: b""})
# In its place comes an OPEN of a function that does not end soon, whose input comes as DATA.
SLEEP = b"sleep"
CLOSE = cbor.encode({1: 1000})
FIRST_CREDIT = 1 << 20


@pytest.mark.parametrize(
    "frames",
    [
        [(Type.OPEN, 1, cbor.encode({1: 5}))],
        [(Type.OPEN, 1, DESCRIBE + b"\0")],
        [(Type.OPEN, 1, b"\xa2\x09\x40\x01\x04")],
        [(Type.OPEN, 1, cbor.encode({1: 4, 9: b"", 12: 0}))],
        [(Type.OPEN, 1, cbor.encode({1: 4, 2: bytes(32), 9: b""}))],
        [(Type.OPEN, 1, cbor.encode({1: 1, 9: b""}))],
        [(Type.OPEN, 1, cbor.encode({1: 1, 2: bytes(32), 9: bytes(65_537)}))],
        [(Type.OPEN, 1, cbor.encode({1: 1, 2: bytes(32), 8: {4: True}}))],
        [(Type.OPEN, 1, cbor.encode({1: 1, 2: bytes(32), 8: {9: True}}))],
        [(Type.OPEN, 0, DESCRIBE)],
        [(Type.OPEN, 2, DESCRIBE), (Type.OPEN, 2, DESCRIBE)],
        [(Type.OPEN, 2, DESCRIBE), (Type.OPEN, 1, DESCRIBE)],
        [(Type.DATA, 7, b"x")],
        [(Type.DATA, 0, b"x")],
        [(Type.OPEN, 1, SLEEP), (Type.DATA, 1, b"")],
        [(Type.OPEN, 1, SLEEP), (Type.END, 1, b"\xa1\x01\x01")],
        [(Type.OPEN, 1, SLEEP), (Type.END, 1, b"\xa0"), (Type.END, 1, b"\xa0")],
        [(Type.OPEN, 1, SLEEP), (Type.END, 1, b"\xa0"), (Type.DATA, 1, b"x")],
        [(Type.OPEN, 1, SLEEP), (Type.CREDIT, 1, b"\0\0\1")],
        [(Type.OPEN, 1, SLEEP), (Type.CANCEL, 1, b"x")],
        [(Type.OPEN, 1, DESCRIBE), (Type.LOG, 1, b"x")],
        [(Type.OPEN, 1, DESCRIBE), (Type.ERROR, 1, cbor.encode({1: "A", 2: "b"}))],
        [(8, 1, b"")],
        [(Type.CLOSE, 1, CLOSE)],
        [(Type.CLOSE, 0, b"\xa0")],
        [(Type.CLOSE, 0, CLOSE), (Type.CLOSE, 0, CLOSE)],
        [(Type.CLOSE, 0, CLOSE), (Type.OPEN, 1, DESCRIBE)],
    ],
)
def test_a_violation_closes_the_connection(sleeper, frames):
    client, function = sleeper
    with client.connect() as connection:
        opening = cbor.encode({1: 1, **client.opening(connection, function, None)})
        for type_, call, content in frames:
            connection._send(type_, call, opening if content is SLEEP else content)
        assert closing_code(connection) == 1002


@pytest.fixture(scope="module")
def sleeper(platform_profile):
    """An account, and its function whose import does not end before the test that runs it does."""
    client = Client(platform_profile, Account.generate())
    with client.connect() as connection:
        function = deploy(client, connection, "import time\ntime.sleep(60)")
    yield client, function
    client.close()


def closing_code(connection):
    """Take what still comes, up to the end of the connection."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            connection._socket.recv(timeout=30)
    return closed.value.rcvd.code


def test_data_beyond_the_credit_closes_the_connection(sleeper):
    client, function = sleeper
    with client.connect() as connection:
        opening = {1: 1, **client.opening(connection, function, None)}
        connection._send(Type.OPEN, 9, cbor.encode(opening))
        connection._send(Type.DATA, 9, bytes(FIRST_CREDIT))
        connection._send(Type.DATA, 9, b"x")
        assert closing_code(connection) == 1002


def test_an_altered_frame_closes_the_connection(alice):
    with alice.connect() as connection:
        connection.call(Operation.DESCRIBE)
        connection._outgoing._iv ^= 1
        connection._send(Type.OPEN, 2, DESCRIBE)
        assert closing_code(connection) == 1002


def test_describe_is_what_the_document_states(alice):
    with alice.connect() as connection:
        description, state = alice.describe(connection)
        connection.verified.user_data["runtime"] = bytes(32)
        with pytest.raises(ProtocolError, match="runtime"):
            alice.describe(connection)
    assert description[1] == 2
    assert (description[4], description[5]) == (alice.profile.python, alice.profile.platform)
    assert description[8].keys() == {1, 2, 3, 4}
    assert abs(state[4] - time.time_ns() // 1_000_000) < 120_000


# Rights.


def test_whoever_has_a_token_runs_that_function(alice, new_client, echo):
    bob = new_client()
    token, _ = statements.sign_token(alice.account, echo)
    found = bob.function(echo.id)
    assert (found, bob.function(echo.checksum.hex())) == (echo, echo)
    with bob.connect(found) as connection:
        assert bob.run(connection, found, b"by token", token=token) == b"by token"
        with refused("PermissionDenied"):
            bob.run(connection, found, b"by a stranger's proof")
        with refused("PermissionDenied"):
            connection.call(Operation.RUN, {2: found.checksum})
        with refused("ProtocolError"):
            both = {2: found.checksum, 3: token, 4: bob.owner_proof(connection)}
            connection.call(Operation.RUN, both)


def test_tokens_that_do_not_count(alice, echo):
    with alice.connect() as connection:
        other = deploy(alice, connection, "def cape_handler(_): return b'other'")
        day, stranger = 86_400, Account.generate()
        for account, function, times, name in (
            (alice.account, other, {}, "TokenWrongFunction"),
            (stranger, echo, {}, "TokenInvalid"),
            (alice.account, echo, {"issued_ago": 61, "lifetime": 60}, "TokenExpired"),
            (alice.account, echo, {"issued_ago": -600}, "TokenInvalid"),
            (alice.account, echo, {"lifetime": 0}, "TokenInvalid"),
            (alice.account, echo, {"lifetime": 90 * day + 1}, "TokenInvalid"),
        ):
            token, _ = statements.sign_token(account, function, **times)
            with refused(name):
                alice.run(connection, echo, b"", token=token)
        longest, _ = statements.sign_token(alice.account, echo, lifetime=90 * day)
        assert alice.run(connection, echo, b"x", token=longest) == b"x"


def test_a_proof_of_another_session_does_not_count(alice, echo):
    with alice.connect() as other, alice.connect() as connection:
        members = {2: echo.checksum, 4: alice.owner_proof(other)}
        with refused("PermissionDenied"):
            connection.call(Operation.RUN, members)


def test_a_revoked_token_and_a_revoked_function(alice, new_client):
    with alice.connect() as connection:
        function = deploy(alice, connection, "def cape_handler(_): return b'run'")
        token, jti = statements.sign_token(alice.account, function)
        lists = [
            statements.sign_revocations(alice.account, 1),
            statements.sign_revocations(alice.account, 2, jtis=[jti]),
            statements.sign_revocations(alice.account, 3, checksums=[function.checksum.hex()]),
        ]
        for revocations in lists:
            alice.control_plane.put_revocations(alice.account.id, revocations)
        assert alice.control_plane.revocations(alice.account.id) == lists[2]
        with refused("Conflict"):
            alice.control_plane.put_revocations(alice.account.id, lists[0])

        def run(number, **credential):
            return alice.run(connection, function, b"", records=[lists[number - 1]], **credential)

        assert run(1, token=token) == b"run"
        with refused("TokenRevoked"):
            run(2, token=token)
        assert run(2) == b"run"
        with refused("PermissionDenied"):
            run(1, token=token)
        with refused("PermissionDenied"):
            run(3)


def test_a_manifest_that_demands_a_fresh_list(alice):
    with alice.connect() as connection:
        source = "def cape_handler(_): return b'run'"
        function = deploy(alice, connection, source, revocation_max_age_s=60)
        with refused("PermissionDenied"):
            alice.run(connection, function, b"")
        fresh = statements.sign_revocations(alice.account, 1)
        assert alice.run(connection, function, b"", records=[fresh]) == b"run"


def test_another_accounts_list_is_refused(alice, echo, new_client):
    stranger = statements.sign_revocations(new_client().account, 1)
    with alice.connect() as connection, refused("PermissionDenied"):
        alice.run(connection, echo, b"", records=[stranger])


# Functions.


def test_a_bundle_beyond_the_credit_is_deployed(alice):
    files = {
        "app.py": b"from pathlib import Path\n"
        b"def cape_handler(_): return Path('data').read_bytes()[-5:]\n",
        "data": pattern(3_000_000) + b"there",
    }
    with alice.connect() as connection:
        function = alice.deploy(connection, "large", bundle.pack(files))
        assert alice.run(connection, function, b"") == b"there"


def test_versions_rise_and_a_deleted_function_is_gone(alice, echo):
    with alice.connect() as connection:
        again = alice.deploy(connection, "echo", bundle.pack({"app.py": b"cape_handler = bytes"}))
    assert again.settings["version"] == echo.settings["version"] + 1
    listed = alice.control_plane.manifests(alice.account.id, "echo")
    assert listed == [again.manifest, echo.manifest]
    assert alice.newest_function(alice.account.id, "echo") == again
    with refused("Conflict"):
        alice.control_plane.register(lower_version(alice, echo))
    alice.control_plane.delete(alice.account, again.id)
    with refused("NotFound"):
        alice.function(again.id)
    assert alice.control_plane.last_version(alice.account.id, "echo") == 2


def test_a_name_is_claimed(alice, new_client):
    claim = statements.sign_name(alice.account, "independent-alice")
    alice.control_plane.put_name("independent-alice", claim)
    bob = new_client()
    assert bob.account_of("independent-alice") == alice.account.id
    with refused("NotFound"):
        bob.account_of("independent-nobody")
    with refused("Conflict"):
        other = statements.sign_name(bob.account, "independent-alice")
        bob.control_plane.put_name("independent-alice", other)


def lower_version(client, function):
    settings = {**function.settings, "version": 1, "memory_mib": 256}
    return client.account.sign(statements.MANIFEST, settings)

"""What docs/spec/trust.md says that nobody but the caller gets, tried with the means of each."""

import json
import logging
import threading

import pytest

from pycape import errors
from pycape.demo import echo_folder
from pycape.local import LocalPlatform
from pycape.policy import Policy
from pycape.server import log_to, stop_logging

from .conftest import exactly, hostile, user
from .processes import descendants, wait_until

SECRET = b"only the caller may read this"


def test_the_host_reads_no_input_no_result_and_no_log(platform, alice, folder_of, tmp_path):
    """It sees every byte of every connection, and whatever the runtime writes to its output."""
    folder = folder_of(
        """
        import sys
        def cape_handler(input):
            if input.endswith(b"!"):
                print(input.decode(), flush=True)
                print(input.decode(), file=sys.stderr, flush=True)
                raise ValueError(input.decode())
            return input[::-1]
        """
    )
    ref = alice.deploy(folder, name="telling")
    seen = []
    record = lambda _number, message: seen.append(message) or message
    with (tmp_path / "log").open("w") as stream:
        handler = log_to(stream, logging.DEBUG)
        with hostile(platform, tmp_path / "alice", to_enclave=record, to_client=record) as cape:
            for data in (SECRET, cape.encrypt(SECRET), cape.encrypt(SECRET, kem="x25519")):
                assert cape.run(ref, None, data) == SECRET[::-1]
            with exactly(errors.FunctionError) as raised:
                cape.run(ref, None, SECRET + b"!")
        stop_logging(handler)
    assert SECRET.decode() in str(raised.value), "the caller does read it"
    assert len(seen) > 12
    seen.append((tmp_path / "log").read_bytes())
    for secret in (SECRET, SECRET[::-1]):
        assert not any(secret in message for message in seen)


def test_a_token_gives_runs_of_one_function_and_nothing_else(alice, bob, echo, folder_of):
    token = alice.create_token(echo)
    assert bob.run(echo, token, b"x") == b"x"
    other = alice.deploy(folder_of("def cape_handler(i): return b'other'"), name="not-given")
    for refused in (
        lambda: bob.run(other, token, b"x"),
        lambda: bob.run(other, None, b"x"),
        lambda: bob.delete(echo),
        lambda: bob.create_token(echo),
        lambda: bob.revoke(functions=[echo]),
    ):
        with pytest.raises(errors.PermissionDenied):
            refused()
    assert alice.run(echo, None, b"still there") == b"still there"


def test_callers_see_nothing_of_each_other(alice, bob, folder_of):
    """Each remembers what it was given; a caller's calls share that, different callers' do not."""
    folder = folder_of(
        """
        kept = []
        def cape_handler(input):
            kept.append(input)
            return b" ".join(kept)
        """
    )
    ref = alice.deploy(folder, name="keeping")
    tokens = [alice.create_token(ref) for _ in range(2)]
    with (
        alice.function_context(ref, None) as own,
        bob.function_context(ref, tokens[0]) as first,
        bob.function_context(ref, tokens[1]) as second,
    ):
        for turn in (1, 2):
            assert own.invoke(b"a") == b" ".join([b"a"] * turn)
            assert first.invoke(b"b") == b" ".join([b"b"] * turn)
            assert second.invoke(b"c") == b" ".join([b"c"] * turn)


def test_a_tenant_whose_functions_hang_stops_nobody_else(platform, alice, bob, echo, folder_of):
    folder = folder_of("def cape_handler(input):\n    while True: pass", "timeout_s = 15\n")
    hang = bob.deploy(folder, name="hanging")
    outcomes = []

    def call() -> None:
        try:
            bob.run(hang, None, b"")
        except errors.CapeError as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=call) for _ in range(3)]
    before = len(descendants(platform.enclave_pid))
    for thread in threads:
        thread.start()
    wait_until(lambda: len(descendants(platform.enclave_pid)) > before or outcomes)
    assert alice.run(echo, None, b"meanwhile") == b"meanwhile"
    assert outcomes == [], "they were still at it"
    for thread in threads:
        thread.join(60)
    assert set(outcomes) == {errors.FunctionTimeout}


def test_a_replaced_vault_is_seen(tmp_path):
    """The operator puts another secret in the vault's place: the image is the same."""
    folders = {
        name: {
            "data_folder": tmp_path / name,
            "config_folder": tmp_path / f"{name}-config",
            "port": 0,
        }
        for name in ("honest", "other")
    }
    with (
        LocalPlatform(**folders["honest"]) as platform,
        user(platform, tmp_path / "alice") as alice,
    ):
        trusted = Policy.from_toml(platform.profile.policy_toml)
        ref = alice.deploy(echo_folder(), name="echo")
        state = platform.state.path
    with LocalPlatform(**folders["other"]) as platform:
        other = platform.state.path
    known, replaced = (json.loads((folder / "vault.json").read_text()) for folder in (state, other))
    (state / "vault.json").write_text(json.dumps({**known, "vault": replaced["vault"]}))
    (state / "vault.key").write_bytes((other / "vault.key").read_bytes())
    with (
        LocalPlatform(**folders["honest"]) as platform,
        user(platform, tmp_path / "alice", policy=trusted) as alice,
    ):
        for ask in (lambda: alice.encrypt(b"x"), lambda: alice.run(ref, None, b"x")):
            with exactly(errors.VaultMismatch):
                ask()

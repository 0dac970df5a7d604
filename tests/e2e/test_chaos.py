"""kill -9 at random moments, under load: what was promised holds, and nothing is left behind.

CAPE_CHAOS_ROUNDS is how many processes are killed, CAPE_CHAOS_SEED repeats the choices of a run
that failed (not its timing).
"""

import os
import random
import tempfile
import time

from pycape import Cape, errors

from .chaos import CLEAR, Host, Load, adopting_orphans, wait_until_only
from .processes import descendants

ROUNDS = int(os.environ.get("CAPE_CHAOS_ROUNDS", "20"))
SEED = int(os.environ.get("CAPE_CHAOS_SEED", random.SystemRandom().randrange(1 << 32)))
CLIENTS = 3

# What dies, and how often in comparison: another platform takes seconds to start, a worker none.
TARGETS = {"control plane": 1, "runtime": 3, "base process": 3, "worker": 5}


def test_kill_9_of_anything_at_any_moment(tmp_path, monkeypatch):
    print(f"CAPE_CHAOS_SEED={SEED} CAPE_CHAOS_ROUNDS={ROUNDS}")
    choice = random.Random(SEED)  # noqa: S311
    before = descendants(os.getpid())
    clients_temporary = tmp_path / "temporary of clients"
    clients_temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(clients_temporary))
    host, load = Host(tmp_path), Load(tmp_path / "functions", tmp_path / "config", SEED)
    (tmp_path / "functions").mkdir()
    with adopting_orphans():
        with host, Cape(config_dir=host.config, max_retries=0) as witness:
            first = load.deploy(witness, "first", 0)
            with load.of(CLIENTS):
                for _ in range(ROUNDS):
                    time.sleep(choice.uniform(0, 0.2))
                    (target,) = choice.choices(list(TARGETS), TARGETS.values())
                    host.kill(target, choice)
                    serves_again(witness, first)
                    assert not load.wrong, load.wrong
            print(dict(load.outcomes), f"{len(load.deployed)} functions")
            assert not load.wrong, load.wrong
            assert load.outcomes["result"]
            nothing_is_lost(host, witness, load)
        wait_until_only(before)
    assert list(host.temporary.iterdir()) == []
    assert list(clients_temporary.iterdir()) == []
    assert list((host.blobs / "incoming").iterdir()) == []
    assert list((host.blobs.parent / "run").iterdir()) == []


def serves_again(witness: Cape, function) -> None:
    """Wait until a call succeeds; until then it is told clearly why it does not."""
    deadline = time.monotonic() + 60
    while True:
        try:
            assert witness.run(function, None, b"x") == b"first: x"
        except errors.CapeError as error:
            assert type(error) in CLEAR, error
            assert time.monotonic() < deadline, error
        else:
            return
        time.sleep(0.02)


def nothing_is_lost(host: Host, witness: Cape, load: Load) -> None:
    """What a client was told is deployed is there and runs; what is listed runs, and is whole."""
    listed = {manifest.name: manifest for manifest in witness.functions()}
    assert set(load.deployed) <= set(listed)
    for name, manifest in listed.items():
        assert witness.run(manifest.function_id, None, b"x") == f"{name}: x".encode()
    blobs = {path.name for path in host.blobs.iterdir() if path.is_file()}
    for name in blobs:
        if name.startswith("02"):
            assert f"01{name[2:]}" in blobs, "a manifest without its bundle"

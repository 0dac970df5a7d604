"""Two accounts' functions on one enclave: neither sees, stops or changes the other."""

import json
import os
import threading
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from pycape.errors import (
    DecryptFailed,
    PermissionDenied,
    TokenInvalid,
    TokenWrongFunction,
)

from .attempts import TENANTS, refusal

ISOLATIONS = ("session", "call", "function")
WITHOUT_THE_JAIL = frozenset(
    {
        "ipc_namespace",
        "landlock",
        "network_namespace",
        "no_capabilities",
        "own_user",
        "pid_namespace",
        "private_root",
        "system_calls",
        "user_namespace",
    }
)

# Without the jail they succeed, and it goes on.
GETS_AT_ANOTHER = (
    "its_file",
    "its_files_by_its_process",
    "code_that_is_not_mine",
    "its_environment",
    "its_socket",
    "refer_to_its_process",
    "read_its_memory",
    "enter_its_namespaces",
    "memory_that_both_may_attach",
    "slow_it_down",
    "on_which_processors_it_is",
    "how_busy_it_is",
    "put_it_on_one_processor",
    "limit_it",
)

# These succeed too, and stop or end it.
STOPS_ANOTHER = ("trace_its_process", "stop_its_process", "end_its_session", "end_its_process")

# No layer that can be left off refuses these; why they are not made without the jail.
REFUSED_BY_NO_LAYER = {
    "as_many_processes_as_there_may_be": "it is limited, not refused: else it takes the machine's",
    "as_much_room_as_there_is": "it is limited, not refused: without a limit it fills the disk",
    "every_lock_on_what_all_read": "it gets its locks with the jail too, and they harm nobody",
    "memory_that_it_had_before": "the kernel clears the pages that it gives to any process",
}


_NUMBERS = count()


@pytest.fixture(scope="module")
def world(worlds):
    return worlds.without()


@pytest.fixture(scope="module")
def attacker(worlds):
    return worlds.another_tenant(worlds.without())


@contextmanager
def victim(world, isolation: str):
    """A call of the victim's function that goes on; what is known of it, and how to hear of it."""
    # No two alike: without the jail the one before may yet hold its socket's name.
    name = f"v{threading.get_native_id()}{isolation[0]}{next(_NUMBERS)}"
    arguments = json.dumps(["hold", {"name": name}]).encode()
    with world.cape.function_context(world.function(isolation), None) as function:
        output = function.stream(arguments)
        facts = json.loads(next(output))
        yield {**facts, "process": process_named(name)}, lambda: next(output)
        output.close()


def process_named(name: str) -> int:
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdecimal() and (process / "comm").read_text() == f"{name}\n":
                return int(process.name)
        except OSError:
            pass
    raise AssertionError(f"there is no process {name}")


@pytest.mark.parametrize("of_attacker", ISOLATIONS)
@pytest.mark.parametrize("of_victim", ISOLATIONS)
def test_a_tenant_does_not_get_at_another(world, attacker, of_victim, of_attacker):
    with victim(world, of_victim) as (facts, hear):
        for name, attempt in TENANTS.items():
            known = {**world.facts, **facts}
            make = lambda: attacker.attempt(name, isolation=of_attacker, facts=known)  # noqa: B023
            if attempt.refused:
                assert refusal(make) in attempt.refused, name
            else:
                assert int(make()) > 0, name
            assert hear() == b"alive", name


@pytest.mark.skipif(os.getuid() != 0, reason="only root can leave layers off and gain by it")
def test_without_the_jail_a_tenant_gets_at_another(worlds):
    world = worlds.without(WITHOUT_THE_JAIL)
    attacker = worlds.another_tenant(world)
    with victim(world, "session") as (facts, _hear):
        for name in GETS_AT_ANOTHER:
            attacker.attempt(name, facts={**world.facts, **facts})
    for name in STOPS_ANOTHER:
        with victim(world, "session") as (facts, _hear):
            attacker.attempt(name, facts={**world.facts, **facts})


def test_each_attempt_is_shown_to_succeed_without_the_jail_or_is_told_why_not():
    assert {*GETS_AT_ANOTHER, *STOPS_ANOTHER, *REFUSED_BY_NO_LAYER} == set(TENANTS)


def test_a_tenant_neither_runs_nor_opens_what_is_anothers(world, attacker):
    theirs = world.function("session")
    arguments = json.dumps(["a_variable", {"caller": "x"}]).encode()
    with pytest.raises(TokenInvalid):
        attacker.cape.run(theirs, None, arguments)
    token = attacker.cape.create_token(attacker.function("session"))
    with pytest.raises((TokenInvalid, TokenWrongFunction)):
        attacker.cape.run(theirs, token, arguments)
    ciphertext = world.cape.encrypt(b"for the victim only")
    with pytest.raises(DecryptFailed):
        attacker.cape.run(attacker.function("session"), None, ciphertext)


def test_a_caller_who_does_not_agree_to_share_is_told_how(world, attacker):
    shared = world.function("function")
    token = world.cape.create_token(shared)
    arguments = json.dumps(["a_variable", {"caller": "x"}]).encode()
    with pytest.raises(PermissionDenied) as caught:
        attacker.cape.run(shared, token, arguments)
    assert "shared=True" in caught.value.hint

"""Each way out of the jail is shut by the layer that is there for it: with all layers on the
attempt fails for the reason that it declares, and with those layers off it succeeds."""

import os
from contextlib import suppress

import pytest

from pycape.errors import FunctionError

from .attempts import ATTEMPTS, refusal

LAYERED = sorted(name for name, attempt in ATTEMPTS.items() if attempt.layers)
LEFTOVERS = sorted(name for name, attempt in ATTEMPTS.items() if not attempt.layers)

only_root = pytest.mark.skipif(
    os.getuid() != 0, reason="only root can leave layers off and gain by it"
)


def test_there_are_as_many_attempts_as_there_have_to_be():
    assert len(LAYERED) >= 150
    assert len(LEFTOVERS) >= 8


@pytest.mark.parametrize("name", LAYERED)
def test_is_refused_for_the_right_reason(worlds, name):
    off = worlds.without().off() & ATTEMPTS[name].layers
    if off:
        pytest.skip(f"this machine gives no {', '.join(sorted(off))}")
    assert refusal(lambda: worlds.without().attempt(name)) in ATTEMPTS[name].refused


@only_root
@pytest.mark.parametrize("name", LAYERED)
def test_succeeds_without_the_layers_that_refuse_it(worlds, name):
    if worlds.without().off() & ATTEMPTS[name].layers:
        pytest.skip("they are not on here")
    try:
        assert worlds.without(ATTEMPTS[name].layers).attempt(name)
    except FunctionError as error:
        if error.message.startswith(("[Errno 38]", "[Errno 92]", "[Errno 93]", "[Errno 97]")):
            pytest.skip("this kernel has no such thing")
        raise


@pytest.mark.parametrize("isolation", ["session", "call"])
@pytest.mark.parametrize("name", LEFTOVERS)
def test_nothing_is_left_for_the_next_caller(worlds, name, isolation):
    world = worlds.without()
    for caller in ("one", "two"):
        make = lambda: world.attempt(name, isolation=isolation, caller=caller)  # noqa: B023
        assert refusal(make) == "ENOENT"


@pytest.mark.parametrize("name", LEFTOVERS)
def test_what_is_left_is_found_by_callers_who_agree_to_share(worlds, name):
    world = worlds.without()
    with suppress(FunctionError):  # what other attempts have left may be there already
        world.attempt(name, isolation="function", caller="one")
    assert world.attempt(name, isolation="function", caller="two")


@only_root
def test_the_layers_that_are_off_are_named_with_the_reason(worlds):
    off = frozenset({"private_root", "landlock", "own_user"})
    layers = worlds.without(off).layers()
    assert {name for name in off if "insecure_off" in layers[name]} == off
    assert layers["network_namespace"] is None


@only_root
def test_every_layer_has_an_attempt_that_it_alone_or_with_others_refuses(worlds):
    layers = {layer for name in LAYERED for layer in ATTEMPTS[name].layers}
    without = {
        "cgroup_namespace": "what it hides is in /proc, which is not there",
        "control_group": "this machine may have no hierarchy of version 2",
        "private_storage": "the runtime's own, not a worker's",
    }
    assert set(worlds.without().layers()) - layers == set(without)

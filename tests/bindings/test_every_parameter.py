"""No value in any place of the core ends the process, or raises what is not ours."""

from tests.bindings.apart import run_apart


def test_every_parameter_with_the_worst_values():
    run_apart("tests.bindings.every_parameter")

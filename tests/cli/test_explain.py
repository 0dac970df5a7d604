"""`cape explain`: what the pages of errors say, for whoever has the wheel only."""

import re

import pytest

from pycape.cli._explanations import classes

KINDS = list(classes())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_every_code_is_explained(stranger, kind):
    told = stranger.ok("explain", kind.code).text
    assert told.startswith(f"{kind.code} {kind.__name__}\n\n")
    assert "\n\nWhat to do: " in told
    assert max(map(len, told.splitlines())) <= 80
    assert not re.search(r"\]\(|docs/|\n\n\n", told)


def test_a_class_and_a_code_in_small_letters_are_found_too(stranger):
    told = stranger.ok("explain", "CAPE-ATT-007").text
    assert stranger.ok("explain", "PcrMismatch").text == told
    assert stranger.ok("explain", "cape-att-007").text == told


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("CAPE-ATT-7", "did you mean CAPE-ATT-0"),
        ("PcrMissmatch", "did you mean PcrMismatch?"),
        ("5", "a code looks like CAPE-ATT-007"),
    ],
)
def test_what_is_no_code(stranger, code, hint):
    error = stranger.error("explain", code)
    assert (error["status"], error["message"]) == (2, f"there is no error {code!r}")
    assert error["hint"].startswith(hint)

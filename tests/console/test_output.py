"""Outputs as pages show them."""

import pytest

from pycape.console.output import MOST_SHOWN, shown_output


@pytest.mark.parametrize(
    ("output", "text", "form"),
    [
        (b"", "", "text"),
        (b"one\ntwo", "one\ntwo", "text"),
        ("größer".encode(), "größer", "text"),
        (b'{"a":[1]}', '{\n  "a": [\n    1\n  ]\n}', "JSON"),
        (b"{not json", "{not json", "text"),
        (b"[" * 5000, "[" * 5000, "text"),
        (b"\xffAB", "000000  ff 41 42                                         .AB", "bytes"),
    ],
)
def test_what_is_shown(output, text, form):
    shown = shown_output(output)
    assert (shown.text, shown.form, shown.is_whole) == (text, form, True)


@pytest.mark.parametrize("output", [b"x" * (MOST_SHOWN + 1), b"\xff" * (MOST_SHOWN + 1)])
def test_a_long_one_is_shown_in_part(output):
    shown = shown_output(output)
    assert not shown.is_whole
    assert len(shown.text) <= 6 * MOST_SHOWN


def test_a_character_that_the_end_cuts_does_not_make_it_bytes():
    assert shown_output("é".encode() * MOST_SHOWN).form == "text"

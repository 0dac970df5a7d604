"""What a process says by a line, whatever that is."""

import pytest

from pycape.local.child_streams import parsed


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('{"level": "INFO"}\n', {"level": "INFO"}),
        ("not JSON\n", "not JSON"),
        ("", ""),
        ("[" * 100_000 + "\n", "[" * 100_000),
    ],
)
def test_a_line_is_json_or_text(line, value):
    assert parsed(line) == value

import pytest


@pytest.mark.parametrize("data", [b"", b"hello world", bytes(range(256)), b"\0" * 100_000])
def test_the_echo_is_the_input(run, data):
    assert run(data) == data

"""`cape run` with data that passes, and with what the function prints."""

import io
import json
import sys
import textwrap
from pathlib import Path

import pytest

from pycape.cli import _run_streams

from .test_text_of_strangers import HOSTILE, assert_harmless

SHOUTS = """
    import sys
    from typing import BinaryIO

    def cape_handler(stream: BinaryIO):
        print("begun")
        size = 0
        while chunk := stream.read1(65536):
            size += len(chunk)
            yield chunk.upper()
        sys.stderr.write(f"{size} bytes")
"""


@pytest.fixture
def deployed(cape, tmp_path):
    def deploy(source: str) -> str:
        folder = tmp_path / "function"
        folder.mkdir(exist_ok=True)
        (folder / "app.py").write_text(textwrap.dedent(source))
        return cape.data("deploy", folder)["function_id"]

    return deploy


def test_logs_are_printed_to_stderr_and_only_when_asked_for(cape, deployed):
    shouts = deployed(SHOUTS)
    told = cape.ok("run", shouts, "hello", "--logs")
    assert (told.text, told.stderr) == ("HELLO", "begun\n5 bytes\n")
    assert cape.ok("run", shouts, "hello").stderr == ""
    told = cape.ok("run", shouts, "hello", "--logs", "--json")
    assert (told.json["data"]["output"]["text"], told.stderr) == ("HELLO", "begun\n5 bytes\n")


def test_a_log_controls_no_terminal(cape, deployed):
    function = deployed(f"def cape_handler(data):\n    print({HOSTILE!r})\n    raise ValueError\n")
    told = cape("run", function, "x", "--logs")
    assert told.status == 1
    assert_harmless(told.stderr)
    assert "cape: error: the function failed: ValueError" in told.stderr.splitlines()


@pytest.mark.parametrize("size", [0, 4, 65_536, 65_537, 1_000_000])
@pytest.mark.parametrize("options", [(), ("--stream",)])
def test_an_input_of_any_size_from_a_file_or_stdin(cape, deployed, tmp_path, size, options):
    shouts, data = deployed(SHOUTS), (b"cape" * size)[:size]
    file = tmp_path / "input"
    file.write_bytes(data)
    assert cape.ok("run", shouts, "-f", file, *options).stdout == data.upper()
    assert cape.ok("run", shouts, "-f", "-", *options, stdin=data).stdout == data.upper()


@pytest.mark.parametrize("options", [(), ("--stream",)])
@pytest.mark.parametrize("form", ["--text", "--binary"])
def test_an_envelope_from_a_file_in_either_form(cape, deployed, tmp_path, options, form):
    shouts, sealed = deployed(SHOUTS), tmp_path / "sealed"
    data = b"secret" * 50_000
    cape.ok("encrypt", "-f", "-", form, "-o", sealed, stdin=data)
    if form == "--text":
        sealed.write_bytes(sealed.read_bytes() + b" \n\n")
    assert cape.ok("run", shouts, "-f", sealed, *options).stdout == data.upper()


def test_a_stream_into_a_file_with_its_receipt(cape, deployed, tmp_path):
    shouts, output = deployed(SHOUTS), tmp_path / "output"
    told = cape.data(
        "run", shouts, "x", "--stream", "-o", output, "--receipt", tmp_path / "receipt"
    )
    assert output.read_bytes() == b"X"
    assert told["output"] == {"size": 1}
    assert told["file"] == str(output)
    assert told["receipt"]["outcome"] == "success"
    cape.ok("receipt", "verify", tmp_path / "receipt", "--salts", tmp_path / "receipt.salts")


def test_a_stream_that_fails_leaves_no_file(cape, deployed, tmp_path):
    function = deployed("""
        def cape_handler(data):
            yield b"some"
            raise ValueError("in the middle")
    """)
    output = tmp_path / "output"
    told = cape("run", function, "x", "--stream", "-o", output)
    assert (told.status, output.exists()) == (1, False)
    assert "in the middle" in told.stderr
    told = cape("run", function, "x", "--stream")
    assert (told.status, told.stdout) == (1, b"some")


def test_a_stream_to_stdout_leaves_no_room_for_json(cape, deployed):
    shouts = deployed(SHOUTS)
    told = cape("run", shouts, "x", "--stream", "--json")
    assert told.status == 2
    assert "-o FILE" in json.loads(told.stdout)["error"]["hint"]


def test_a_stream_on_a_terminal_is_text_that_controls_nothing(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with _run_streams.output_of(None) as output:
        for octet in f"before grüße {HOSTILE} after".encode() + b"\xff":
            output.write(bytes([octet]))
    shown = capsys.readouterr().out
    assert_harmless(shown)
    assert "grüße" in shown
    assert shown.endswith("\n")


def test_an_input_is_there_as_soon_as_its_first_bytes_are():
    class Slow(io.RawIOBase):
        def read(self, _size=-1):
            return given.pop(0)

    given = [b"c", b"a", b"b", b"", b"never"]
    source = _run_streams.pieces(_source(Slow()))
    assert next(source) == b"cab"
    assert list(source) == []


def test_space_behind_an_envelope_is_held_in_bounded_memory():
    text = b"cape:2:AAAA" + b" " * 1_000_000
    given = list(_run_streams.pieces(_source(io.BytesIO(text))))
    assert b"".join(given).startswith(b"cape:2:AAAA")
    assert max(map(len, given)) <= 1 << 20


def _source(reader):
    from pycape.cli._streams import Input

    return Input(str(Path("input")), reader, None, None)

"""Text of others never controls a terminal, nor passes for a line of `cape`'s own."""

import http.server
import io
import json
import logging
import threading
import warnings
import zipfile
from contextlib import contextmanager
from datetime import timedelta

import pytest
from rich.console import Console
from tests.attestation import der
from tests.attestation.vectors.chain import NOW, ROOT, chain, validity
from tests.attestation.vectors.document import POLICY, document

from pycape import _core, envelope, errors, keys
from pycape._config import Config
from pycape._evidence import Check
from pycape._profile import Profile
from pycape._strangers import harmless, one_line
from pycape.cli import _confirm, _failure
from pycape.cli._bar import bar
from pycape.cli._context import Context
from pycape.cli._errors import Interrupted
from pycape.cli._file_progress import FileProgress
from pycape.cli._log import log_to_stderr
from pycape.cli._text import fields
from pycape.cli._verdict import as_rows

# Controls of C0 and C1, what reverses the direction of writing, what has no width.
INVISIBLE = "before \u202e\u2066\u200b\u2028\ufeff after"
HOSTILE = f"{INVISIBLE} \x00\x07\x08\x1b[2J\x1b]0;t\x07\x7f\x9b31m\x9d"
FORGED = "forged: of a line of its own"
IN_LINES = f"{HOSTILE}\n{FORGED}\r{FORGED}"
AT = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
KEY = keys.PrivateKey.from_raw("x25519", bytes(range(1, 33)))


def assert_harmless(text: str) -> None:
    """Assert that it is told, and that nothing but ends of lines and tabs controls a terminal."""
    assert "before" in text
    assert {c for c in text if not c.isprintable()} <= {"\n", "\t"}


def assert_in_one_line(text: str) -> None:
    """Assert that what it says after an end of line is no line of its own."""
    assert_harmless(text)
    lines = [line.strip() for line in text.splitlines()]
    assert not [line for line in lines if line.startswith(FORGED)]


@pytest.fixture
def trusting(stranger):
    """Somebody whose profile trusts the root that the forged documents below end at."""
    install(stranger, "http://127.0.0.1:1")
    return stranger


def install(user, url: str) -> None:
    profile = Profile(
        name="forged",
        url=url,
        development=True,
        trust_roots=(ROOT,),
        birth=None,
        python="3.11",
        platform="x86_64-manylinux_2_28",
        policy_toml=POLICY,
    )
    Config(config_dir=user.config).install_profile(profile, make_default=True)


# Attestation documents


def named(common_name: str) -> bytes:
    """Return a name of UTF8String, which holds anything."""
    value = der.tlv(0x0C, common_name.encode())
    attribute = der.tlv(der.SEQUENCE, der.identifier(der.COMMON_NAME), value)
    return der.tlv(der.SEQUENCE, der.tlv(der.SET, attribute))


DOCUMENT = document(module_id=IN_LINES, chain=chain(leaf={"subject": named(IN_LINES)}))
JUDGED = ["attest", "-f", "-", "--any-nonce", "--at", AT]


@pytest.mark.parametrize("words", [[], ["-q"], ["-v"]], ids=["text", "quiet", "verbose"])
def test_of_a_document_that_is_approved(trusting, words):
    told = trusting.ok(*JUDGED, *words, stdin=DOCUMENT)
    assert_in_one_line(told.text + told.stderr)


def test_of_a_document_in_json_and_as_it_is_kept(trusting, tmp_path):
    asked = [*JUDGED, "--save", "kept", "--yes"]
    assert trusting.data(*asked, stdin=DOCUMENT)["module_id"] == IN_LINES
    for text in (
        trusting.ok(*asked, "--json", stdin=DOCUMENT).text,
        trusting.ok(*asked, "-o", "json", stdin=DOCUMENT).text,
        (tmp_path / "kept.json").read_text(),
    ):
        assert text.isascii()
        assert not set(text) & set("\x00\x07\x1b\r\x7f")


def test_of_a_document_that_is_refused(trusting):
    over = chain(leaf={"subject": named(IN_LINES), "validity": validity(NOW, NOW)})
    later = (NOW + timedelta(seconds=1)).isoformat()
    asked = ["attest", "-f", "-", "--any-nonce", "--at", later, "-v"]
    told = trusting(*asked, stdin=document(over))
    assert told.status == 77
    assert_in_one_line(told.text + told.stderr)


def test_what_checks_are_seen_by():
    assert_in_one_line(as_rows([Check(IN_LINES, True, IN_LINES), Check("form", False, IN_LINES)]))


# What is inspected


@pytest.mark.parametrize(
    "data",
    [
        DOCUMENT,
        envelope.seal(b"x", [KEY.public_key], context={"note": IN_LINES}),
        envelope.seal(b"x", [KEY.public_key], context={IN_LINES: "x"}),
        f'[[release]]\nname = {json.dumps(IN_LINES)}\npcr0 = "{"11" * 48}"\n'.encode(),
        _core.Account.from_seed(bytes(32)).sign_token("cd" * 32, 60, INVISIBLE, 0).encode(),
    ],
    ids=["document", "context", "key of a context", "policy", "token"],
)
def test_of_what_is_inspected(stranger, data):
    assert_in_one_line(stranger.ok("inspect", "-", stdin=data).text)


def test_of_names_in_a_zip(stranger):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("app.py", "")
        file.writestr(IN_LINES.replace("\x00", ""), "x" * 100)
    assert_in_one_line(stranger.ok("inspect", "-", stdin=buffer.getvalue()).text)


def test_of_a_token(stranger):
    token = _core.Account.from_seed(bytes(32)).sign_token("cd" * 32, 60, INVISIBLE, 0)
    assert_in_one_line(stranger.ok("token", "show", "-", stdin=token.encode()).text)


# Who answers


@contextmanager
def answering(status: int, body: bytes, **headers: str):
    """Answer every request the same, as whoever stands at a platform's address can."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content_Length": str(len(body))}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


PROBLEM = {
    "title": IN_LINES,
    "detail": IN_LINES,
    "name": "NotFound",
    "hint": IN_LINES,
    "details": {IN_LINES: IN_LINES},
}


@pytest.mark.parametrize(
    "words",
    [
        ["function", "list", "--account", "somebody"],
        ["keys", "show"],
        ["accounts", "trust", "somebody"],
        ["attest"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("body", [json.dumps(PROBLEM), IN_LINES], ids=["problem", "text"])
def test_of_a_control_plane(stranger, words, body):
    with answering(404, body.encode(), X_Request_Id="before \x1b[2J\x9b") as url:
        install(stranger, url)
        told = stranger(*words, "-v")
    assert told.status != 0
    assert_in_one_line(f"before {told.text}{told.stderr}")


def test_of_a_function_that_fails(cape, tmp_path):
    (tmp_path / "failing").mkdir()
    code = f"def cape_handler(data):\n    raise ValueError({IN_LINES!r})\n"
    (tmp_path / "failing" / "app.py").write_text(code)
    function = cape.ok("deploy", "failing", "-q").line
    told = cape("run", function, "x", "-v")
    assert told.status != 0
    assert_harmless(told.stderr)


# Where text goes out


@pytest.mark.parametrize("verbose", [False, True])
def test_of_an_error_with_its_facts_and_its_hint(capsys, verbose):
    error = errors.CapeError(HOSTILE, hint=HOSTILE, details={HOSTILE: HOSTILE})
    _failure.report(error, Context(verbose=verbose))
    told = capsys.readouterr().err
    assert told.count("before") == (4 if verbose else 2)
    assert_harmless(told)


def test_of_a_defect_with_its_traceback(capsys):
    try:
        raise LookupError(HOSTILE)
    except LookupError as error:
        _failure.report(error, Context(verbose=True))
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert_harmless(told)


def test_of_results_and_notes(capsys):
    context = Context()
    context.result({}, HOSTILE)
    context.note(HOSTILE)
    Context(quiet=True).result({}, "", HOSTILE)
    told = capsys.readouterr()
    assert told.out.count("before") == 2
    assert_harmless(told.out)
    assert_harmless(told.err)


def test_of_what_is_logged_and_warned_of(capsys):
    with warnings.catch_warnings():
        log_to_stderr(Context(verbose=True))
        logging.getLogger("pycape").warning("%s is new", HOSTILE)
        warnings.warn(HOSTILE, UserWarning, stacklevel=1)
    told = capsys.readouterr().err
    assert told.count("before") == 2
    assert_harmless(told)


def test_of_questions(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    with pytest.raises(Interrupted):
        _confirm.confirm(Context(), f"delete {IN_LINES}?")
    assert_in_one_line(capsys.readouterr().err)


def test_of_names_beside_a_bar(capsys):
    with FileProgress(Context(), f"copying {IN_LINES}", 1 << 30) as progress:
        progress.report(1 << 29)
    assert_in_one_line(capsys.readouterr().err)


def test_a_bar_takes_brackets_for_what_they_are():
    drawn = Console(file=io.StringIO(), width=200)
    with bar() as progress:
        progress.add_task("copying [/x].cape")
        drawn.print(progress.get_renderable())
    assert "copying [/x].cape" in drawn.file.getvalue()


def test_text_that_is_harmless_stays():
    text = "Zoë, 你好, שלום: 100 €\n\tnext"
    assert harmless(text) == text
    assert one_line("Zoë, 你好") == "Zoë, 你好"
    assert one_line("a\nb\tc") == "a\ufffdb\ufffdc"
    assert fields({"a": 1, "b": None, "c": "x\ny"}) == "a  1\nc  x\ufffdy"

"""encrypt, deploy, run, and what belongs to them: package and decrypt."""

import json
from datetime import UTC, datetime

import pytest

from pycape import Cape, FunctionRef, errors
from pycape.cli import _failure
from pycape.cli._context import Context
from pycape.demo import echo_folder


def test_a_function_is_deployed_and_runs(cape):
    deployed = cape.ok("deploy", echo_folder(), "--name", "hello")
    rows = dict(
        line.split(None, 1) for line in deployed.text.replace("function id", "id").splitlines()
    )
    assert rows["name"] == "hello"
    ran = cape.ok("run", rows["id"], "hello world")
    assert (ran.text, ran.stderr) == ("hello world", "")


def test_a_name_has_to_be_well_formed(cape):
    error = cape.error("deploy", echo_folder(), "-n", "Not A Name")
    assert (error["status"], error["code"]) == (2, "CAPE-CLI-001")
    assert "a function cannot be called 'Not A Name'" in error["message"]


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("My Function", "my-function"),
        ("2nd try", "nd-try"),
        ("x" * 80, "x" * 64),
        ("42", "function"),
    ],
)
def test_a_folder_gives_its_function_a_name(cape, tmp_path, folder, name):
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "app.py").write_bytes((echo_folder() / "app.py").read_bytes())
    assert cape.data("deploy", folder)["function_name"].endswith(f"/{name}")


def test_what_is_deployed_is_read_by_function_ref_and_by_run(cape, tmp_path):
    file = tmp_path / "echo.json"
    file.write_bytes(cape.ok("deploy", echo_folder(), "-o", "json").stdout)
    ref = FunctionRef.from_json(file.read_text())
    assert ref.to_json() == FunctionRef.from_json(ref.to_json()).to_json()
    assert json.loads(file.read_text())["function_checksum"] == ref.checksum
    assert cape.ok("run", file, "by its file").text == "by its file"


def test_only_the_identifier_with_q(cape, echo):
    assert cape.ok("deploy", echo_folder(), "-q").line == echo["function_id"]


def test_an_unchanged_folder_is_the_same_function(cape, echo):
    assert cape.data("deploy", echo_folder()) == echo


def test_phases_are_told_on_stderr(cape):
    outcome = cape.ok("deploy", echo_folder())
    assert outcome.stderr.splitlines()[0] == "collecting files"
    assert cape.ok("deploy", echo_folder(), "-q").stderr == ""


def test_encrypted_input_is_opened_in_the_enclave(cape, echo, tmp_path):
    sealed = cape.ok("encrypt", "hello world").line
    assert sealed.startswith("cape:2:")
    assert cape.ok("run", echo["function_id"], sealed).text == "hello world"
    file = tmp_path / "letter.cape"
    cape.ok("encrypt", "-f", "-", "-o", file, stdin=b"\x00binary\xff")
    assert cape.ok("run", echo["function_id"], "-f", file).stdout == b"\x00binary\xff"
    assert cape.ok("run", echo["function_id"], "-f", "-", stdin=file.read_bytes()).stdout == (
        b"\x00binary\xff"
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b" \n\n"])
def test_an_encrypted_input_that_an_editor_saved(cape, echo, tmp_path, end):
    (tmp_path / "letter").write_bytes(cape.ok("encrypt", "hello").stdout + end)
    assert cape.ok("run", echo["function_id"], "-f", "letter").text == "hello"
    (tmp_path / "plain").write_bytes(b"CAPE as it is" + end)
    assert cape.ok("run", echo["function_id"], "-f", "plain").stdout == b"CAPE as it is" + end


def test_a_shorter_ciphertext(cape):
    x25519 = cape.ok("encrypt", "hi", "--kem", "x25519").line
    assert len(x25519) < 400 < len(cape.ok("encrypt", "hi").line)


def test_an_output_file(cape, echo, tmp_path):
    file = tmp_path / "answer"
    outcome = cape.ok("run", echo["function_id"], "hello", "-o", file)
    assert (outcome.stdout, file.read_bytes()) == (b"", b"hello")
    assert cape.ok("run", echo["function_id"], "hello", "-o", "-").stdout == b"hello"


def test_run_tells_programs_what_was_measured(cape, echo):
    data = cape.data("run", echo["function_id"], "hello")
    assert data["output"] == {"text": "hello", "base64": "aGVsbG8=", "size": 5}
    assert data["checksum"] == echo["function_checksum"]
    assert data["trust"] == "development"
    assert data["usage"]["duration_us"] > 0
    assert cape.data("run", echo["function_id"], "-f", "-", stdin=b"\xff")["output"]["text"] is None


def test_run_tells_more_with_v(cape, echo):
    outcome = cape.ok("run", echo["function_id"], "hello", "-v")
    assert outcome.text == "hello"
    for once in ("POST ", "<VerifiedAttestation"):
        assert outcome.stderr.count(once) == 1


def test_a_checksum_that_the_function_has_to_have(cape, echo):
    cape.ok("run", echo["function_id"], "hi", "--checksum", echo["function_checksum"])
    error = cape.error("run", echo["function_id"], "hi", "--function-checksum", "0" * 64)
    assert (error["status"], error["code"]) == (65, errors.ChecksumMismatch.code)


def test_a_function_that_fails_shows_its_traceback(cape, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "app.py").write_text(
        'def cape_handler(data):\n    raise ValueError("no \\x1b[31mgood")\n'
    )
    function = cape.data("deploy", "broken")["function_id"]
    outcome = cape("run", function, "x")
    assert outcome.status == 1
    assert outcome.stdout == b""
    assert 'File "app.py", line 2, in cape_handler' in outcome.stderr.replace(
        str(tmp_path), ""
    ).replace("/function/", "")
    assert "cape: error: the function failed: ValueError: no \ufffd[31mgood" in outcome.stderr
    assert "\x1b" not in outcome.stderr


@pytest.mark.parametrize(
    ("code", "kind", "frame"),
    [
        ("def cape_handler(data):\n    raise KeyError(data)\n", "KeyError", "in cape_handler"),
        (
            "import no_such_module\ndef cape_handler(data): ...\n",
            "ModuleNotFoundError",
            'app.py", line 1, in <module>',
        ),
    ],
)
def test_an_exception_of_a_function_is_told_once_and_to_programs(cape, tmp_path, code, kind, frame):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "app.py").write_text(code)
    function = cape.data("deploy", "broken")["function_id"]
    error = cape.error("run", function, "x")
    assert (error["code"], error["type"]) == (errors.FunctionError.code, kind)
    assert frame in error["traceback"]
    assert not {"type", "traceback"} & error["details"].keys()
    told = cape("run", function, "x", "-v")
    assert told.stderr.count(error["traceback"].rstrip()) == 1
    assert cape("run", function, "x", "-v", "--json").json["error"]["type"] == kind


def test_the_facts_of_an_error_are_told_to_programs(capsys):
    failed = errors.FunctionCrashed("it died", signal=9, details={"signal": "9", "request_id": "7"})
    _failure.report(failed, Context(json=True))
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["type"], error["traceback"]) == (None, None)
    assert error["details"] == {"signal": "9", "request_id": "7"}
    refused = errors.NotFound("no such function", request_id="8", details={"limit": "1"})
    _failure.report(refused, Context(json=True))
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["details"] == {"request_id": "8", "limit": "1"}


def test_for_somebody_else_by_name_and_by_account(cape, bob, echo):
    owner = cape.ok("accounts", "name", "verbs-owner").text.split()[-1]
    by_name = bob.ok("encrypt", "for you", "--recipient", "verbs-owner")
    assert f"verbs-owner is {owner}" in by_name.stderr, "an account is shown on first use"
    by_account = bob.ok("encrypt", "for you", "-r", owner)
    assert by_account.stderr == ""
    for sealed in (by_name, by_account):
        assert cape.ok("run", echo["function_id"], sealed.line).text == "for you"


def test_rules_of_use(cape, bob, echo):
    account = cape.ok("accounts", "show", "-q").line
    checksum = echo["function_checksum"]
    sealed = bob.ok("encrypt", "x", "-r", account, "--function", checksum).line
    assert cape.ok("run", echo["function_id"], sealed).text == "x"
    other = bob.ok("encrypt", "x", "-r", account, "--function", "0" * 64).line
    assert cape.error("run", echo["function_id"], other)["status"] == 77
    with Cape(config_dir=bob.config) as client:
        over = datetime(2020, 1, 31, tzinfo=UTC)
        past = client.encrypt(b"x", recipient=account, not_after=over).decode()
    assert cape.error("run", echo["function_id"], past)["code"] == errors.UseForbidden.code


@pytest.mark.parametrize("kind", ["xwing", "x25519"])
def test_a_key_of_ones_own_needs_no_platform(stranger, tmp_path, kind):
    public = stranger.ok("keys", "generate", "me.key", "--kind", kind).line
    assert (tmp_path / "me.key").stat().st_mode & 0o777 == 0o600
    assert stranger.ok("keys", "show", "me.key").line == public
    stranger.ok("encrypt", "for my eyes", "-r", public, "-o", "letter.cape")
    assert stranger.ok("decrypt", "letter.cape", "--key", "me.key").text == "for my eyes"
    key = (tmp_path / "me.key").read_bytes()
    assert stranger.ok("decrypt", "letter.cape", "-k", "-", stdin=key).text == "for my eyes"
    data = stranger.data("decrypt", "letter.cape", "-k", "me.key")
    assert data == {"text": "for my eyes", "base64": "Zm9yIG15IGV5ZXM=", "size": 11}


def test_what_would_be_deployed(cape, tmp_path):
    text = cape.ok("package", echo_folder(), "--into", "out", "-o", "bundle.zip").text
    data = cape.data("package", echo_folder())
    assert data["bundle_sha256"] in text
    assert (data["files"], data["handler"]) == (1, "app:cape_handler")
    assert (tmp_path / "out" / "app.py").read_bytes() == (echo_folder() / "app.py").read_bytes()
    assert cape.data("deploy", "bundle.zip", "-n", "echo")["function_checksum"]


def test_another_platform_can_be_packed_for_without_a_profile(stranger):
    outcome = stranger.ok(
        "package", echo_folder(), "--python", "3.11", "--platform", "x86_64-manylinux_2_28"
    )
    assert "3.11 on x86_64-manylinux_2_28" in outcome.text

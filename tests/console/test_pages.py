"""What the pages show, and that whatever others wrote in it stays text."""

import pytest

from pycape import Cape, __version__
from pycape.console import Console
from pycape.console.app import HEADERS
from pycape.console.writing import create_environment

from .conftest import HARMLESS, Visitor, joined


def test_the_overview_has_the_verdict_functions_calls_and_numbers(visitor):
    visitor.when_over(visitor.call(text="x"))
    page = visitor.text("/")
    assert "a genuine enclave, running approved code" in page
    assert "not AWS" in page
    assert ">shout</a>" in page
    assert 'href="/calls/' in page
    assert "<dt>runs: ok</dt>" in page
    assert __version__ in page


def test_functions_have_versions_and_checksums(visitor, home):
    with Cape(config_dir=home) as cape:
        [manifest] = cape.functions()
    page = visitor.text("/functions")
    assert manifest.checksum in page
    assert manifest.function_id in page
    page = visitor.text(f"/functions/{manifest.function_id}")
    for fact in (manifest.checksum, manifest.account, manifest.bundle_sha256, "version 1"):
        assert fact in page


def test_what_the_enclave_proves_is_what_cape_attest_says(visitor, platform):
    page = visitor.text("/enclave")
    for check in ("form", "trust root", "chain", "signature", "age", "nonce", "vault"):
        assert f'held: </span><span class="name">{check}</span>' in page
    for pcr in ("0", "1", "2"):
        release = platform.profile.policy_toml
        assert f"<b>PCR{pcr}</b>" in page
        assert release.split(f'pcr{pcr} = "')[1].split('"')[0] in page
    assert page.count("as in the policy") == 3
    assert "cape development root" in page
    assert "FAILED" not in page


def test_an_enclave_that_the_policy_does_not_name_is_refused_with_the_check(platform, tmp_path):
    policy = platform.profile.policy_toml.strip()
    right = policy.split('pcr0 = "')[1].split('"')[0]
    wrong = ("0" if right[0] != "0" else "1") + right[1:]
    home = joined(platform, tmp_path / "config", policy.replace(right, wrong))
    with Console(config_dir=home) as console:
        visitor = Visitor(console)
        visitor.enter(console)
        page = visitor.text("/enclave")
        assert "refused: nothing was sent to it" in page
        assert 'FAILED: </span><span class="name">measurements</span>' in page
        assert wrong in page
        assert right in page
        assert "genuine" not in page
        assert "CAPE-ATT-007" in visitor.text("/")
        visitor.http.close()


def test_keys_have_their_epoch_and_no_secret_is_on_any_page(visitor, home):
    with Cape(config_dir=home) as cape:
        record = cape.key_record()
        account = cape.account_id
    page = visitor.text("/keys")
    assert record.public_key.fingerprint in page
    assert record.public_key.to_text() in page
    assert account in page
    assert "<dt>epoch</dt><dd>0</dd>" in page
    secret = (home / "account.key").read_text("utf-8").strip()
    for path in ("/", "/functions", "/calls", "/enclave", "/keys"):
        page = visitor.text(path)
        assert secret not in page
        assert "capeaccountsk1" not in page
        assert "capesk1" not in page


def test_what_a_function_writes_and_raises_stays_text(visitor):
    page = visitor.when_over(visitor.call(text="fail"))
    assert page.count(HARMLESS) >= 3  # the log, the message, the traceback
    assert "<script>document" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page


@pytest.mark.parametrize(
    "name", ["<b>x</b>", "a/<b>", "nobody/echo", "", "x" * 2000, "/etc/passwd"]
)
def test_a_name_that_is_none_is_told_with_code_and_hint(visitor, name):
    answer = visitor.http.get("/functions/find", params={"name": name})
    assert 400 <= answer.status_code < 500
    assert "CAPE-" in answer.text
    assert "<b>x" not in answer.text


def test_a_functions_name_is_no_path_of_this_machine(visitor, tmp_path, monkeypatch):
    """`cape run` takes the file that `cape deploy -o json` wrote; a page reads no file."""
    reference = tmp_path / "f.json"
    reference.write_text(f'{{"function_id": "{visitor.function_id("shout")}"}}')
    monkeypatch.chdir(tmp_path)
    for name in ("f.json", str(reference)):
        answer = visitor.http.get("/functions/find", params={"name": name})
        assert 400 <= answer.status_code < 500


def test_somebody_elses_function_is_found_and_asks_for_a_token(visitor, platform, tmp_path, home):
    bob = joined(platform, tmp_path / "bob")
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "app.py").write_text("def cape_handler(data):\n    return data[::-1]\n")
    with Cape(config_dir=bob) as cape:
        theirs = cape.deploy(folder)
        token = cape.create_token(theirs)
    page = visitor.text(f"/functions/find?name={theirs.full_name}")
    assert 'type="password"' in page
    assert theirs.checksum in page

    form = {"form_token": visitor.form_token(), "function": theirs.id, "text": "abc"}
    refused = visitor.post("/calls", form).headers["Location"]
    assert "CAPE-SVC-011" in visitor.when_over(refused)

    made = visitor.post("/calls", {**form, "token": token.token}).headers["Location"]
    page = visitor.when_over(made)
    assert "cba" in page
    assert "with a token" in page
    assert token.token not in page


@pytest.mark.parametrize("path", ["/nowhere", "/calls/999", "/calls/x", "/calls/999/output"])
def test_a_page_that_is_none_says_so(visitor, path):
    page = visitor.text(path, 404)
    assert "CAPE-SVC-001" in page
    assert "cape function list" not in page, "which knows of no pages"


def test_a_method_that_a_page_does_not_have(visitor):
    assert visitor.post("/keys", {}).status_code == 405


def test_a_platform_that_is_gone_leaves_pages_that_say_so(platform, tmp_path):
    home = joined(platform, tmp_path / "config")
    with Console("http://127.0.0.1:1", config_dir=home) as console:
        visitor = Visitor(console)
        visitor.enter(console)
        page = visitor.text("/")
        assert "CAPE-TRN-001" in page
        assert "This machine&#39;s runtime" not in page
        for path in ("/functions", "/enclave"):
            assert "CAPE-TRN-001" in visitor.text(path, 502)
        visitor.http.close()


def test_a_defect_is_told_by_a_page_too(home, monkeypatch):
    async def broken(url):
        raise RuntimeError("<b>unforeseen</b>")

    monkeypatch.setattr("pycape.console.views.overview.numbers_of", broken)
    with Console(config_dir=home, metrics_url=lambda: "http://127.0.0.1:1") as console:
        visitor = Visitor(console)
        visitor.enter(console)
        answer = visitor.http.get("/")
        assert answer.status_code == 500
        assert "CAPE-CLI-006" in answer.text
        assert "RuntimeError: &lt;b&gt;unforeseen" in answer.text
        assert answer.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]
        visitor.http.close()


def test_a_runtime_that_does_not_answer_leaves_out_its_numbers(home):
    with Console(config_dir=home, metrics_url=lambda: "http://127.0.0.1:1") as console:
        visitor = Visitor(console)
        visitor.enter(console)
        page = visitor.text("/")
        assert "genuine" in page
        assert "runs: ok" not in page
        visitor.http.close()


def test_layers_that_the_settings_switch_off_are_told_first(insecure_platform, tmp_path):
    home = joined(insecure_platform, tmp_path / "config")
    with Console(config_dir=home) as console:
        visitor = Visitor(console)
        visitor.enter(console)
        for path in ("/", "/enclave"):
            assert "INSECURE: the settings switch off layers" in visitor.text(path)
        visitor.http.close()


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (
            "{{ 'type `<b>`, \x1b'|with_code }}",
            "type <code>&lt;b&gt;</code>, \ufffd",
        ),
        ("{{ 1|bytes }}, {{ 0|bytes }}, {{ 1200|bytes }}", "1 byte, 0 bytes, 1,200 bytes"),
    ],
)
def test_how_pages_write(template, text):
    assert create_environment().from_string(template).render() == text

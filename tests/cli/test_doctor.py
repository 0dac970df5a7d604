"""cape doctor: each state of what it looks at in settings, networks and enclaves."""

import contextlib
import json
import os
import re
import socket
import sys
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest
from tests.cli.doctor import examined, states

import pycape
from pycape import errors
from pycape.cli._doctor import _groups
from pycape.cli._doctor._enclave import document_clock, enclave_checks, isolation_findings
from pycape.cli._doctor._network import Reached, clock_by_date

OF_PLATFORMS = ("control plane", "clock", "attestation", "module clock", "runtime", "isolation")
NOW = datetime(2026, 11, 26, 18, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("CAPE_", "SSL_CERT"))]:
        monkeypatch.delenv(name)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(autouse=True)
def _usual_permissions():
    before = os.umask(0o022)
    yield
    os.umask(before)


@contextlib.contextmanager
def answering(status: int, date: str | None):
    """Something that speaks HTTP at an address, and is no control plane."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response_only(status)
            if date is not None:
                self.send_header("Date", date)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_user_of_a_platform_is_well(cape):
    checks = examined(cape)
    well = ("interpreter", "folder", "environment", "config.toml", "profile", "policy", "known")
    for name in (*well, "account.key", "control plane", "clock", "attestation", "module clock"):
        assert checks[name]["state"] == "ok", checks[name]
    assert checks["attestation"]["facts"]["trust"] == "development"
    assert checks["runtime"]["facts"]["version"] == pycape.__version__
    assert checks["account.key"]["facts"]["mode"] == "0600"
    layers = checks["isolation"]["facts"]["layers"]
    assert {layer["name"] for layer in layers} >= {"landlock", "private_root", "system_calls"}
    for layer in layers:
        if not layer["on"]:
            assert checks[layer["name"]]["says"] == f"off: {layer['off_because']}"
            assert checks[layer["name"]]["fix"]


def test_who_has_configured_nothing_is_well(stranger):
    checks = examined(stranger)
    skipped = states(checks, *OF_PLATFORMS, "folder", "profile", "policy")
    assert set(skipped.values()) == {"skipped"}
    assert "cape dev" in checks["profile"]["fix"]
    assert not [name for name, check in checks.items() if check["state"] == "failed"]


def test_without_a_platform_nothing_is_connected_to(stranger, monkeypatch):
    asked = []
    monkeypatch.setattr("socket.getaddrinfo", lambda *address, **_: asked.append(address))
    monkeypatch.setattr("socket.socket.connect", lambda _, address: asked.append(address))
    examined(stranger)
    assert asked == []


def test_without_a_network(stranger, monkeypatch):
    def nobody_knows(*_, **__):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr("socket.getaddrinfo", nobody_knows)
    checks = examined(stranger, "--url", "https://cape.example")
    assert checks["control plane"]["state"] == "failed"
    assert "temporary failure in name resolution" in checks["control plane"]["says"]
    assert set(states(checks, *OF_PLATFORMS[1:]).values()) == {"skipped"}


def test_nothing_is_changed(stranger, cape, platform):
    before = sorted(cape.config.rglob("*"))
    examined(stranger, "--url", platform.url)
    assert not stranger.config.exists()
    examined(cape)
    assert sorted(cape.config.rglob("*")) == before


def test_text_is_for_a_terminal_of_80_columns_without_colour(cape, stranger):
    for user in (cape, stranger):
        text = user.ok("doctor").text
        assert max(map(len, text.splitlines())) <= 79
        assert "\x1b" not in text
        rows = re.findall(r"^  (ok|WARNING|FAILED|-) +\S", text, re.MULTILINE)
        assert len(rows) == len(examined(user))


def test_a_failure_is_told_on_both_streams(cape):
    (cape.config / "account.key").chmod(0o644)
    told = cape("doctor")
    assert told.status == 1
    assert re.search(r"^  FAILED   account.key  ", told.text, re.MULTILINE)
    assert "fix: chmod 600 " in re.sub(r"\s+", " ", told.text)
    assert told.stderr.startswith("cape: error: 1 check failed: account.key\n\nhint: ")
    assert cape("doctor", "-q").stdout == b""


def test_quiet_is_the_worst_state(stranger):
    assert stranger.ok("doctor", "-q").line in {"ok", "warning"}


@pytest.mark.parametrize(
    ("path", "mode", "name", "state"),
    [
        ("account.key", 0o640, "account.key", "failed"),
        (".", 0o777, "folder", "failed"),
        (".", 0o775, "folder", "warning"),
        ("config.toml", 0o666, "config.toml", "failed"),
        ("profiles/local.toml", 0o646, "profile", "failed"),
        ("profiles/local.toml", 0o664, "profile", "warning"),
        ("profiles", 0o777, "profile", "failed"),
        ("known/local/epochs", 0o622, "known", "failed"),
        ("known/local/epochs", 0o644, "known", "warning"),
        ("known_revocations", 0o602, "known", "failed"),
    ],
)
def test_permissions_that_are_too_wide(cape, path, mode, name, state):
    for file in ("known/local/epochs", "known_revocations"):
        (cape.config / file).parent.mkdir(exist_ok=True, parents=True, mode=0o755)
        (cape.config / file).write_text("{}")
        (cape.config / file).chmod(0o600)
    (cape.config / path).chmod(mode)
    check = examined(cape)[name]
    assert check["state"] == state
    assert check["fix"].startswith("chmod ")
    assert f"{mode:04o}" in check["says"] or state == "warning"


def test_the_fix_of_a_permission_mends_it(cape):
    (cape.config / "account.key").chmod(0o644)
    assert examined(cape)["account.key"]["fix"] == f"chmod 600 {cape.config / 'account.key'}"
    (cape.config / "account.key").chmod(0o600)
    assert examined(cape)["account.key"]["state"] == "ok"


def test_a_folder_that_is_none(stranger):
    stranger.config.write_text("")
    assert examined(stranger)["folder"]["state"] == "failed"


@pytest.mark.parametrize(
    ("path", "content", "failed"),
    [
        ("config.toml", b"profile = ", {"config.toml", "profile", "policy"}),
        ("config.toml", b"\xff", {"config.toml", "profile", "policy"}),
        ("profiles/local.toml", b"[[", {"profile", "policy"}),
        ("account.key", b"something else", {"account.key"}),
        ("known/local/functions", b"[", {"known"}),
    ],
)
def test_files_that_are_broken(cape, path, content, failed):
    (cape.config / path).parent.mkdir(exist_ok=True, parents=True)
    (cape.config / path).write_bytes(content)
    (cape.config / path).chmod(0o600)
    checks = examined(cape)
    assert failed <= {name for name, check in checks.items() if check["state"] == "failed"}
    for name in failed:
        assert checks[name]["fix"]
    if "profile" in failed:
        assert set(states(checks, *OF_PLATFORMS).values()) == {"skipped"}
        assert checks["control plane"]["says"] == "the configuration is broken"


def test_a_profile_that_is_not_there(cape):
    checks = examined(cape, "--profile", "other")
    assert checks["profile"]["state"] == "failed"
    assert "cape join" in checks["profile"]["fix"]


def test_variables_of_the_first_system(cape, platform, monkeypatch):
    monkeypatch.setenv("CAPE_ENCLAVE_HOST", platform.url)
    monkeypatch.setenv("CAPE_DEV_DISABLE_SSL", "1")
    check = examined(cape)["environment"]
    assert check["state"] == "warning"
    assert check["fix"] == "call CAPE_ENCLAVE_HOST CAPE_URL; unset CAPE_DEV_DISABLE_SSL"


def policy_until(cape, day: datetime) -> str:
    profile = cape.ok("config", "export").text
    text = profile[profile.index("[[release]]") :]
    return text.replace("[[release]]\n", f"[[release]]\nnot_after = {day.date()}\n")


@pytest.mark.parametrize(("days", "state"), [(-3, "failed"), (5, "warning"), (50, "ok")])
def test_releases_end(cape, tmp_path, monkeypatch, days, state):
    file = tmp_path / "policy.toml"
    file.write_text(policy_until(cape, datetime.now(UTC) + timedelta(days=days)))
    monkeypatch.setenv("CAPE_POLICY", str(file))
    assert examined(cape)["policy"]["state"] == state


def test_another_policy_refuses_the_enclave(cape, tmp_path, monkeypatch):
    profile = cape.ok("config", "export").text
    text = re.sub(r'(pcr1 = ")..', r"\g<1>ff", profile[profile.index("[[release]]") :])
    (tmp_path / "policy.toml").write_text(text)
    monkeypatch.setenv("CAPE_POLICY", "policy.toml")
    checks = examined(cape)
    assert checks["attestation"]["state"] == "failed"
    assert checks["attestation"]["facts"]["code"] == errors.PcrMismatch.code
    assert checks["attestation"]["fix"]
    assert states(checks, "module clock", "runtime", "isolation") == {
        "module clock": "ok",
        "runtime": "skipped",
        "isolation": "skipped",
    }


def test_a_platform_without_a_policy(stranger, platform):
    checks = examined(stranger, "--url", platform.url)
    assert checks["control plane"]["state"] == "ok"
    assert checks["attestation"]["facts"]["code"] == errors.PolicyRequired.code


def test_a_platform_that_does_not_answer(cape):
    checks = examined(cape, "--url", "http://127.0.0.1:1")
    assert checks["control plane"]["state"] == "failed"
    assert checks["control plane"]["fix"]
    assert set(states(checks, *OF_PLATFORMS[1:]).values()) == {"skipped"}
    assert checks["attestation"]["says"] == "the control plane does not answer"


@pytest.mark.parametrize("url", ["ftp://x", "http://example.org", "http://user:pw@127.0.0.1:1"])
def test_an_address_that_is_none(stranger, url):
    checks = examined(stranger, "--url", url)
    assert states(checks, "control plane", "clock") == {
        "control plane": "failed",
        "clock": "skipped",
    }
    assert "pw@" not in json.dumps(checks)


def test_something_else_at_the_address(cape):
    with answering(404, None) as url:
        checks = examined(cape, "--url", url)
    assert checks["control plane"]["facts"]["status"] == 404
    assert states(checks, *OF_PLATFORMS[:3]) == {
        "control plane": "failed",
        "clock": "skipped",
        "attestation": "skipped",
    }


def test_a_clock_that_is_wrong(cape):
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    with answering(404, date) as url:
        check = examined(cape, "--url", url)["clock"]
    assert check["state"] == "failed"
    assert re.fullmatch(r"this machine's clock is 3\d{3} s behind .*", check["says"])
    assert "set-ntp" in check["fix"]


@pytest.mark.parametrize(
    ("ahead", "state"),
    [(0, "ok"), (-5, "ok"), (6, "ok"), (8, "warning"), (-40, "warning"), (70, "failed")],
)
def test_clocks_are_compared_with_what_a_date_can_say(ahead, state):
    date = format_datetime(NOW - timedelta(seconds=ahead), usegmt=True)
    assert clock_by_date(date, NOW, 0.5).state == state


@pytest.mark.parametrize("date", [None, "", "yesterday", "Thu, 26 Nov 99999999999 18:00:00 GMT"])
def test_a_date_that_is_none(date):
    assert clock_by_date(date, NOW, 0.5).state == "skipped"


@pytest.mark.parametrize(
    ("seconds", "state", "says"),
    [
        (0, "ok", "agrees"),
        (3, "ok", "agrees"),
        (20, "warning", "17 s behind"),
        (-20, "warning", "20 s ahead of"),
        (-600, "failed", "600 s ahead of"),
    ],
)
def test_a_document_is_from_while_it_was_asked_for(seconds, state, says):
    finding = document_clock(NOW + timedelta(seconds=seconds), NOW, took=3)
    assert finding.state == state
    assert says in finding.says


@pytest.mark.parametrize(
    ("variable", "value", "state", "says"),
    [
        ("HTTPS_PROXY", "http://me:pw@proxy.example:3128", "ok", "HTTPS_PROXY proxy.example:3128;"),
        ("https_proxy", "proxy.example:3128", "ok", "HTTPS_PROXY proxy.example:3128;"),
        ("ALL_PROXY", "gopher://proxy", "failed", "ALL_PROXY names a proxy by gopher:"),
        ("HTTPS_PROXY", "http://proxy:port", "failed", "HTTPS_PROXY names no proxy"),
    ],
)
def test_proxies(stranger, monkeypatch, variable, value, state, says):
    monkeypatch.setenv(variable, value)
    check = examined(stranger)["proxies"]
    assert check["state"] == state
    assert says in check["says"]


def test_certificates_that_are_not_there(stranger, monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    assert examined(stranger)["certificates"]["state"] == "failed"
    (tmp_path / "missing.pem").write_text("")
    assert examined(stranger)["certificates"]["state"] == "ok"


def test_layers_that_the_settings_switch_off(careless):
    checks = examined(careless)
    assert checks["isolation"]["state"] == "failed"
    assert checks["isolation"]["says"].startswith("INSECURE: the settings switch off ")
    assert "landlock, memory_watch" in checks["isolation"]["says"]
    assert "INSECURE" in careless("doctor").text


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("control_group", "Delegate=yes"),
        ("pid_namespace", "let users have namespaces"),
        ("own_user", "as root"),
        ("a_layer_of_later", "docs/security/isolation.md"),
    ],
)
def test_a_layer_that_is_off_has_its_reason_and_its_fix(name, fix):
    off = SimpleNamespace(name=name, required=False, off_because="the kernel says no")
    on = SimpleNamespace(name="landlock", required=True, off_because=None)
    runtime = SimpleNamespace(isolation=[on, off], mode="development")
    whole, layer = isolation_findings(runtime)
    assert (whole.state, layer.state) == ("warning", "warning")
    assert whole.says.startswith("1 of 2 layers are on")
    assert (layer.name, layer.says) == (name, "off: the kernel says no")
    assert fix in layer.fix


def test_all_layers_on():
    on = SimpleNamespace(name="landlock", required=True, off_because=None)
    [finding] = isolation_findings(SimpleNamespace(isolation=[on], mode="production"))
    assert (finding.state, finding.says) == ("ok", "all 1 layers are on")


class _Approving:
    """A client whose enclave is approved, and says this of itself."""

    def __init__(self, runtime) -> None:
        self._runtime = runtime

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def attest(self):
        verified = SimpleNamespace(release="r", trust="aws", timestamp=datetime.now(UTC))
        return verified, SimpleNamespace(runtime=self._runtime)


def test_a_runtime_of_another_time():
    told = {"mode": "production", "python": "3.11", "platform": "x", "isolation": []}
    runtime = SimpleNamespace(version="5.0.0", **told)
    reached = Reached("https://cape.example")
    found = {each.name: each for each in enclave_checks(lambda: _Approving(runtime), reached)}
    assert found["runtime"].state == "warning"
    found = {each.name: each for each in enclave_checks(lambda: _Approving(None), reached)}
    assert (found["runtime"].state, found["isolation"].state) == ("skipped", "skipped")


def test_a_defect_of_a_check_does_not_hide_the_others(stranger, monkeypatch):
    def broken():
        raise ZeroDivisionError("oh")
        yield

    monkeypatch.setattr(_groups, "packaging_checks", broken)
    checks = examined(stranger)
    assert checks["cape doctor"]["says"].endswith("ZeroDivisionError: oh")
    assert "interpreter" in checks
    assert "landlock" in checks


def test_python_that_is_too_old(stranger, monkeypatch):
    monkeypatch.setattr("pycape.cli._doctor._installation._OLDEST_PYTHON", (99, 0))
    check = examined(stranger)["interpreter"]
    assert (check["state"], check["fix"]) == ("failed", "use CPython 99.0 or newer")


def test_a_wheel_of_another_version(stranger, monkeypatch):
    monkeypatch.setattr("pycape.cli._doctor._installation.version", lambda _: "3.1.1")
    check = examined(stranger)["wheel"]
    assert check["state"] == "failed"
    assert "3.1.1 is installed" in check["says"]


def test_a_wheel_whose_dependencies_are_missing(stranger, monkeypatch):
    from pycape.cli._doctor import _installation

    wanted = ["nowhere-to-be-found>=1", "click>=8.2; python_version > '3'", "x; extra == 'local'"]
    monkeypatch.setattr(_installation, "requires", lambda _: wanted)
    check = examined(stranger)["wheel"]
    assert (check["state"], check["facts"]["missing"]) == ("failed", ["nowhere-to-be-found"])


def test_without_uv(stranger, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    check = examined(stranger)["uv"]
    assert check["state"] == "failed"
    assert "pip install uv" in check["fix"]


def test_a_uv_that_does_not_run(stranger, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "uv").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "uv").chmod(0o755)
    check = examined(stranger)["uv"]
    assert check["state"] == "failed"
    assert "status 3" in check["says"]


def test_without_pip(stranger, monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert examined(stranger)["pip"]["state"] == "skipped"

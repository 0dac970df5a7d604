"""The local platform from its start to its end: no process and no file is left behind."""

import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from pages import ROOT
from tests.e2e.processes import wait_until

from pycape._profile import Profile
from pycape.errors import ConfigError, ServiceError
from pycape.local import LocalPlatform, runtime, serving
from pycape.server import admissions, log_to, stop_logging

RUN = """
import sys
from pathlib import Path
from pycape.local import LocalPlatform
folder = Path(sys.argv[1])
platform = LocalPlatform(data_folder=folder / "data", config_folder=folder / "config", port=0)
platform.run(lambda platform: print(platform.url, platform.enclave_pid, flush=True))
print("ended", flush=True)
"""


def test_a_platform_serves_and_ends(platform):
    with platform:
        assert httpx.get(f"{platform.url}/readyz", timeout=60).status_code == 200
        placed = httpx.post(f"{platform.url}/v2/placements", json={"function": None}).json()
        address = placed["url"].removeprefix("ws://").removesuffix("/v2/session")
        host, port = address.split(":")
        socket.create_connection((host, int(port))).close()
        assert placed["expires"] > time.time()
        pid = platform.enclave_pid
    assert is_gone(pid)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{platform.url}/healthz")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, int(port)))


def test_the_profile_is_written_and_described(platform):
    with platform:
        written = tomllib.loads(platform.profile_path.read_text())
        described = httpx.get(f"{platform.url}/v2/platform").json()
    assert written["name"] == "local"
    assert written["url"] == platform.url == platform.profile.url
    assert written["development"] is True
    assert written["enclave"] == {"python": "3.11", "platform": "x86_64-manylinux_2_28"}
    assert written["release"] == [
        {
            "name": "local",
            "pcr0": "1" * 96,
            "pcr1": "1" * 96,
            "pcr2": "1" * 96,
            "vault": "ab" * 32,
        }
    ]
    assert platform.profile.trust_roots == (b"a root",)
    assert platform.profile.birth == b"a birth document"
    assert described["vault"] == "ab" * 32
    assert described["birth"] == written["birth"]
    assert described["trust_root"] == written["trust_roots"][0]
    assert described["releases"][0]["pcr0"] == "1" * 96


def test_the_profile_becomes_the_default_only_where_there_is_none(platform, folders):
    config = folders["config_folder"] / "config.toml"
    with platform:
        assert tomllib.loads(config.read_text()) == {"profile": "local"}
    config.write_text('profile = "work"\n')
    with LocalPlatform(**folders):
        assert tomllib.loads(config.read_text()) == {"profile": "work"}


def test_a_platform_elsewhere_keeps_its_name(platform, folders):
    with platform:
        path = platform.profile_path
    elsewhere = Profile(
        name="local",
        url="https://cape.example",
        development=False,
        trust_roots=(),
        birth=None,
        python="3.11",
        platform="x86_64-manylinux_2_28",
        policy_toml="",
    ).dump()
    path.write_text(elsewhere)
    with pytest.raises(ConfigError, match=r"^local is a platform at https") as told:
        LocalPlatform(**folders).start()
    assert str(path) in told.value.hint
    assert path.read_text() == elsewhere
    path.write_text("broken")
    with LocalPlatform(**folders) as again:
        assert again.profile_path.read_text().startswith('name = "local"')


def test_the_state_is_created_once_and_kept(platform, folders):
    with platform:
        state = folders["data_folder"] / "local"
        assert state.stat().st_mode & 0o777 == 0o700
        assert {path.name for path in state.iterdir()} == {
            "blobs",
            "lock",
            "nsm",
            "records.db",
            "records.db-shm",
            "records.db-wal",
            "run",
            "settings.toml",
            "vault.json",
            "vault.key",
        }
    kept = [(state / name).read_bytes() for name in ("vault.key", "vault.json", "settings.toml")]
    with LocalPlatform(**folders):
        pass
    assert kept == [
        (state / name).read_bytes() for name in ("vault.key", "vault.json", "settings.toml")
    ]
    assert (state / "blobs" / ("0f" * 4)).read_bytes() == b"sealed"


def test_what_is_to_be_backed_up_is_all_that_a_platform_needs(platform, folders, tmp_path):
    with platform:
        state = platform.state.path
    admissions.admit(platform.state.hosts, "host-1", "its token")
    page = (ROOT / "docs" / "operate" / "stopping.md").read_text("utf-8")
    named = re.findall(r"`([\w.]+)/?`", page.split("\n## Backups\n")[1])
    restored = tmp_path / "restored"
    (restored / "local").mkdir(parents=True)
    for name in named:
        copy = shutil.copytree if (state / name).is_dir() else shutil.copy
        copy(state / name, restored / "local" / name)
    with LocalPlatform(**folders | {"data_folder": restored}) as again:
        assert (again.state.path / "vault.key").read_text() == "secret"
        assert again.profile.birth == platform.profile.birth
        assert "host-1" in admissions.Admissions(again.state.hosts).names()


def test_a_creation_that_was_interrupted_begins_again(platform, folders):
    state = folders["data_folder"] / "local"
    (state / "new" / "nsm").mkdir(parents=True)
    (state / "new" / "vault.key").write_text("half")
    (state / "nsm").mkdir()
    (state / "vault.json").write_text("{}")
    with platform:
        assert (state / "vault.key").read_text() == "secret"
        assert not (state / "new").exists()


def test_a_missing_vault_key_is_never_replaced(platform, folders):
    with platform:
        pass
    key = folders["data_folder"] / "local" / "vault.key"
    key.unlink()
    with pytest.raises(ConfigError, match="is missing, and functions were sealed") as refusal:
        LocalPlatform(**folders).start()
    assert "begin anew" in refusal.value.hint
    assert not key.exists()


def test_after_an_upgrade_the_profile_names_both_measurements(platform, folders, behave):
    with platform:
        pass
    behave("upgraded")
    with LocalPlatform(**folders) as upgraded:
        now, at_birth = tomllib.loads(upgraded.profile_path.read_text())["release"]
    assert now["pcr0"] == "2" * 96
    assert "not_after" not in now
    assert at_birth["pcr0"] == "1" * 96
    assert at_birth["not_after"] > upgraded.state.vault(None).born


def test_a_second_platform_on_the_same_state_is_refused(platform, folders):
    with platform:
        with pytest.raises(ConfigError, match="runs already") as refusal:
            LocalPlatform(**folders).start()
        assert str(os.getpid()) in str(refusal.value)
        assert httpx.get(f"{platform.url}/readyz", timeout=60).status_code == 200
    with LocalPlatform(**folders):
        pass


def test_a_port_in_use_is_told(enclave, folders):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} of 127.0.0.1 is in use") as refusal:
            LocalPlatform(**{**folders, "port": port}).start()
    assert "--port" in refusal.value.hint
    with LocalPlatform(**{**folders, "port": port}) as platform:
        assert platform.url.endswith(f":{port}")


def test_a_missing_program_is_told(folders, monkeypatch, tmp_path):
    monkeypatch.setenv("CAPE_ENCLAVE_BINARY", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="is not a file"):
        LocalPlatform(**folders).start()


def test_an_enclave_that_refuses_to_start_says_why(platform, folders, behave):
    with platform:
        pass
    behave("refuse")
    with pytest.raises(ConfigError, match="cape-enclave serve: a layer is missing"):
        LocalPlatform(**folders).start()


def test_an_enclave_that_never_gets_ready_is_ended(
    platform, folders, behave, monkeypatch, no_new_children
):
    with platform:
        pass
    monkeypatch.setattr(runtime, "READY_SECONDS", 0.5)
    behave("mute")
    with pytest.raises(ConfigError, match="ended with status -9"):
        LocalPlatform(**folders).start()


def test_an_enclave_that_died_is_started_again_on_another_port(platform, tmp_path, no_new_children):
    with (tmp_path / "log").open("w") as stream:
        handler = log_to(stream, logging.INFO)
        with platform:
            before = place(platform)
            first = platform.enclave_pid
            os.kill(first, signal.SIGKILL)
            wait_until(lambda: platform.enclave_pid != first and place(platform))
            assert place(platform) != before
        stop_logging(handler)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    events = [line["event"] for line in lines if line["event"].startswith("enclave ")]
    assert events == ["enclave started", "enclave died", "enclave started"]


def test_an_enclave_that_dies_at_once_every_time_is_given_up(
    platform, folders, behave, no_new_children
):
    with platform:
        pass
    behave("die")
    with LocalPlatform(**folders) as dying:
        with pytest.raises(ServiceError, match="died 5 times at once"):
            dying.wait()
        answer = httpx.post(f"{dying.url}/v2/placements", json={})
        assert answer.status_code == 503
        assert httpx.get(f"{dying.url}/healthz").status_code == 200


def test_an_enclave_that_does_not_end_is_killed(platform, folders, behave, monkeypatch):
    with platform:
        pass
    monkeypatch.setattr(runtime, "STOP_SECONDS", 0.3)
    monkeypatch.setattr(runtime, "TERMINATE_SECONDS", 0.3)
    behave("stubborn")
    with LocalPlatform(**folders) as stubborn:
        pid = stubborn.enclave_pid
    assert is_gone(pid)


def test_an_enclave_that_is_about_to_stop_is_not_named_any_more(platform, folders, behave):
    with platform:
        pass
    behave("leaving")
    with LocalPlatform(**folders) as leaving:
        assert place(leaving)
        os.kill(leaving.enclave_pid, signal.SIGTERM)
        wait_until(lambda: place(leaving) is None)
        assert not is_gone(leaving.enclave_pid)
        assert httpx.get(f"{leaving.url}/readyz", timeout=60).status_code == 503


def test_the_enclave_sees_nothing_of_the_users_environment(platform, tmp_path, monkeypatch):
    monkeypatch.setenv("CAPE_TOKEN", "secret")
    with (tmp_path / "log").open("w") as stream:
        handler = log_to(stream, logging.INFO)
        with platform:
            pass
        stop_logging(handler)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    (said,) = [line["said"] for line in lines if line["event"] == "enclave"]
    assert said["message"] == "listening"
    assert "PATH" in said["environment"]
    assert "CAPE_TOKEN" not in said["environment"]


def test_the_socket_is_for_its_owner_only(platform, folders):
    with platform:
        path = folders["data_folder"] / "local" / "run" / "blobs.sock"
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()


def test_a_long_path_gets_a_socket_in_a_short_one(tmp_path):
    folder = tmp_path / ("long" * 30)
    with serving.listening_on_unix(folder, "blobs.sock") as (_, path):
        assert len(os.fsencode(path)) <= 107
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert path.exists()
    assert not path.parent.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_foreground_in_order(enclave, tmp_path, number):
    with foreground(tmp_path) as (process, url, enclave_pid):
        assert httpx.get(f"{url}/readyz", timeout=60).status_code == 200
        process.send_signal(number)
        assert process.communicate(timeout=60)[0] == "ended\n"
        assert process.returncode == 0
        assert is_gone(enclave_pid)
        assert not (tmp_path / "data" / "local" / "run" / "blobs.sock").exists()


def test_a_second_ctrl_c_does_not_leave_the_enclave_behind(enclave, tmp_path):
    with foreground(tmp_path) as (process, _, enclave_pid):
        for _ in range(5):
            process.send_signal(signal.SIGINT)
            time.sleep(0.01)
        assert process.communicate(timeout=60)[0] == "ended\n"
        assert is_gone(enclave_pid)


def test_a_second_ctrl_c_waits_for_no_calls(platform, folders, behave, tmp_path):
    with platform:
        pass
    behave("busy")
    with foreground(tmp_path) as (process, url, enclave_pid):
        process.send_signal(signal.SIGINT)
        wait_until(lambda: httpx.post(f"{url}/v2/placements", json={}).status_code == 503)
        assert not is_gone(enclave_pid)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[0] == "ended\n"
        assert is_gone(enclave_pid)


def test_ctrl_c_ends_a_start_that_still_waits_for_the_enclave(platform, folders, behave, tmp_path):
    with platform:
        pass
    behave("mute")
    arguments = [sys.executable, "-c", RUN, tmp_path]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        wait_until(lambda: enclaves_of(process.pid))
        [enclave_pid] = enclaves_of(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=runtime.STOP_SECONDS + 60)[0] == "ended\n"
    assert is_gone(enclave_pid)


def test_kill_9_of_the_platform_takes_the_enclave_along(enclave, tmp_path, folders):
    with foreground(tmp_path) as (process, _, enclave_pid):
        process.kill()
        process.wait()
        wait_until(lambda: is_gone(enclave_pid))
    with LocalPlatform(**folders) as again:
        assert httpx.get(f"{again.url}/readyz", timeout=60).status_code == 200


@contextmanager
def foreground(folder):
    """`run()` in a process of its own: that process, the platform's url, the enclave's process."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, folder], stdout=subprocess.PIPE, text=True
    )
    try:
        url, pid = process.stdout.readline().split()
        yield process, url, int(pid)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def place(platform):
    answer = httpx.post(f"{platform.url}/v2/placements", json={})
    return answer.json().get("url")


@pytest.fixture
def no_new_children():
    """The test leaves no process behind: this process has none after it that it had not before."""
    before = children_of(os.getpid())
    yield
    assert children_of(os.getpid()) <= before


def children_of(pid):
    """Processes that this one started and that are still there, a zombie too."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.add(int(stat.parent.name))
    return found


def enclaves_of(pid):
    """Those of them that serve."""
    found = []
    for child in children_of(pid):
        try:
            arguments = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"serve" in arguments:
            found.append(child)
    return found


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False

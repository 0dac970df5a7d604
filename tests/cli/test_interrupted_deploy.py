"""Ctrl-C halfway: nothing is half deployed, half written or left behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pycape import Cape
from pycape._config import Config

CAPE = Path(sys.executable).with_name("cape")


@pytest.fixture
def scratch(tmp_path):
    """Where temporary files are put."""
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


@pytest.fixture
def environment(platform, tmp_path, scratch):
    config = tmp_path / "config"
    Config(config_dir=config).install_profile(platform.profile, make_default=True)
    return os.environ | {
        "CAPE_CONFIG_DIR": str(config),
        "TMPDIR": str(scratch),
        "UV_CACHE_DIR": str(tmp_path / "uv-cache"),
    }


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "function"
    folder.mkdir()
    (folder / "app.py").write_text("def cape_handler(data):\n    return data\n")
    return folder


def interrupted(folder, environment, at):
    """Deploy a folder, and press Ctrl-C when it tells of the step `at`."""
    with subprocess.Popen(
        [CAPE, "deploy", folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as process:
        for line in process.stderr:
            if re.match(at, line):
                break
        os.killpg(process.pid, signal.SIGINT)
        output, told = process.communicate(timeout=120)
    assert output == ""
    return process.returncode, told


def test_while_versions_are_resolved(environment, folder, scratch):
    """From an index that takes a request and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as index:
        taken = []
        accept = threading.Thread(target=lambda: taken.append(index.accept()), daemon=True)
        accept.start()
        environment["UV_DEFAULT_INDEX"] = f"http://127.0.0.1:{index.getsockname()[1]}/simple"
        (folder / "requirements.txt").write_text("helper\n")
        status, told = interrupted(folder, environment, "resolving")
        for connection, _ in taken:
            connection.close()
    assert (status, "cape: error: interrupted" in told) == (130, True)
    assert sorted(file.name for file in folder.iterdir()) == ["app.py", "requirements.txt"]
    assert list(scratch.iterdir()) == []


def test_while_it_is_sent(environment, folder, scratch, tmp_path):
    with (folder / "weights.bin").open("wb") as weights:
        weights.truncate(500 << 20)
    status, told = interrupted(folder, environment, "sending")
    assert (status, "cape: error: interrupted" in told) == (130, True)
    assert list(scratch.iterdir()) == []
    (folder / "weights.bin").unlink()
    with Cape(config_dir=tmp_path / "config") as cape:
        assert cape.functions() == []
        assert cape.run(cape.deploy(folder), None, b"as before") == b"as before"

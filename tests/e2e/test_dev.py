"""`cape dev` as a person uses it: in the foreground, ended with Ctrl-C."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pycape import Cape
from pycape._config import Config
from pycape.demo import echo_folder

from .processes import children, descendants, is_running, wait_until

CAPE = Path(sys.executable).with_name("cape")


@pytest.fixture
def home(tmp_path):
    """Folders of the test's own, a temporary one too."""
    for name in ("config", "data", "tmp"):
        (tmp_path / name).mkdir()
    return tmp_path


@contextmanager
def cape_dev(home: Path, *options: str):
    """Run it as the leader of a process group, as a shell does; its process once it serves."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "CAPE_CONFIG_DIR": str(home / "config"),
        "CAPE_DATA_DIR": str(home / "data"),
        "TMPDIR": str(home / "tmp"),
    }
    with (home / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [CAPE, "dev", "--port", "0", *(options or ["--json"])],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            process_group=0,
        )
    try:
        line = process.stdout.readline()
        assert "a platform runs at" in line if options else json.loads(line)["ok"]
        yield process
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def press_ctrl_c(process: subprocess.Popen, times: int = 1) -> None:
    for _ in range(times):
        os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == 0


@pytest.mark.parametrize("times", [1, 3])
def test_ctrl_c_leaves_no_process_and_no_file(home, times):
    with cape_dev(home) as process, Cape(config_dir=home / "config") as cape:
        with cape.function_context(cape.deploy(echo_folder(), name="echo"), None) as function:
            assert function.invoke(b"x") == b"x"
            family = descendants(process.pid)
            assert len(family) > 1, "the runtime and a worker"
            press_ctrl_c(process, times)
        wait_until(lambda: not any(map(is_running, family)))
        assert list((home / "tmp").iterdir()) == []
        assert not list(home.rglob("*.sock"))


def test_a_runtime_that_died_is_started_again_and_serves_what_it_served(home):
    with cape_dev(home) as process, Cape(config_dir=home / "config", max_retries=8) as cape:
        function = cape.deploy(echo_folder(), name="echo")
        ciphertext = cape.encrypt(b"from before")
        [runtime] = children(process.pid)
        os.kill(runtime, signal.SIGKILL)
        wait_until(lambda: children(process.pid) - {runtime})
        assert cape.run(function, None, ciphertext) == b"from before"
        press_ctrl_c(process)
        assert list((home / "tmp").iterdir()) == []
    with cape_dev(home), Cape(config_dir=home / "config") as cape:
        assert cape.run(function, None, ciphertext) == b"from before"


def test_what_strangers_send_is_not_printed(home):
    with cape_dev(home) as process, Cape(config_dir=home / "config") as cape:
        address = urlsplit(Config(config_dir=home / "config").require_url())
        with socket.create_connection((address.hostname, address.port), timeout=30) as stranger:
            stranger.sendall(b"garbage\r\n\r\n")
            assert stranger.recv(65536).startswith(b"HTTP/1.1 400")
        assert cape.encrypt(b"x")
        press_ctrl_c(process)
    assert (home / "stderr").read_text() == ""


def test_a_folder_that_is_watched_is_deployed_whenever_it_changes(home):
    folder = home / "shout"
    folder.mkdir()
    app = folder / "app.py"

    def told(text: str) -> list[str]:
        return [line for line in (home / "stderr").read_text().splitlines() if text in line]

    def write(source: str) -> None:
        """As editors do: another file takes the place."""
        (home / "new").write_text(source)
        (home / "new").replace(app)

    write("def cape_handler(data):\n    return data.upper()\n")
    with cape_dev(home, "--watch", str(folder)) as process:
        wait_until(lambda: told("deployed shout: "))
        with Cape(config_dir=home / "config") as cape:
            assert cape.run(told("deployed shout: ")[-1].split()[2], None, b"one") == b"ONE"

            write("def cape_handler(data) return\n")
            wait_until(lambda: told("shout was not deployed: app.py, line 1: expected ':'"))
            app.unlink()
            wait_until(lambda: told("hint: "))
            write("def cape_handler(data):\n    return data * 2\n")
            wait_until(lambda: len(told("deployed shout: ")) == 2)
            function = told("deployed shout: ")[-1].split()[2]
            assert cape.run(function, None, b"one") == b"oneone"

        # What changes nothing of the function is no news.
        (folder / "__pycache__").mkdir()
        (folder / "__pycache__" / "app.pyc").write_bytes(b"x")
        (folder / ".env").write_text("SECRET=1")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert len(told("deployed shout: ")) == 2
    assert told("Traceback") == []


def test_a_folder_that_is_not_there_is_told_before_anything_starts(home):
    done = subprocess.run(
        [CAPE, "dev", "--port", "0", "--watch", "nowhere"],
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
        cwd=home,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 66
    assert b"nowhere" in done.stderr
    assert done.stdout == b""


def test_without_the_folder_of_the_examples_account_it_starts_all_the_same(home):
    with cape_dev(home) as process, Cape(config_dir=home / "config") as cape:
        before = cape.account_of("capedocs")
        press_ctrl_c(process)
    shutil.rmtree(home / "data" / "local" / "capedocs")
    with cape_dev(home) as process, Cape(config_dir=home / "config") as cape:
        assert cape.account_of("capedocs") == before
        assert cape.manifest("capedocs/echo").account == before
        press_ctrl_c(process)


def test_a_platform_that_is_begun_anew_is_another_and_nothing_of_the_first_counts_for_it(home):
    for _ in range(2):
        with cape_dev(home) as process, Cape(config_dir=home / "config") as cape:
            assert cape.encrypt(b"x", recipient="capedocs")
            assert cape.manifest(f"{cape.account_of('capedocs')}/echo").version == 1
            press_ctrl_c(process)
        shutil.rmtree(home / "data" / "local")

"""A platform whose processes are killed, and clients that go on meanwhile."""

import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from pycape import Cape, FunctionRef, errors

from .processes import children, descendants, is_running, wait_until

# What a call may end with when a machine fails. Any other class says something that is not true.
CLEAR = {
    errors.ConnectFailed,
    errors.FunctionCrashed,
    errors.Overloaded,
    errors.ServiceError,
    errors.StreamTruncated,
}

PLATFORM = """
import sys
from pathlib import Path
from pycape.local import LocalPlatform, Patience
folder = Path(sys.argv[1])
platform = LocalPlatform(
    data_folder=folder / "data",
    config_folder=folder / "config",
    port=int(sys.argv[2]),
    # Enclaves that die soon after their start are given up else, and waited for longer each time.
    patience=Patience(quick_death=0),
)
platform.run(lambda platform: print(platform.url.rpartition(":")[2], flush=True))
"""

APP = "import time\ndef cape_handler(i):\n    time.sleep({pause})\n    return b'{name}: ' + i\n"

PR_SET_CHILD_SUBREAPER = 36


class Host:
    """A machine that runs a platform: control plane, runtime, workers, and what is between them.

    All of them are descendants of this process, orphans too: see `adopting_orphans`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = 0
        self._platform: subprocess.Popen[str] | None = None
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.blobs = folder / "data" / "local" / "blobs"
        self.config = folder / "config"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.stop()
        else:
            self._platform.kill()
            self._ended()

    @property
    def pid(self) -> int:
        """The number of the control plane's process."""
        return self._platform.pid

    @property
    def url(self) -> str:
        """The control plane's address."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start the platform, on the port that it had before."""
        self._platform = subprocess.Popen(
            [sys.executable, "-c", PLATFORM, self._folder, str(self._port)],
            env=os.environ | {"TMPDIR": str(self.temporary)},
            stdout=subprocess.PIPE,
            text=True,
        )
        self._port = int(self._platform.stdout.readline())

    def stop(self) -> None:
        """End the platform in order."""
        self._platform.terminate()
        self._ended()

    def kill(self, target: str, choice: random.Random) -> bool:
        """SIGKILL one process of this kind; whether there was one."""
        if target == "control plane":
            self._platform.kill()
            self._ended()
            self.start()
            return True
        candidates = sorted(self._candidates(target))
        if not candidates:
            return False
        with suppress(ProcessLookupError):
            os.kill(choice.choice(candidates), signal.SIGKILL)
        return True

    def _candidates(self, target: str) -> set[int]:
        runtimes = children(self._platform.pid)
        if target == "runtime":
            return runtimes
        below = {process for runtime in runtimes for process in descendants(runtime)}
        between = {process for process in below if children(process)}
        return (between or below) if target == "base process" else below - between

    def _ended(self) -> None:
        self._platform.wait(60)
        self._platform.stdout.close()


class Load:
    """Clients that deploy and run without a pause, each in a thread of its own."""

    def __init__(self, folders: Path, config: Path, seed: int) -> None:
        self._folders = folders
        self._config = config
        self._seed = seed
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self.deployed: dict[str, FunctionRef] = {}
        self.outcomes: Counter[str] = Counter()
        self.wrong: list[BaseException] = []

    @contextmanager
    def of(self, clients: int):
        """Keep so many clients busy; on exit each has ended its last call."""
        self._threads = [
            threading.Thread(target=self._work, args=(number,)) for number in range(clients)
        ]
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            for thread in self._threads:
                thread.join(120)
        assert not any(thread.is_alive() for thread in self._threads), "a call does not end"

    def _work(self, number: int) -> None:
        choice = random.Random(f"{self._seed} {number}")  # noqa: S311
        count = 0
        with Cape(config_dir=self._config, max_retries=0) as cape:
            while not self._stopping.is_set():
                count += 1
                try:
                    if choice.random() < 0.15:
                        self.deploy(cape, f"client-{number}-{count}", choice.choice([0, 0, 0.05]))
                    else:
                        self._run(cape, choice)
                except errors.CapeError as error:
                    self._note(type(error).__name__)
                    if type(error) not in CLEAR:
                        self.wrong.append(error)
                    time.sleep(0.05)
                except BaseException as error:
                    self.wrong.append(error)
                    raise
                else:
                    self._note("result")

    def deploy(self, cape: Cape, name: str, pause: float) -> FunctionRef:
        folder = self._folders / name
        folder.mkdir()
        (folder / "app.py").write_text(APP.format(pause=pause, name=name))
        function = cape.deploy(folder, name=name)
        with self._lock:
            self.deployed[name] = function
        return function

    def _run(self, cape: Cape, choice: random.Random) -> None:
        with self._lock:
            name, function = choice.choice(list(self.deployed.items()))
        data = choice.randbytes(choice.choice([1, 100, 100_000]))
        answer = cape.run(function, None, data)
        assert answer == f"{name}: ".encode() + data, f"{name} answered for another"

    def _note(self, outcome: str) -> None:
        with self._lock:
            self.outcomes[outcome] += 1


@contextmanager
def adopting_orphans():
    """Make this process the parent of whatever its descendants leave behind (prctl(2))."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    assert prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    try:
        yield
    finally:
        prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def wait_until_only(expected: set[int]) -> None:
    """Wait until this process has no running descendants but these; reap those that ended."""

    def others() -> set[int]:
        found = descendants(os.getpid()) - expected
        for process in found:
            with suppress(ChildProcessError):
                os.waitpid(process, os.WNOHANG)
        return {process for process in found if is_running(process)}

    wait_until(lambda: not others())

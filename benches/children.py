"""Programs that the harness starts, and ends: peers, an echo server, a platform."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .harness import Contender, UnavailableError

_END_SECONDS = 10.0

# Of /proc/PID/stat, behind the name (proc_pid_stat(5)): the parent, cutime and cstime, starttime.
_PARENT, _TIME_OF_ENDED, _START = 1, slice(13, 15), 19


class Child:
    """A program whose standard output and input are pipes. It ends when its input closes.

    Its standard error goes to the file `log`, where there is one.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        environment: Mapping[str, str] | None = None,
        *,
        log: Path | None = None,
    ) -> None:
        errors = None if log is None else log.open("wb")
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **(environment or {})},
            )
        except OSError as error:
            raise UnavailableError(f"{command[0]} does not run: {error.strerror}") from error
        finally:
            if errors is not None:
                errors.close()

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    def receive(self) -> Any:
        """Wait for a line of JSON."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise UnavailableError(f"{self._process.args!r} ended: {self._process.wait()}")
        return json.loads(line)

    def send(self, value: object) -> None:
        """Write a line of JSON."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(value) + "\n")
        self._process.stdin.flush()

    def end(self, *, terminate: bool = False) -> None:
        """End it: by closing its input, or by SIGTERM; by SIGKILL if it goes on."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        if terminate:
            self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Server(Child):
    """A plain server of benches, which prints its address when it serves."""

    def __init__(self, module: str, *options: str) -> None:
        super().__init__([sys.executable, "-m", module, *options])
        self.url = str(self.receive()["url"])

    def cpu_seconds(self) -> float:
        """Return its processor time so far, without that of its own children."""
        return _cpu_seconds(self.pid)


class Workers:
    """A program that times work of its own on request: see benches/peers and benches/bare.

    It is started when the first of its contenders runs.
    """

    def __init__(self, *command: str | Path) -> None:
        self._command = command
        self._child: Child | None = None

    def contender(self, name: str, work: str, **arguments: object) -> Contender:
        """Return a contender that does a work of the program, with arguments that it knows."""

        def run(laps: int) -> list[float]:
            if self._child is None:
                self._child = Child(self._command)
            self._child.send({"work": work, "runs": laps, **arguments})
            answer = self._child.receive()
            if "error" in answer:
                raise UnavailableError(answer["error"])
            return [float(lap) for lap in answer["laps"]]

        return Contender(name, run)

    def end(self) -> None:
        """End the program."""
        if self._child is not None:
            self._child.end()


class Platform:
    """`cape dev` with state of its own, and where they are given with settings of its enclave."""

    def __init__(self, folder: Path, *, settings: str | None = None) -> None:
        self._settings = None if settings is None else folder / "settings.toml"
        if self._settings is not None and settings is not None:
            folder.mkdir(parents=True)
            self._settings.write_text(settings)
        self.config_folder = folder / "config"
        self._environment = {
            "CAPE_CONFIG_DIR": str(self.config_folder),
            "CAPE_DATA_DIR": str(folder / "data"),
        }
        self._child = self._start()

    def restart(self) -> None:
        """End it and start it again: what was deployed is there, and nothing is warm."""
        self.end()
        self._child = self._start()

    def end(self) -> None:
        """End it, and with it the enclave."""
        self._child.end(terminate=True)

    def cpu_seconds(self) -> tuple[float, float]:
        """Return the processor time so far of the control plane and of the enclave's supervisor."""
        return _cpu_seconds(self._child.pid), sum(_cpu_seconds(pid) for pid in self._enclaves())

    def worker_times(self) -> dict[tuple[int, int], float]:
        """Return that of each process below the supervisor."""
        enclave, *_ = self._enclaves()
        return times_below(enclave)

    def enclave_memory(self) -> int:
        """Return the bytes of memory that the enclave's supervisor has in use."""
        return sum(resident(pid) for pid in self._enclaves())

    def enclave_peak(self) -> int:
        """Return the most that it had in use since it began."""
        return sum(peak_memory(pid) for pid in self._enclaves())

    def _enclaves(self) -> list[int]:
        """Return the control plane's children: the supervisor."""
        children = Path(f"/proc/{self._child.pid}/task/{self._child.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def _start(self) -> Child:
        cape = Path(sys.executable).with_name("cape")
        command: list[str | Path] = [cape, "dev", "--port", "0", "--json"]
        if self._settings is not None:
            command = [sys.executable, "-m", "benches.local_platform", self._settings]
        child = Child(command, self._environment)
        child.receive()
        return child


def _cpu_seconds(pid: int) -> float:
    """Return the processor time of a process, its ended threads included (clock_getcpuclockid)."""
    return time.clock_gettime((~pid << 3) | 2)


def resident(pid: int) -> int:
    """Return the bytes of memory that a process has in use."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def peak_memory(pid: int | str) -> int:
    """Return the most bytes of memory that a process had in use."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def times_below(root: int) -> dict[tuple[int, int], float]:
    """Return the processor time of each descendant, with that of what it waited for.

    The keys are numbers and starts, since numbers are given again.
    """
    parents, starts, ended = {}, {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        pid = int(folder.name)
        parents[pid], starts[pid] = int(fields[_PARENT]), int(fields[_START])
        ended[pid] = sum(map(int, fields[_TIME_OF_ENDED])) / os.sysconf("SC_CLK_TCK")
    times: dict[tuple[int, int], float] = {}
    level = [root]
    while level := [pid for pid, parent in parents.items() if parent in level]:
        times |= {(pid, starts[pid]): ended[pid] + _cpu_seconds_if_any(pid) for pid in level}
    return times


def _cpu_seconds_if_any(pid: int) -> float:
    try:
        return _cpu_seconds(pid)
    except OSError:
        return 0

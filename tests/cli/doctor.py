"""What `cape doctor` found, and machines that are not this one."""

from dataclasses import dataclass, field
from pathlib import Path

from pycape.cli._doctor._machine import Machine

from .conftest import MEMBERS_OF_ERROR

STATES = {"ok", "warning", "failed", "skipped"}


def examined(user, *options: str) -> dict[str, dict]:
    """Return all checks of one run by name, whatever came of it; the form is checked, too."""
    outcome = user("doctor", "--json", *options)
    assert outcome.stderr == ""
    told = outcome.json
    assert told.keys() == {"ok", "data", "error"}
    assert told["data"].keys() == {"version", "counts", "checks"}
    assert told["data"]["counts"].keys() == STATES
    checks = told["data"]["checks"]
    for check in checks:
        assert check.keys() == {"group", "name", "state", "says", "facts", "fix"}
        assert check["state"] in STATES
        assert check["says"]
        assert check["fix"] is not None or check["state"] not in {"failed"}
    states = [check["state"] for check in checks]
    assert told["data"]["counts"] == {state: states.count(state) for state in STATES}
    failed = "failed" in states
    assert (outcome.status, told["ok"]) == (int(failed), not failed)
    if failed:
        assert told["error"]["code"] == "CAPE-CLI-009"
        assert told["error"].keys() == MEMBERS_OF_ERROR
    else:
        assert told["error"] is None
    by_name = {check["name"]: check for check in checks}
    assert len(by_name) == len(checks), "a name is one check's"
    return by_name


def states(checks: dict[str, dict], *names: str) -> dict[str, str]:
    return {name: checks[name]["state"] for name in names}


@dataclass(frozen=True)
class OtherMachine(Machine):
    """A machine of files in a folder, and a kernel that answers what a test says."""

    landlock: int | OSError = 7
    namespaces: OSError | None = None
    usable: set[str] = field(default_factory=set)
    owners: dict[str, tuple[str, int]] = field(default_factory=dict)
    free: int = 10_000
    clock: bool | OSError = True

    def landlock_version(self) -> int:
        if isinstance(self.landlock, OSError):
            raise self.landlock
        return self.landlock

    def make_namespaces(self) -> None:
        if self.namespaces is not None:
            raise self.namespaces

    def owner(self, path: str) -> tuple[str, int] | None:
        return self.owners.get(path, ("ne", 0o660)) if self.exists(path) else None

    def free_mib(self, path: str) -> int:
        return self.free

    def clock_is_kept(self) -> bool:
        if isinstance(self.clock, OSError):
            raise self.clock
        return self.clock

    def may_use(self, path: str) -> bool:
        return path in self.usable


def write_files(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

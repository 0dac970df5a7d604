"""The unit files of `deploy/systemd`, read as systemd reads them."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "deploy" / "systemd"


def settings(name: str) -> dict[str, list[str]]:
    """Return a unit's settings, each with its values in order; lines that go on are joined."""
    text = (UNITS / name).read_text("utf-8")
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    found: dict[str, list[str]] = {}
    for line in lines:
        if line and not line.startswith(("#", "[")):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def command(name: str, environment: dict[str, str]) -> list[str]:
    """Return the words of a unit's `ExecStart`, with variables replaced."""
    [line] = settings(name)["ExecStart"]
    return [re.sub(r"\${(\w+)}", lambda it: environment[it[1]], word) for word in shlex.split(line)]


def environment_file(name: str = "cape.env") -> dict[str, str]:
    """Return the variables of an example of an environment file."""
    text = (UNITS / name).read_text("utf-8")
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))

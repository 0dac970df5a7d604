"""The machine a run was made on, and the versions of what ran."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path


def describe() -> dict[str, str | int | float]:
    """Return what a reader needs to know to compare a run with another."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "pycape": metadata.version("pycape"),
        "websockets": metadata.version("websockets"),
        "huge_pages": _chosen(Path("/sys/kernel/mm/transparent_hugepage/enabled")),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    """Return its name, family and model: virtual machines often hide the name's rest."""
    fields: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    name = fields.get("model name", platform.machine())
    if "cpu family" not in fields:
        return name
    return f"{name} (family {fields['cpu family']}, model {fields.get('model', '?')})"


def _chosen(setting: Path) -> str:
    """Return the choice that the kernel shows in brackets."""
    try:
        return setting.read_text().partition("[")[2].partition("]")[0]
    except OSError:
        return "unknown"

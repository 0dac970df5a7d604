"""The code that runs functions in the enclave, here: its protocol is taken from it.

Protocol: enclave-runtime/src/worker/protocol.rs.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from pycape import _core

# As the runtime names it: what a function could not have.
_MODULE = "_cape_worker"

# What the interpreter runs; its first argument is the folder, which the function does not find.
COMMAND = (
    "import sys\nsys.path.insert(0, sys.argv.pop(1))\n"
    f"import {_MODULE}\ndel sys.path[0]\n{_MODULE}.main()"
)


@cache
def shim() -> Any:
    """Return it as a module."""
    module = ModuleType(_MODULE)
    exec(compile(_core.InsecureEnclave.SHIM, f"<{_MODULE}>", "exec"), vars(module))  # noqa: S102 - it is our own
    return module


def write_shim(folder: Path) -> None:
    """Write it where a worker's interpreter imports it from."""
    folder.mkdir()
    (folder / f"{_MODULE}.py").write_text(_core.InsecureEnclave.SHIM, encoding="utf-8")

"""Which part of the package may know which."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pycape

PACKAGE = Path(pycape.__file__).parent

# What only the platform's own parts import, and what only commands and packaging import.
SERVICES = ("pycape.server", "pycape.local")
COMMANDS = ("pycape.cli", "pycape.console", "pycape.demo")
HEAVY = {
    "alembic",
    "asyncio",
    "click",
    "httpx",
    "jinja2",
    "msgpack",
    "msgspec",
    "numpy",
    "obstore",
    "prometheus_client",
    "rich",
    "sklearn",
    "sqlalchemy",
    "starlette",
    "uvicorn",
    "websockets",
}

# Clients pack: what packs knows none of them.
CLIENT = tuple(f"pycape.{file.stem}" for file in PACKAGE.glob("_*client*.py"))


def imports(file: Path) -> set[str]:
    """Return the modules that a file imports, anywhere in it."""
    package = ["pycape", *file.relative_to(PACKAGE).parts[:-1]]
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def crossing(folder: str, forbidden: tuple[str, ...]) -> list[str]:
    files = PACKAGE.glob("*.py") if folder == "" else (PACKAGE / folder).rglob("*.py")
    return sorted(
        f"{file.relative_to(PACKAGE)} imports {module}"
        for file in files
        for module in imports(file)
        if any(module == each or module.startswith(f"{each}.") for each in forbidden)
    )


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("", (*SERVICES, *COMMANDS)),
        ("packaging", (*SERVICES, *COMMANDS, *CLIENT, "pycape._platform")),
        ("images", (*SERVICES, *COMMANDS, *CLIENT, "pycape._platform", "pycape.packaging")),
        ("server", ("pycape.local", *COMMANDS)),
        ("local", ("pycape.cli", "pycape.console")),
        ("demo", (*SERVICES, "pycape.cli", "pycape.console")),
        ("console", ("pycape.cli._main", "pycape.demo", "pycape.local.platform")),
        ("experimental", (*SERVICES, *COMMANDS)),
        ("testing", (*SERVICES, *COMMANDS)),
    ],
)
def test_who_may_know_whom(folder, forbidden):
    assert crossing(folder, forbidden) == []


def test_that_test_can_fail():
    assert "dev.py imports pycape.local" in " ".join(crossing("cli", SERVICES))


def loaded_by(code: str) -> set[str]:
    listed = f"{code}; import sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", listed], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_pycape_loads_little():
    assert loaded_by("import pycape") & HEAVY == set()


def test_importing_pycape_does_not_load_what_is_insecure():
    loaded = loaded_by("import pycape; pycape.Cape; import pycape.policy, pycape.attestation")
    assert "pycape.policy" in loaded
    assert "pycape.insecure" not in loaded


def test_help_of_all_commands_loads_little():
    """It answers in under 150 ms, and so loads none of them."""
    loaded = loaded_by("from pycape.cli._main import run; run(['--help'])")
    assert loaded & (HEAVY - {"click"} | {"hashlib", "random", "tempfile"}) == set()
    assert not {"pycape.cli.demo", "pycape.cli.run", "pycape.cli.version"} & loaded

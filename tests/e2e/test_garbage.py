"""Whatever is passed to whatever is public: nothing but `CapeError`, `TypeError`, `ValueError`.

Each parameter in turn gets each piece of garbage, beside right values for the others.
"""

import asyncio
import re

import pytest

from pycape.errors import CapeError

from .entries import entries, public_names
from .garbage import GARBAGE, call, leave, parameters

NAMES = public_names()

# What an interpreter says where nobody has looked at an argument; a note of the core names it.
BARE = re.compile(
    r"^'?\w+'? object is not (iterable|callable|subscriptable)|not supported between|"
    r"^expected (str|\w+\.__fspath__)|has no attribute|^unsupported operand|argument must be"
)
# Methods of files say what those of Python's own files do.
AS_FILES = {"envelope.EnvelopeReader.read", "envelope.EnvelopeReader.seek"}

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.fixture(scope="module")
def runner():
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def table(platform, runner, tmp_path_factory):
    opened = []
    yield entries(platform, tmp_path_factory.mktemp("garbage"), runner, opened)
    for manager in opened:
        leave(manager, runner)


@pytest.fixture(autouse=True)
def folder_of_its_own(table, tmp_path, monkeypatch):
    """Garbage may name files, here; the command line's names find the same configuration."""
    monkeypatch.chdir(tmp_path)
    _, arguments = table["Cape"]
    monkeypatch.setenv("CAPE_CONFIG_DIR", str(arguments["config_dir"]))


def test_everything_public_is_in_the_table(table):
    assert sorted(table) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_garbage(table, runner, name):
    function, right = table[name]
    call(function, right, runner)
    for parameter in parameters(function):
        for description, garbage in GARBAGE.items():
            try:
                call(function, {**right, parameter: garbage}, runner)
            except (CapeError, TypeError, ValueError) as error:
                if name not in AS_FILES and garbage is not int:
                    assert is_told(error), f"{name}({parameter}={description}): {error}"
            except Exception as error:
                error.add_note(f"{name}({parameter}=...): {description}")
                raise


def is_told(error):
    """Tell whether an error is of somebody who looked at the argument."""
    return bool(getattr(error, "__notes__", ())) or not BARE.search(str(error))

"""The notebooks run, and give what they say they give."""

import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from tests.pages import promised

from pycape._config import Config

HERE = Path(__file__).parent

# The titles of what is shown as a table, in its order.
SHOWN = {
    "digits-classifier": ["Function", "Result", "Verified attestation"],
    "private-set-overlap": ["Function", "Manifest", "Envelope"],
    "private-statistics": [
        "Verified attestation",
        "Function",
        "Envelope",
        "Result",
        "Verified receipt",
    ],
}


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(HERE / name / "walkthrough.ipynb", as_version=4)


def code_of(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(cell: nbformat.NotebookNode) -> list[str]:
    """Return the lines that a cell printed."""
    streams = [output for output in cell.outputs if output.output_type == "stream"]
    assert not any("Warning" in stream.text for stream in streams)
    return "".join(each.text for each in streams if each.name == "stdout").splitlines()


def title(cell: nbformat.NotebookNode) -> str | None:
    """Return the title of the table that a cell shows."""
    for output in cell.outputs:
        page = output.get("data", {}).get("text/html", "")
        if page:
            return page.partition("<strong>")[2].partition("</strong>")[0]
    return None


def test_these_are_all():
    assert sorted(file.parent.name for file in HERE.glob("*/*.ipynb")) == sorted(SHOWN)


@pytest.mark.parametrize("name", SHOWN)
def test_a_notebook_is_kept_without_outputs(name):
    for cell in code_of(read(name)):
        assert cell.outputs == []
        assert cell.execution_count is None


@pytest.fixture
def reader(platform, tmp_path, monkeypatch):
    """Somebody who has joined the platform, and starts Jupyter."""
    for variable in [name for name in os.environ if name.startswith("CAPE_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("CAPE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    Config(config_dir=tmp_path / "config").install_profile(platform.profile, make_default=True)


@pytest.mark.network
@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("name", SHOWN)
def test_a_notebook_gives_what_it_says(name, gallery):
    notebook = read(name)
    folder = {"metadata": {"path": str(gallery / name)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=folder).execute()
    for cell in code_of(notebook):
        expected = promised(cell.source)
        if expected and all(expected):
            assert printed(cell) == expected, cell.source
    shown = [found for cell in code_of(notebook) if (found := title(cell)) is not None]
    assert shown == SHOWN[name]
    if name == "private-statistics":
        [lines] = [printed(cell) for cell in code_of(notebook) if "left out" in cell.source]
        assert lines == [
            f"{hospital} ['nurses', 'physicians'] left out: {directors}"
            for hospital, directors in {"north": 4, "south": 3, "west": 2}.items()
        ]

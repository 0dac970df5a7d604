"""Both clients in a running kernel, and what is shown there of what they give."""

import sys
from pathlib import Path

import nbformat.v4
import pytest
from nbclient import NotebookClient
from tests.pages import ROOT, blocks, promised

from pycape._config import Config

PAGE = ROOT / "docs" / "guide" / "notebooks.md"


@pytest.fixture
def outputs(platform, tmp_path, monkeypatch):
    """Run cells in one kernel, of somebody who has joined the platform; return their outputs."""
    Config(config_dir=tmp_path / "config").install_profile(platform.profile, make_default=True)
    monkeypatch.setenv("CAPE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    (tmp_path / "functions").symlink_to(ROOT / "functions")

    def run(*sources: str) -> list[list[nbformat.NotebookNode]]:
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        notebook = nbformat.v4.new_notebook(cells=cells)
        folder = {"metadata": {"path": str(tmp_path)}}
        NotebookClient(notebook, timeout=120, kernel_name="python3", resources=folder).execute()
        return [cell.outputs for cell in notebook.cells]

    return run


def text_of(outputs: list[nbformat.NotebookNode], stream: str = "stdout") -> str:
    return "".join(each.text for each in outputs if each.get("name") == stream)


def page_of(outputs: list[nbformat.NotebookNode]) -> str:
    return next(each.data["text/html"] for each in outputs if each.output_type == "execute_result")


def test_the_page_is_true_in_a_kernel(outputs):
    sources = blocks(PAGE, "python")
    assert any("= await " in source for source in sources)
    for source, output in zip(sources, outputs(*sources), strict=True):
        assert text_of(output).splitlines() == promised(source), source
        assert "Warning" not in text_of(output, "stderr")


def test_the_clients_do_not_disturb_each_other(outputs):
    *_, sync, asynchronous, again = outputs(
        "from pycape import AsyncCape, Cape\ncape, other = Cape(), AsyncCape()",
        "function = cape.deploy('functions/echo')",
        "print(cape.run(function, None, b'one'))",
        "print(await other.run(function, None, b'two'), cape.run(function, None, b'three'))",
        "print(await other.run(function, None, b'four'))\nawait other.close()\ncape.close()",
    )
    assert text_of(sync) == "b'one'\n"
    assert text_of(asynchronous) == "b'two' b'three'\n"
    assert text_of(again) == "b'four'\n"


def test_what_a_call_gives_is_shown_without_what_is_secret(outputs):
    _, shown, receipt, salts, claimed = outputs(
        "from pycape import Cape, receipts\ncape = Cape()\n"
        "result = cape.call(cape.deploy('functions/echo'), None, cape.encrypt(b'a secret'))",
        "result",
        "result.receipt",
        "print(result.receipt.salts.hex())",
        "receipts.inspect(result.receipt.to_bytes())",
    )
    for page in map(page_of, (shown, receipt, claimed)):
        assert "a secret" not in page
        assert text_of(salts)[:64] not in page
        assert "<td" in page
    assert "8 bytes, in .output" in page_of(shown)
    assert "Verified receipt" in page_of(receipt)
    assert "Unverified receipt" in page_of(claimed)

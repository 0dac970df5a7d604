"""What holds for all functions of the gallery."""

import ast
import os
import sys
from pathlib import Path

import pytest
from functions.pictures import picture
from tests.pages import examples, is_shown, links, promised, run_python, run_typed, typed

from pycape.packaging import package

HERE = Path(__file__).parent
FOLDERS = sorted(file.parent.name for file in HERE.glob("*/app.py"))

MOST_LINES = 60
MOST_LINES_WITH_TRAINING = 90
ELSEWHERE = {"image-classification": "tests/e2e/test_five_scripts.py runs its commands"}


def lines_of_code(source: str) -> int:
    """Count lines that are neither empty nor comments nor docstrings."""
    tree = ast.parse(source)
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    documented = [node for node in ast.walk(tree) if isinstance(node, kinds)]
    docstrings = {
        number
        for node in documented
        if ast.get_docstring(node) is not None
        for number in range(node.body[0].lineno, node.body[0].end_lineno + 1)
    }
    return sum(
        bool(line.strip()) and not line.strip().startswith("#") and number not in docstrings
        for number, line in enumerate(source.splitlines(), 1)
    )


def test_lines_of_code_are_counted():
    assert lines_of_code('"""Doc.\n\nMore."""\n\n# why\nx = 1\n\n\ndef f():\n    "d"\n    y\n') == 3


@pytest.mark.parametrize("name", FOLDERS)
def test_a_function_is_small(name):
    """So is what trains its model, draws its example or calls it."""
    lines = {
        str(file.relative_to(HERE / name)): lines_of_code(file.read_text("utf-8"))
        for file in (HERE / name).rglob("*.py")
        if not file.name.startswith("test_")
    }
    assert max(lines.values()) <= MOST_LINES, lines
    assert lines["app.py"] + lines.get("train.py", 0) <= MOST_LINES_WITH_TRAINING, lines


def test_the_index_has_all_of_them_in_their_order():
    listed = [path for path, _ in links(HERE / "README.md") if (HERE / path).is_dir()]
    assert listed == FOLDERS


@pytest.mark.parametrize("name", FOLDERS)
def test_a_readme_says_who_learns_what(name):
    readme = (HERE / name / "README.md").read_text("utf-8")
    assert readme.startswith("# ")
    assert "\n## Who learns what\n" in readme
    for path, _ in links(HERE / name / "README.md"):
        assert (HERE / name / path).exists(), path


@pytest.mark.parametrize("name", FOLDERS)
def test_the_picture_is_of_the_readme(name):
    """`python functions/pictures.py` draws them anew."""
    readme = HERE / name / "README.md"
    pictures = [path for path, _ in links(readme) if path.endswith((".svg", ".jpg"))]
    assert pictures
    if "output.svg" in pictures:
        assert (HERE / name / "output.svg").read_text("utf-8") == picture(readme)


@pytest.fixture
def reader(gallery, config, tmp_path, monkeypatch):
    """Somebody beside the folder `functions`, who has joined the platform."""
    for variable in [name for name in os.environ if name.startswith("CAPE_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("CAPE_CONFIG_DIR", str(config))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    (tmp_path / "functions").symlink_to(gallery)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "app", raising=False)  # each function has one


@pytest.mark.network
@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("name", [name for name in FOLDERS if name not in ELSEWHERE])
def test_a_function_works_as_its_readme_says(name):
    names = {}
    ran = 0
    for language, block in examples(HERE / name / "README.md"):
        if language == "python":
            assert run_python(block, names) == promised(block), block
            ran += 1
        elif language == "console":
            for command, expected in typed(block):
                shown = run_typed(command)
                assert is_shown(expected, shown), f"{command}\n{shown}"
                ran += 1
        else:
            assert language == "text", "what differs each time is an example"
    assert ran >= 3


@pytest.mark.network
@pytest.mark.parametrize("name", FOLDERS)
def test_a_bundle_has_what_runs_and_nothing_else(name, gallery, platform):
    profile = platform.profile
    with package(gallery / name, python=profile.python, platform=profile.platform) as bundle:
        own = {file.name for file in bundle.files if "/" not in file.name}
    assert "app.py" in own
    for left in ("README.md", "train.py", "output.svg", "walkthrough.ipynb"):
        assert left not in own
    assert not [file for file in own if file.startswith("test_")]

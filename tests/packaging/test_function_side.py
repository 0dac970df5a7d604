"""What bundles have of pycape."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import msgpack
import pytest
from pages import ROOT

import pycape
from pycape.errors import HandlerMissing, PackagingError

TYPED = """
import pycape

@pycape.function
def mean(values: list[float]) -> float:
    return sum(values) / len(values)
"""


@pytest.fixture
def typed(function, index):
    """A folder with a typed function, and an index that has msgpack."""
    index.wheel("msgpack", "1.2.0")
    index.wheel("msgpack", "1.0.0")
    (function / "app.py").write_text(TYPED)
    (function / "requirements.txt").write_text(index.options)
    return function


def names(bundle) -> set[str]:
    return {entry.name for entry in bundle.files}


def test_a_source_that_imports_pycape_brings_its_function_side(typed, bundle):
    made = bundle(typed)
    found = names(made)
    assert {"pycape/__init__.py", "pycape/serde/__init__.py", "msgpack/__init__.py"} <= found
    assert not [name for name in found if "client" in name or name.endswith((".so", ".pyi"))]
    assert made.handler == "app:mean"
    line = made.lock.splitlines()[2]
    assert line.startswith(f"# pycape {pycape.__version__} sha256:")
    assert line.endswith(" wants msgpack>=1.1")
    assert "msgpack==1.2.0" in made.lock


def test_it_is_as_large_as_the_guide_says(typed, bundle):
    size = sum(each.size for each in bundle(typed).files if each.name.startswith("pycape/"))
    page = (ROOT / "docs/guide/functions.md").read_text("utf-8")
    [told] = re.findall(r"Python only, about (\d+) KB", page)
    assert abs(size - int(told) * 1000) < 5000


def test_the_same_folder_and_pycape_give_the_same_bytes(typed, bundle, monkeypatch):
    first = bundle(typed)
    lock = (typed / "cape.lock").read_bytes()
    second = bundle(typed)
    assert second.sha256 == first.sha256
    assert (typed / "cape.lock").read_bytes() == lock
    monkeypatch.setattr(pycape, "__version__", "4.9.9")
    assert bundle(typed).sha256 == first.sha256
    assert "# pycape 4.9.9 sha256:" in (typed / "cape.lock").read_text()


@pytest.mark.parametrize(
    "source",
    [
        "def cape_handler(x): return 'pycape'",
        "import pycapes\ndef cape_handler(x): ...",
        "from . import pycape\ndef cape_handler(x): ...",
    ],
)
def test_others_do_not_get_it(function, bundle, source):
    (function / "app.py").write_text(source)
    (function / "test_app.py").write_text("import pycape\n")
    made = bundle(function)
    assert names(made) == {"app.py", "test_app.py"}
    assert made.lock is None


@pytest.mark.parametrize(
    "source",
    [
        "from pycape import serde\ndef cape_handler(x): ...",
        "def cape_handler(x):\n    import pycape.serde",
    ],
)
def test_any_import_counts(typed, bundle, source):
    (typed / "app.py").write_text(source)
    assert "pycape/serde/_series.py" in names(bundle(typed))


@pytest.mark.parametrize("own", ["pycape.py", "pycape/__init__.py"])
def test_a_pycape_of_the_folders_own_wins(typed, bundle, own):
    (typed / own).parent.mkdir(exist_ok=True)
    (typed / own).write_text("def function(f): return f\n")
    made = bundle(typed)
    assert names(made) == {"app.py", "requirements.txt", own}
    assert made.lock is None or "msgpack" not in made.lock


def test_a_pycape_that_is_required_wins(typed, bundle, index):
    index.wheel("pycape", "3.1.1")
    (typed / "requirements.txt").write_text(f"{index.options}pycape==3.1.1\n")
    made = bundle(typed)
    with zipfile.ZipFile(made.path) as opened:
        assert opened.read("pycape/__init__.py") == b"__version__ = '3.1.1'\n"
    assert "pycape/_typed_function.py" not in names(made)


def test_a_msgpack_in_the_folder_is_enough(typed, bundle):
    (typed / "requirements.txt").unlink()
    (typed / "msgpack").mkdir()
    (typed / "msgpack/__init__.py").write_text("")
    made = bundle(typed)
    assert made.lock is None
    assert "pycape/__init__.py" in names(made)


def test_where_nothing_may_be_fetched_it_says_what_is_missing(typed, bundle):
    (typed / "cape.toml").write_text("requirements = false\n")
    with pytest.raises(PackagingError, match="imports pycape, which needs msgpack") as refused:
        bundle(typed)
    assert "put msgpack into the folder" in refused.value.hint


def test_it_imports_nothing_that_is_not_there(typed, bundle, tmp_path):
    """Run with an interpreter that finds the bundle, msgpack and the standard library."""
    bundle(typed, into=tmp_path / "content")
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]; import app, pycape, msgpack\n"
        "from pathlib import Path; from importlib import import_module\n"
        "home = Path(pycape.__file__).parent\n"
        "for file in sorted(home.rglob('*.py')):\n"
        "    name = '.'.join(file.relative_to(home).with_suffix('').parts)\n"
        "    import_module('pycape.' + name.removesuffix('__init__').removesuffix('.') "
        "if name != '__init__' else 'pycape')\n"
        "from pycape import errors, serde\n"
        "handler = app.mean.as_cape_handler()\n"
        "print(serde.deserialize(handler(serde.serialize([1, 2]))))\n"
        "print(serde.bundle_serde_hooks((str, str)).decoder_hook)\n"
        "try:\n    pycape.Cape\n"
        "except AttributeError as error:\n    print(error)\n"
    )
    (tmp_path / "content/msgpack/__init__.py").unlink()
    places = [tmp_path / "content", Path(msgpack.__file__).parents[1]]
    (tmp_path / "content/msgpack").rmdir()
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, *places],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr == ""
    assert run.stdout.splitlines() == [
        "1.5",
        "<class 'str'>",
        "pycape.Cape is not in enclaves: a function has pycape.function and pycape.serde",
    ]


@pytest.mark.parametrize(
    "source",
    [
        TYPED,
        "from pycape import function\n@function\ndef mean(values): ...",
        "import pycape as cape\n@cape.function(serde_hooks=(str, str))\nasync def mean(v): ...",
        "from pycape import function as f\n@f\n@print\ndef mean(values): ...\ndef other(): ...",
    ],
)
def test_the_one_typed_function_is_the_handler(typed, bundle, source):
    (typed / "app.py").write_text(source)
    assert bundle(typed).handler == "app:mean"


def test_which_of_several_has_to_be_said(typed, bundle):
    source = f"{TYPED}\n@pycape.function\ndef other(): ...\n"
    (typed / "app.py").write_text(source)
    with pytest.raises(HandlerMissing, match="several typed functions: mean, other") as refused:
        bundle(typed)
    assert refused.value.hint == 'choose one in cape.toml: handler = "app:mean"'
    (typed / "cape.toml").write_text('handler = "app:other"\n')
    assert bundle(typed).handler == "app:other"
    (typed / "cape.toml").unlink()
    (typed / "app.py").write_text(f"{source}\ndef cape_handler(data): ...\n")
    assert bundle(typed).handler == "app:cape_handler"


def test_others_decorators_are_none(function, bundle):
    (function / "app.py").write_text("from others import function\n@function\ndef mean(x): ...\n")
    with pytest.raises(HandlerMissing, match="does not define cape_handler"):
        bundle(function)

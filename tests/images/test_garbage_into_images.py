"""Whatever is passed in: nothing but `CapeError`, `TypeError`, `ValueError` comes out.

Each parameter in turn gets each piece of garbage, beside right values for the others.
"""

import inspect

import pytest
from tests.e2e.garbage import GARBAGE

from pycape import images
from pycape.errors import CapeError
from pycape.images import ExtraFile, Packages, Recipe, Sources

from . import made

FUNCTIONS = [name for name in images.__all__ if inspect.isfunction(getattr(images, name))]


@pytest.fixture
def right(build, folder, signing, tmp_path, monkeypatch):
    """The right arguments of each function, by its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))  # so that nobody asks apt
    built = build()
    image = images.read(built.path)
    key, certificate = signing()
    recipe = images.read_recipe(folder / "image.toml")
    sources = Sources(
        kernel=folder / "bzImage", runtime=folder / "runtime", settings=folder / "settings.toml"
    )
    (folder / "packages.lock").write_text(made.lock(("tool", b"x")))
    signer = images.load_signer(key, certificate)
    return {
        "build": {"recipe": recipe, "output": tmp_path / "a.eif", "sources": sources},
        "check_reproduced": {"image": built.path, "recipe": recipe, "sources": Sources()},
        "compare": {"old": image, "new": image},
        "load_signer": {"key": key, "certificate": certificate},
        "lock_packages": {"recipe": recipe},
        "platform_of": {"image": image},
        "policy_of": {"images": [image]},
        "read": {"path": built.path},
        "read_lock": {"path": folder / "packages.lock"},
        "read_recipe": {"path": folder / "image.toml"},
        "sign": {"path": built.path, "output": tmp_path / "b.eif", "signer": signer},
    }


def test_every_function_is_in_the_table(right):
    assert sorted(right) == sorted(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_garbage(right, name):
    function = getattr(images, name)
    for parameter in inspect.signature(function).parameters:
        for description, garbage in GARBAGE.items():
            if name == "check_reproduced" and garbage is None:
                continue  # a whole build, which is right
            try:
                function(**{**right[name], parameter: garbage})
            except (CapeError, TypeError, ValueError) as error:
                assert "attribute" not in str(error), f"{parameter}={description}"
            except Exception as error:
                error.add_note(f"{name}({parameter}=...): {description}")
                raise


@pytest.mark.parametrize("parameter", inspect.signature(Sources).parameters)
def test_garbage_as_a_source(right, parameter):
    """Each is a path, or a text; what is wrong with it is told when it is used at the latest."""
    recipe, sources = right["build"]["recipe"], right["build"]["sources"]
    for description, garbage in GARBAGE.items():
        given = {**vars(sources), parameter: garbage}
        try:
            images.build(recipe, "c.eif", sources=Sources(**given))
        except (CapeError, TypeError, ValueError) as error:
            assert "attribute" not in str(error), description


@pytest.mark.parametrize(
    ("kind", "parameter"),
    [
        (kind, parameter)
        for kind in (ExtraFile, Packages, Recipe)
        for parameter in inspect.signature(kind).parameters
    ],
)
def test_garbage_in_a_recipe(right, folder, kind, parameter):
    """What is wrong with it is told when it is used at the latest."""
    sources = right["build"]["sources"]
    usual = {
        ExtraFile: {"path": "file", "text": "text"},
        Packages: {"lock": folder / "packages.lock", "wanted": ("tool",)},
        Recipe: {"name": "name", "version": "1"},
    }
    for description, garbage in GARBAGE.items():
        try:
            made = kind(**{**usual[kind], parameter: garbage})
            where = {ExtraFile: {"files": (made,)}, Packages: {"packages": made}}.get(kind)
            recipe = Recipe("name", "1", **where) if where else made
            images.build(recipe, "d.eif", sources=sources)
        except (CapeError, TypeError, ValueError) as error:
            assert "attribute" not in str(error), description
        except Exception as error:
            error.add_note(f"{kind.__name__}({parameter}=...): {description}")
            raise

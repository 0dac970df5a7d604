"""Packages that are on disk, beside the function or elsewhere, and on no index."""

from pathlib import Path

import pytest

from pycape.errors import PackagingError
from pycape.packaging._requirements import find_requirements, local_package

HATCHLING = (
    '[project]\nname = "mine"\nversion = "1.0"\n'
    '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
)


@pytest.fixture
def wheel(function, index):
    """A wheel in the function's folder, `wheels/`."""
    made = index.wheel("mine", "1.0")
    (function / "wheels").mkdir()
    return made.rename(function / "wheels" / made.name)


def names(made):
    return [entry.name for entry in made.files]


@pytest.mark.parametrize(
    "line",
    [
        "./wheels/mine-1.0-py3-none-any.whl",
        "wheels/mine-1.0-py3-none-any.whl  # ours",
        "mine @ ./wheels/mine-1.0-py3-none-any.whl",
        "mine @ file:wheels/mine-1.0-py3-none-any.whl ; python_version > '3'",
    ],
)
def test_a_wheel_beside_the_function_is_installed_and_not_there_twice(
    function, bundle, wheel, line
):
    (function / "requirements.txt").write_text(f"{line}\n")
    made = bundle(function)
    assert names(made) == [
        "app.py",
        "mine-1.0.dist-info/METADATA",
        "mine-1.0.dist-info/licenses/LICENSE",
        "mine/__init__.py",
        "requirements.txt",
    ]
    assert "--hash=sha256:" in made.lock
    assert str(function) not in made.lock


def test_a_wheel_that_nothing_requires_is_a_file_like_others(function, bundle, wheel):
    assert names(bundle(function)) == ["app.py", f"wheels/{wheel.name}"]


def test_a_wheel_that_was_made_anew_is_resolved_anew(function, bundle, wheel, index):
    (function / "requirements.txt").write_text(f"./wheels/{wheel.name}\n")
    first = bundle(function)
    again = index.wheel("mine", "1.0", files={"mine/more.py": "x = 1\n"})
    again.replace(wheel)
    second = bundle(function)
    assert "mine/more.py" in names(second)
    assert second.lock != first.lock


def test_a_folder_of_sources_is_not_built_unless_asked_for(function, bundle):
    source = function / "libraries" / "mine"
    source.mkdir(parents=True)
    (source / "pyproject.toml").write_text(HATCHLING)
    (function / "requirements.txt").write_text("./libraries/mine\n")
    for line in ("./libraries/mine", "mine @ ./libraries/mine", "-e ./libraries/mine"):
        (function / "requirements.txt").write_text(f"{line}\n")
        with pytest.raises(PackagingError, match="has to be built from sources") as caught:
            bundle(function)
        assert str(caught.value).startswith(f"requirements.txt, line 1: '{line}' ")
        assert "build_sdists = true in cape.toml" in caught.value.hint
        assert caught.value.hint.endswith("uv build --wheel --out-dir wheels libraries/mine")


@pytest.mark.network
@pytest.mark.parametrize("line", ["./mine", "-e ./mine"])
def test_a_folder_of_sources_is_built_where_that_is_asked_for(function, bundle, line):
    (function / "mine" / "mine").mkdir(parents=True)
    (function / "mine" / "pyproject.toml").write_text(HATCHLING)
    (function / "mine" / "mine" / "__init__.py").write_text("x = 1\n")
    (function / "cape.toml").write_text("build_sdists = true\n")
    (function / "requirements.txt").write_text(f"{line}\n")
    first = bundle(function)
    assert names(first) == [
        "app.py",
        "mine-1.0.dist-info/METADATA",
        "mine/__init__.py",
        "requirements.txt",
    ]
    assert bundle(function).sha256 == first.sha256


def test_what_is_required_from_inside_and_outside_of_the_folder(function, wheel):
    outside = function.parent / "outside"
    outside.mkdir()
    (function / "requirements.txt").write_text(f"../outside\n.\n./wheels/{wheel.name}\n")
    assert find_requirements(function, None).local_packages == (f"wheels/{wheel.name}",)


@pytest.mark.parametrize(
    "line",
    [
        "numpy",
        "numpy==2.0 ; python_version > '3'",
        "-r more/requirements.txt",
        "--find-links ./wheels",
        "mine @ https://example.org/mine-1.0-py3-none-any.whl",
        "git+https://example.org/mine",
        "./nowhere",
        "./" + "x" * 5000,
        "./a\0b",
        "# ./wheels",
        "",
    ],
)
def test_what_names_no_package_on_disk(tmp_path, line):
    (tmp_path / "wheels").mkdir()
    assert local_package(Path(tmp_path), line) is None


@pytest.mark.network
@pytest.mark.parametrize("line", ["./mine", "-e ./mine"])
def test_a_wheel_in_the_place_of_a_folder_that_was_built_needs_no_new_lock(
    function, bundle, wheel, line
):
    (function / "mine").mkdir()
    (function / "mine" / "pyproject.toml").write_text(HATCHLING)
    (function / "mine" / "mine.py").write_text("x = 1\n")
    (function / "cape.toml").write_text("build_sdists = true\n")
    (function / "requirements.txt").write_text(f"{line}\n")
    assert "./mine" in bundle(function).lock
    (function / "cape.toml").unlink()
    (function / "requirements.txt").write_text(f"./wheels/{wheel.name}\n")
    assert "--hash=sha256:" in bundle(function).lock

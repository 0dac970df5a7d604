"""Packing runs no code of whoever wrote the folder, unless its settings say build_sdists.

Nor does it tell what the environment has.

Anybody audits a function by packing its folder, so what is in it is a stranger's word.
"""

import tarfile

import pytest

from pycape.errors import ConfigError, FileRefused, PackagingError
from pycape.packaging import package

SETUP = """
open({evidence!r}, "w").close()
from setuptools import setup
setup(name="lib", version="1.0")
"""


@pytest.fixture
def evidence(tmp_path):
    """A file that is there once code has run."""
    return tmp_path / "it-ran"


@pytest.fixture
def stranger(function, index, evidence):
    """A function with sources in its folder that tell when they are built."""
    (function / "lib").mkdir()
    (function / "lib" / "setup.py").write_text(SETUP.format(evidence=str(evidence)))
    with tarfile.open(function / "lib-1.0.tar.gz", "w:gz") as sdist:
        sdist.add(function / "lib", "lib-1.0")
    index.wheel("helper", "1.0")
    return function


@pytest.mark.parametrize(
    "lines",
    [
        "./lib",
        "-e ./lib",
        "-e lib",
        "-e file:lib",
        "--editable=./lib",
        "-r more.txt",
        "-r=more.txt",
        "./lib-1.0.tar.gz",
        "${PWD}/lib",
        "./lib[more]",
        "--no-binary lib\n./lib-1.0.tar.gz",
        "--no-binary=:all:\n./lib-1.0.tar.gz",
        "--find-links . -e ./lib",
        "--no-index --no-binary=lib\n./lib-1.0.tar.gz",
    ],
)
def test_by_requirements(stranger, bundle, evidence, lines):
    (stranger / "more.txt").write_text("-e ./lib\n")
    (stranger / "requirements.txt").write_text(f"{lines}\n")
    with pytest.raises(PackagingError):
        bundle(stranger)
    assert not evidence.exists()


@pytest.mark.parametrize(
    "settings", ['no-binary-package = ["lib"]', '[pip]\nno-binary = ["lib"]\nonly-binary = []']
)
def test_by_settings_of_uv_in_the_folder(stranger, bundle, evidence, settings):
    (stranger / "requirements.txt").write_text("./lib-1.0.tar.gz\n")
    (stranger / "uv.toml").write_text(f"{settings}\n")
    with pytest.raises(PackagingError):
        bundle(stranger)
    assert not evidence.exists()


@pytest.mark.parametrize(
    "line",
    [
        "-e ./lib",
        "-e lib",
        "./lib",
        "-r more.txt",
        "--no-binary lib",
        "--find-links .",
        "x==1\x0c-e lib",
    ],
)
def test_by_a_lock(stranger, bundle, index, evidence, line):
    (stranger / "requirements.txt").write_text(f"{index.options}helper\n")
    lock = bundle(stranger).lock
    (stranger / "more.txt").write_text("-e ./lib\n")
    (stranger / "cape.lock").write_text(f"{lock}{line}\n./lib-1.0.tar.gz\n")
    with pytest.raises(PackagingError, match=r"^cape\.lock, line \d+: "):
        bundle(stranger)
    assert not evidence.exists()


def test_by_the_name_of_the_requirements(stranger, bundle, evidence):
    (stranger / "--no-binary=lib").write_text("./lib-1.0.tar.gz\n")
    (stranger / "cape.toml").write_text('requirements = "--no-binary=lib"\n')
    with pytest.raises(ConfigError, match="requirements is '--no-binary=lib'; allowed: the name"):
        bundle(stranger)
    assert not evidence.exists()


@pytest.mark.parametrize(
    "source",
    [
        '{path = "lib", editable = true}',
        '[{path = "lib", editable = true}]',
        "{workspace = true}",
    ],
)
def test_by_sources_of_a_project(stranger, bundle, evidence, source):
    (stranger / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nversion = "1.0"\ndependencies = ["lib"]\n'
        f'[tool.uv.sources]\nlib = {source}\n[tool.uv.workspace]\nmembers = ["lib"]\n'
    )
    with pytest.raises(PackagingError, match=r"sources: 'lib' has to be built from sources"):
        bundle(stranger)
    assert not evidence.exists()


def test_sources_of_a_project_that_is_not_asked_for_do_not_matter(stranger, bundle, index):
    (stranger / "requirements.txt").write_text(f"{index.options}helper\n")
    (stranger / "pyproject.toml").write_text("[tool.uv.sources]\nlib = {workspace = true}\n")
    assert "helper==1.0" in bundle(stranger).lock


def test_by_a_project(stranger, bundle, evidence):
    (stranger / "setup.py").write_text((stranger / "lib" / "setup.py").read_text())
    (stranger / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nversion = "1.0"\ndependencies = ["lib"]\n'
        '[tool.uv.sources]\nlib = {path = "lib", editable = true}\n'
        '[tool.uv]\nno-binary-package = ["lib"]\n'
    )
    with pytest.raises(PackagingError):
        bundle(stranger)
    assert not evidence.exists()


@pytest.mark.parametrize(
    "line",
    [
        "lib @ http://127.0.0.1:9/${SECRET}/lib-1.0-py3-none-any.whl",
        "lib @ http://127.0.0.1:9/lib-1.0-py3-none-any.whl#${SECRET}",
        "--index-url http://127.0.0.1:9/${SECRET}/",
    ],
)
def test_no_variable_of_the_environment_leaves_in_an_address(stranger, bundle, line):
    (stranger / "requirements.txt").write_text(f"# ${{SECRET}}\nhelper # ${{SECRET}}\n{line}\n")
    with pytest.raises(PackagingError, match=r"line 3: .* has a variable of the environment"):
        bundle(stranger)


@pytest.mark.network
def test_only_where_the_settings_say_so(stranger, bundle, evidence):
    (stranger / "requirements.txt").write_text("-e ./lib\n")
    (stranger / "cape.toml").write_text("build_sdists = true\n")
    bundle(stranger)
    assert evidence.exists()


def test_by_a_setting_where_it_may_not(stranger, evidence, tmp_path):
    (stranger / "requirements.txt").write_text("./lib\n")
    (stranger / "cape.toml").write_text("build_sdists = true\n")
    with pytest.raises(FileRefused, match="build_sdists is true") as refused:
        package(stranger, python="3.11", platform="x86_64-manylinux_2_28", build_sdists=False)
    assert "--build-sdists" in (refused.value.hint or "")
    assert not evidence.exists()
    assert not (stranger / "cape.lock").exists()

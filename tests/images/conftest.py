import os
import shutil
import subprocess

import pytest

from pycape import _core, images
from pycape.images import Sources

from . import made


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with all that a small image is made of, and a cache of its own."""
    monkeypatch.setenv("CAPE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    made.sources_in(tmp_path / "sources")
    return tmp_path / "sources"


@pytest.fixture
def build(folder):
    """Build an image of a recipe's text, with sources beside the usual ones."""

    def build(text=made.RECIPE, name="built.eif", *, signer=None, progress=None, **sources):
        (folder / "image.toml").write_text(text)
        usual = {"kernel": folder / "bzImage", "runtime": folder / "runtime"}
        if "container" not in sources:
            usual["settings"] = folder / "settings.toml"
        return images.build(
            images.read_recipe(folder / "image.toml"),
            folder.parent / name,
            sources=Sources(**{**usual, **sources}),
            signer=signer,
            progress=progress,
        )

    return build


def entries(path, index):
    """The entries of an image's ramdisk by name."""
    section = images.read(path).ramdisks[index]
    found = _core.read_ramdisk(path, section.offset, section.size)
    return {entry.name: entry for entry in found}


def content(path, index, name):
    """The content of a file of an image's ramdisk, as GNU cpio unpacks it."""
    if shutil.which("cpio") is None:
        pytest.skip("GNU cpio is not here")
    section = images.read(path).ramdisks[index]
    with path.open("rb") as file:
        file.seek(section.offset)
        archive = file.read(section.size)
    run = subprocess.run(
        ["cpio", "--extract", "--to-stdout", "--quiet", name],
        input=archive,
        capture_output=True,
        check=True,
    )
    return run.stdout


@pytest.fixture
def packaged(folder):
    """A recipe of one package, whose file is in a folder: `packaged(*entries)`."""

    def packaged(*entries, more="", **options):
        package = made.deb(*entries, **options)
        packages = folder / "packages"
        packages.mkdir(exist_ok=True)
        (packages / "tool_1.0_amd64.deb").write_bytes(package)
        (folder / "packages.lock").write_text(made.lock(("tool", package)))
        return (
            f'{made.RECIPE}[packages]\nlock = "packages.lock"\nwanted = ["tool"]\n{more}',
            {"package_folder": packages},
        )

    return packaged


@pytest.fixture(scope="session")
def is_root():
    return os.geteuid() == 0


@pytest.fixture(scope="session")
def signing(tmp_path_factory):
    """The files of a key and its certificate: `signing(days)`, valid from yesterday on."""
    return lambda **options: made.signer(tmp_path_factory.mktemp("signer"), **options)

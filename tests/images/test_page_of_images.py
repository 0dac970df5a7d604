"""docs/operate/images.md: what it says to type is typed, its recipe is one, its table is whole."""

import gzip
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT, blocks

from pycape import images, policy
from pycape.images import _recipe

from . import made

PAGE = ROOT / "docs" / "operate" / "images.md"


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    """A folder like this repository's, with stand-ins for what takes long or needs a network."""
    folder = tmp_path / "checkout"
    made.sources_in(folder)
    (folder / "vault.key").write_text("ab" * 32 + "\n")
    program(folder / "enclave-runtime" / "kernel" / "build", "echo $PWD/bzImage")
    image = folder / "deploy" / "image"
    image.mkdir(parents=True)
    for name in ("settings.toml", "settings.development.toml"):
        shutil.copy(ROOT / "deploy" / "image" / name, image)
    package = made.deb(made.entry("./usr/bin/tool", b"#!", mode=0o755))
    (image / "packages.lock").write_text(made.lock(("tool", package)))
    (image / "image.toml").write_text(
        f'{made.RECIPE}[runtime]\nsettings = "settings.toml"\n'
        '[packages]\nlock = "packages.lock"\nwanted = ["tool"]\n'
    )
    (folder / "tool.deb").write_bytes(package)
    layers = made.tar(made.entry("bin"), made.APP)
    made.Container(layers, compress=gzip.compress).docker_archive(folder / "saved")
    programs = tmp_path / "programs"
    program(programs / "docker", 'cp saved "$4"')
    (folder / "runtime").rename(programs / "cape-enclave")
    program(programs / "apt-cache", f"sed -n '/package/,$p' {image}/packages.lock | {AS_APT}")
    program(
        programs / "apt-get",
        f'case "$*" in *download*) cp {folder}/tool.deb tool.deb ;;'
        " *) echo 'Inst tool (1.0 Debian:12.1/stable [amd64])' ;; esac",
    )
    places = [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
    monkeypatch.setenv("PATH", ":".join(places))
    monkeypatch.setenv("CAPE_CACHE_DIR", str(tmp_path / "cache"))
    return folder


AS_APT = (
    r"sed -n 's/^name = \"\(.*\)\"/Package: \1/p; s/^version = \"\(.*\)\"/Version: \1/p;"
    r" s/^architecture = \"\(.*\)\"/Architecture: \1/p; s/^sha256 = \"\(.*\)\"/SHA256: \1/p;"
    r" s/^size = /Size: /p'"
)


def test_what_the_page_says_to_type(checkout):
    for name in ("bash", "git", "openssl"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not here")
    subprocess.run(["git", "init", "--quiet", checkout], check=True)
    script = "\n".join(["set -euo pipefail", *blocks(PAGE, "sh")])
    run = subprocess.run(
        ["bash", "-c", script], cwd=checkout, capture_output=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr.decode()
    plain, signed = (images.read(checkout / name) for name in ("cape.eif", "signed.eif"))
    assert signed.pcrs[0] == plain.pcrs[0]
    [release] = policy.load(checkout / "policy.toml").releases
    assert release.pcrs == {8: signed.pcrs[8]}
    assert images.read(checkout / "development.eif").pcrs[1] != plain.pcrs[1]
    assert images.read(checkout / "app.eif").name == "app 0"


def test_its_recipe_is_one(tmp_path):
    [text] = blocks(PAGE, "toml")
    (tmp_path / "image.toml").write_text(text)
    recipe = images.read_recipe(tmp_path / "image.toml")
    assert recipe.packages.wanted == ("libc6", "python3.11-minimal")
    assert [each.path for each in recipe.files] == ["etc/hosts", "opt/data"]


def test_every_key_is_told():
    told = set()
    for row in re.findall(r"^\| (`[a-z_.`, ]+) \|", PAGE.read_text("utf-8"), re.MULTILINE):
        told |= set(re.findall(r"`([a-z_.]+)`", row))
    tables = {
        "kernel": _recipe._KERNEL,
        "runtime": _recipe._RUNTIME,
        "packages": _recipe._PACKAGES,
    }
    inner = {f"{table}.{key}" for table, keys in tables.items() for key in keys}
    assert told == (_recipe._TOP.keys() - tables.keys()) | inner
    row = next(line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `file`"))
    assert {f"`{key}" for key in _recipe._FILE} <= {*re.findall(r"`[a-z]+", row)}

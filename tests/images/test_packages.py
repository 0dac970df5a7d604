"""Debian's packages: fetched, checked, unpacked; no script of theirs runs."""

import gzip
import hashlib
import re
import shutil
import ssl
import stat
import subprocess
import time
import tomllib
from pathlib import Path

import pytest

from pycape import images
from pycape.errors import ArchiveRefused, ConfigError, ImageError
from pycape.images import read_lock

from . import made
from .conftest import entries

TOOL = (made.entry("./usr/bin/tool", b"#!tool", mode=0o755),)


@pytest.mark.parametrize(
    ("compress", "suffix"), [(gzip.compress, ".gz"), (bytes, "")], ids=["gzip", "plain"]
)
def test_a_package_may_be_compressed_otherwise(build, packaged, compress, suffix):
    text, sources = packaged(*TOOL, compress=compress, suffix=suffix)
    assert "rootfs/usr/bin/tool" in entries(build(text, **sources).path, 1)


def test_no_script_of_a_package_runs(build, packaged, monkeypatch, tmp_path):
    text, sources = packaged(*TOOL)
    build(text, **sources)
    assert not Path("/tmp/ran").exists()  # noqa: S108 - what the script would do


def replaced(folder, content):
    """Put a package with other content in the place of the locked one, and lock it."""
    (folder / "packages" / "tool_1.0_amd64.deb").write_bytes(content)
    (folder / "packages.lock").write_text(made.lock(("tool", content)))


GOOD = made.deb(*TOOL)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"x", "does not begin as ar archives do"),
        (b"!<arch>\n", "a member of it, or data.tar, is missing"),
        (GOOD[:200], "a member of it, or data.tar, is missing"),
        (made.ar({"data.tar": b""}), "'data.tar' is in the place of debian-binary"),
        (made.ar({"debian-binary": b"3.0\n"}), "another format than 2"),
        (made.ar({"debian-binary": b"2.0\n", "data.tar.lzma": b""}), "is missing"),
        (made.ar({"debian-binary": b"2.0\n", "data.tar": b"x" * 600}), "no tar archive|malformed"),
        (made.ar({"debian-binary": b"2.0\n", "data.tar.xz": b"\xfd7zXZ\0"}), "cannot be decompr"),
        (made.deb(made.entry("../../etc/x", b"")), "goes up"),
        (made.deb(made.symlink("./x", "/etc"), made.entry("./y", b"", type=b"Z")), "not known"),
    ],
)
def test_malformed_packages_are_refused(build, folder, packaged, content, error):
    text, sources = packaged(*TOOL)
    replaced(folder, content)
    with pytest.raises(ArchiveRefused, match=error):
        build(text, **sources)


def test_a_package_that_is_not_the_locked_one_is_not_unpacked(build, folder, packaged):
    text, sources = packaged(*TOOL)
    file = folder / "packages" / "tool_1.0_amd64.deb"
    for changed, what in ((GOOD + b"\n", "bytes"), (b"?" + GOOD[1:], "its SHA-256 is")):
        file.write_bytes(changed)
        with pytest.raises(ArchiveRefused, match=f"is not the tool 1.0 that is locked: .*{what}"):
            build(text, **sources)
    file.unlink()
    with pytest.raises(ImageError, match=r"has no tool_1\.0_amd64\.deb"):
        build(text, **sources)


def test_packages_write_through_links_inside_of_the_image_alone(build, packaged, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    text, sources = packaged(
        made.symlink("./opt", str(outside)), made.entry("./opt/x", b"1"), made.entry("./opt/")
    )
    found = entries(build(text, **sources).path, 1)
    assert [*outside.iterdir()] == []
    assert found["rootfs/opt"].target == str(outside)
    assert f"rootfs{outside}/x" in found


# Where they come from: stand-ins for apt, which answer as it does.

STAND_IN = """#!/usr/bin/env python3
import shutil, sys
folder, words = {folder!r}, sys.argv[1:]
open(folder + "/calls", "a").write(" ".join([sys.argv[0].rpartition("/")[2], *words]) + "\\n")
if "download" in words:
    shutil.copy(folder + "/tool.deb", "tool_1.0_amd64.deb")
elif "install" in words:
    if "missing" in words:
        sys.exit("E: Unable to locate package missing")
    print("NOTE: This is only a simulation!")
    print("Inst libtool (1:2.0~rc1-3+b1 Debian:12.1/stable [amd64])")
    print("Inst tool (1.0 Debian:12.1/stable, Debian-Security:12/stable-security [amd64]) []")
    print("Inst scripts (3 Debian:12.1/stable [all])")
elif "madison" in words:
    for version in open(folder + "/versions").read().split():
        print(f" {{words[-1].partition(':')[0]}} | {{version}} | http://debian.test main Packages")
elif "show" in words:
    for word in words[words.index("show") + 1:]:
        name, _, version = word.partition("=")
        print(f"Package: {{name}}\\nVersion: {{version}}\\nArchitecture: amd64\\n"
              f"Description: long\\n Size: 7\\n"
              + ("" if name == "nodigest" else f"SHA256: {{'ab' * 32}}\\n") + "Size: 1234\\n")
"""


@pytest.fixture
def apt(tmp_path, monkeypatch):
    """A folder of stand-ins for apt's programs, first on PATH; `calls` has what they were asked."""
    folder = tmp_path / "apt"
    folder.mkdir()
    (folder / "versions").write_text("1.0 0.9")
    for name in ("apt-get", "apt-cache"):
        (folder / name).write_text(STAND_IN.format(folder=str(folder)))
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def wanted(folder, *names, without=()):
    (folder / "image.toml").write_text(
        f'{made.RECIPE}[packages]\nlock = "packages.lock"\nwanted = {[*names]}\n'
        f"without = {[*without]}\n".replace("'", '"')
    )
    return images.read_recipe(folder / "image.toml")


def test_a_lock_has_each_package_that_is_needed(folder, apt):
    recipe = wanted(folder, "tool", without=["scripts"])
    locked = images.lock_packages(recipe)
    assert [(each.name, each.version) for each in locked.packages] == [
        ("libtool", "1:2.0~rc1-3+b1"),
        ("tool", "1.0"),
    ]
    assert {(each.sha256, each.size) for each in locked.packages} == {("ab" * 32, 1234)}
    assert locked.packages[0].file == "libtool_2.0~rc1-3+b1_amd64.deb"
    assert read_lock(folder / "packages.lock") == locked
    text = (folder / "packages.lock").read_text()
    assert "http" not in text
    calls = (apt / "calls").read_text()
    assert "APT::Install-Recommends=false" in calls
    assert "--simulate install tool" in calls


def test_what_apt_does_not_resolve_is_told(folder, apt):
    with pytest.raises(ImageError, match="apt-get: Unable to locate package missing") as error:
        images.lock_packages(wanted(folder, "missing"))
    assert "apt-get update" in error.value.hint
    with pytest.raises(ImageError, match="python3: nothing that is wanted needs"):
        images.lock_packages(wanted(folder, "tool", without=["python3"]))
    assert not (folder / "packages.lock").exists()
    with pytest.raises(ConfigError, match="wants no packages"):
        images.lock_packages(images.Recipe(name="a", version="1"))


def test_without_apt_a_folder_is_needed(build, folder, packaged, monkeypatch, tmp_path):
    text, sources = packaged(*TOOL)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build(text, **sources).pcrs
    with pytest.raises(ImageError, match="apt-cache is not here") as error:
        build(text)
    assert "--packages" in error.value.hint


def test_a_package_is_fetched_once_and_kept_by_its_digest(build, folder, packaged, apt, tmp_path):
    text, sources = packaged(*TOOL)
    file = sources["package_folder"] / "tool_1.0_amd64.deb"
    shutil.copy(file, apt / "tool.deb")
    first = build(text)
    assert (apt / "calls").read_text().count("download tool:amd64=1.0") == 1
    assert build(text).pcrs == build(text, **sources).pcrs == first.pcrs
    assert (apt / "calls").read_text().count("download") == 1
    [kept] = (tmp_path / "cache" / "build" / "packages").iterdir()
    assert kept.name == f"{hashlib.sha256(file.read_bytes()).hexdigest()}.deb"
    assert not kept.stat().st_mode & (stat.S_IXUSR | stat.S_IWOTH)
    kept.write_bytes(b"damaged")
    with pytest.raises(ArchiveRefused, match=r"is not the tool 1\.0"):
        build(text)


def test_what_apt_fetches_is_checked_before_it_is_kept(build, folder, packaged, apt, tmp_path):
    text, _ = packaged(*TOOL)
    (apt / "tool.deb").write_bytes(b"another")
    with pytest.raises(ArchiveRefused, match=r"is not the tool 1\.0 that is locked"):
        build(text)
    assert [*(tmp_path / "cache" / "build" / "packages").iterdir()] == []
    assert [*(tmp_path / "cache" / "build" / "fetching").iterdir()] == []


def test_what_a_killed_fetch_left_is_removed_by_the_next(build, packaged, apt, tmp_path):
    text, sources = packaged(*TOOL)
    shutil.copy(sources["package_folder"] / "tool_1.0_amd64.deb", apt / "tool.deb")
    fetching = tmp_path / "cache" / "build" / "fetching"
    (fetching / "partial").mkdir(parents=True)
    (fetching / "half.deb").write_bytes(b"half")
    assert build(text).pcrs == build(text, **sources).pcrs
    assert [*fetching.iterdir()] == []


@pytest.mark.parametrize("versions", ["2.0 1.1", "2.0"])
def test_a_package_that_is_gone_is_told_with_what_there_is(build, packaged, apt, versions):
    text, _ = packaged(*TOOL)
    (apt / "versions").write_text(versions)
    with pytest.raises(
        ImageError, match=r"^apt has no tool 1\.0: the newest that it has is 2\.0"
    ) as error:
        build(text)
    assert "`cape image lock`" in error.value.hint
    assert error.value.details == {"package": "tool", "locked": "1.0", "newest": "2.0"}
    assert "download" not in (apt / "calls").read_text()


def test_what_apt_knows_nothing_of_is_not_gone(build, folder, packaged, apt):
    text, sources = packaged(*TOOL)
    (apt / "versions").write_text("")
    shutil.copy(sources["package_folder"] / "tool_1.0_amd64.deb", apt / "tool.deb")
    assert build(text).pcrs


@pytest.mark.parametrize(
    ("architecture", "locked"), [("x86_64", "arm64"), ("aarch64", "amd64"), ("x86_64", "i386")]
)
def test_packages_of_another_architecture_are_refused(
    build, folder, packaged, monkeypatch, architecture, locked
):
    # The runtime is asked first, which on another machine cannot be.
    monkeypatch.setattr("pycape.images._build.command_line_of", lambda _: made.COMMAND_LINE)
    monkeypatch.setattr("pycape.images._build.check_served", lambda *_: None)
    text, sources = packaged(*TOOL)
    lock = folder / "packages.lock"
    lock.write_text(lock.read_text().replace('"amd64"', f'"{locked}"'))
    made.of_architecture(folder, architecture)
    with pytest.raises(ConfigError, match=f"has tool for {locked}, and the image is for") as error:
        build(f'architecture = "{architecture}"\n{text}', **sources)
    assert architecture in str(error.value)
    assert "`cape image lock`" in error.value.hint


def test_packages_for_all_architectures_are_of_this_one(build, folder, packaged):
    text, sources = packaged(*TOOL)
    lock = folder / "packages.lock"
    lock.write_text(lock.read_text().replace('"amd64"', '"all"'))
    (folder / "packages/tool_1.0_amd64.deb").rename(folder / "packages/tool_1.0_all.deb")
    assert "rootfs/usr/bin/tool" in entries(build(text, **sources).path, 1)


def test_a_lock_of_other_packages_is_stale(build, folder, packaged):
    text, sources = packaged(*TOOL)
    with pytest.raises(ConfigError, match="made of other packages") as error:
        build(text.replace('wanted = ["tool"]', 'wanted = ["tool", "other"]'), **sources)
    assert "`cape image lock`" in error.value.hint
    (folder / "packages.lock").unlink()
    with pytest.raises(ConfigError, match="there is no lock file") as error:
        build(text, **sources)
    assert error.value.hint == "`cape image lock` writes it"


PACKAGE = made.lock(("tool", b"x"))


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "wanted = []\n",
        PACKAGE + "more = 1\n",
        PACKAGE.replace("[[package]]", "[package]"),
        PACKAGE.replace('"tool"\nversion', '"../tool"\nversion'),
        PACKAGE.replace('version = "1.0"', 'version = "1.0/.."'),
        PACKAGE.replace("size = 1", "size = 0"),
        PACKAGE.replace("size = 1", "size = 2147483648"),
        PACKAGE.replace("size = 1", "size = true"),
        PACKAGE.replace('wanted = ["tool"]', "wanted = [1]"),
        PACKAGE.replace('version = "1.0"', f"version{'.a' * 5000} = 1"),
        PACKAGE + PACKAGE.partition("without = []\n")[2],
        made.lock(("b", b"x"), ("a1", b"x")).replace('name = "a1"', 'name = "c1"'),
    ],
)
def test_a_malformed_lock_is_refused(tmp_path, text):
    file = tmp_path / "packages.lock"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"packages\.lock") as error:
        read_lock(file)
    assert "`cape image lock`" in error.value.hint


# The real ones.

DEPLOYED = Path(__file__).parents[2] / "deploy" / "image"


def test_our_own_image_wants_what_its_lock_has():
    recipe = images.read_recipe(DEPLOYED / "image.toml")
    lock = read_lock(recipe.packages.lock)
    assert (lock.wanted, lock.without) == (recipe.packages.wanted, recipe.packages.without)
    names = {package.name for package in lock.packages}
    assert {"libc6", "python3.11-minimal", "libpython3.11-stdlib", "libstdc++6"} <= names
    assert not names & {"bash", "dash", "busybox", "coreutils", "debconf", "dpkg", "perl-base"}


def test_our_own_settings_require_all_layers():
    source = DEPLOYED.parents[1] / "enclave-runtime" / "src" / "jail" / "layer.rs"
    layers = re.findall(r'^    \w+ = "(\w+)";$', source.read_text("utf-8"), re.MULTILINE)
    production, development = (
        tomllib.loads((DEPLOYED / name).read_text("utf-8"))
        for name in ("settings.toml", "settings.development.toml")
    )
    for settings in (production, development):
        assert settings["isolation"] == {"required": layers}
    assert (production["mode"], production["vault_backends"]) == ("production", ["aws-kms"])
    assert (development["mode"], development["vault_backends"]) == ("development", ["file"])
    roots = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    roots.load_verify_locations(cadata="".join(production["tls"]["roots"]))
    for root in roots.get_ca_certs():
        assert root["issuer"] == root["subject"]
        assert re.search("Amazon|Starfield", str(root["subject"]))
        assert ssl.cert_time_to_seconds(root["notAfter"]) > time.time()
    assert len(roots.get_ca_certs()) == len(production["tls"]["roots"]) == 5


def test_dpkg_itself_unpacks_the_same(build, packaged, tmp_path, folder):
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not here")
    text, sources = packaged(
        made.entry("./usr/"),
        made.entry("./usr/bin/"),
        *TOOL,
        made.symlink("./usr/bin/link", "tool"),
        made.entry("./etc/"),
        made.entry("./etc/tool.conf", b"x" * 1000),
    )
    file = sources["package_folder"] / "tool_1.0_amd64.deb"
    subprocess.run(["dpkg-deb", "--extract", file, tmp_path / "extracted"], check=True)
    found = entries(build(text, **sources).path, 1)
    for path in (tmp_path / "extracted").rglob("*"):
        entry = found[f"rootfs/{path.relative_to(tmp_path / 'extracted')}"]
        if path.is_symlink():
            assert entry.target == str(path.readlink())
        elif path.is_file():
            assert entry.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
            assert entry.permissions == stat.S_IMODE(path.stat().st_mode)

"""From a recipe to an image: what is in it, where, and that nothing else decides its bytes."""

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pycape import images
from pycape.errors import CapeError, ConfigError, ImageError, ImageNotReproduced
from pycape.images import Platform, Sources

from . import made
from .conftest import content, entries

FILES = """
[[file]]
path = "etc/passwd"
text = "root:x:0:0:::"
[[file]]
path = "etc/tool/config"
source = "config"
mode = "0600"
[[file]]
path = "opt/tree"
source = "tree"
[[file]]
path = "usr/bin/sh"
link = "/bin/tool"
[[file]]
path = "var/empty"
directory = true
mode = "0700"
"""


def test_an_image_has_two_ramdisks_of_this_layout(build, folder):
    built = build(made.RECIPE)
    image = images.read(built.path)
    assert image.pcrs == built.pcrs
    assert image.command_line == made.COMMAND_LINE
    assert (image.memory, image.cpus, image.architecture) == (2048 << 20, 2, "x86_64")
    assert image.name == "tested 1.0"
    assert image.metadata["BuildMetadata"] == {
        "BuildTime": "1970-01-01T00:00:00Z",
        "BuildTool": "cape image build",
        "BuildToolVersion": "4.0.0",
        "OperatingSystem": "Linux",
        "KernelVersion": "6.12.0-cape",
    }
    platform = entries(built.path, 0)
    assert [*platform] == ["cape", "cape/settings.toml", "dev", "dev/console", "init"]
    assert platform["dev/console"].device == (5, 1)
    assert platform["init"].permissions == 0o755
    assert platform["init"].sha256 == hashlib.sha256(made.runtime()).hexdigest()
    assert content(built.path, 0, "cape/settings.toml").decode() == made.SETTINGS
    rootfs = entries(built.path, 1)
    assert {name: entry.permissions for name, entry in rootfs.items()} == {
        "rootfs": 0o755,
        "rootfs/dev": 0o755,
        "rootfs/proc": 0o555,
        "rootfs/run": 0o755,
        "rootfs/sys": 0o555,
        "rootfs/tmp": 0o1777,
        "unpacked": 0o444,
    }
    assert [*rootfs][-1] == "unpacked"
    assert content(built.path, 1, "unpacked") == b"all\n"


def test_files_are_added_in_the_place_of_what_was_there(build, folder, packaged):
    (folder / "config").write_text("one")
    (folder / "tree" / "inner").mkdir(parents=True)
    (folder / "tree" / "inner" / "program").write_text("#!")
    (folder / "tree" / "inner" / "program").chmod(0o700)
    (folder / "tree" / "link").symlink_to("inner/program")
    text, sources = packaged(made.entry("etc/passwd", b"other"), more=FILES)
    built = build(text, **sources)
    found = entries(built.path, 1)
    assert content(built.path, 1, "rootfs/etc/passwd") == b"root:x:0:0:::"
    assert found["rootfs/etc/tool/config"].permissions == 0o600
    assert found["rootfs/opt/tree/inner/program"].permissions == 0o755
    assert found["rootfs/opt/tree/link"].target == "inner/program"
    assert found["rootfs/usr/bin/sh"].target == "/bin/tool"
    assert found["rootfs/var/empty"].permissions == 0o700
    assert {(entry.user, entry.group) for entry in found.values()} == {(0, 0)}


def test_a_file_without_any_permission_has_none(build, folder):
    (folder / "source").write_text("x")
    files = "".join(
        f'[[file]]\npath = "etc/{name}"\nmode = "0000"\n{kind}\n'
        for name, kind in (
            ("text", 'text = "x"'),
            ("source", 'source = "source"'),
            ("directory", "directory = true"),
        )
    )
    found = entries(build(made.RECIPE + files).path, 1)
    for name in ("text", "source", "directory"):
        assert found[f"rootfs/etc/{name}"].permissions == 0, name


@pytest.mark.parametrize("kind", ["name", "target"])
def test_a_folder_whose_names_are_no_text_is_told(build, folder, kind):
    (folder / "tree").mkdir()
    no_text = os.fsdecode(b"\xff")
    if kind == "name":
        (folder / "tree" / no_text).touch()
    else:
        (folder / "tree" / "link").symlink_to(no_text)
    with pytest.raises(ImageError, match=r"tree/.* is not UTF-8") as error:
        build(made.RECIPE + '[[file]]\npath = "opt/tree"\nsource = "tree"\n')
    assert error.value.hint


def test_packages_are_merged_into_usr_and_slimmed(build, packaged):
    more = 'exclude = ["usr/share/doc/*/*", "!usr/share/doc/*/copyright", "usr/share/man/"]\n'
    text, sources = packaged(
        made.entry("./"),
        made.entry("./bin/"),
        made.entry("./bin/tool", b"#!", mode=0o4755),
        made.entry("./lib/"),
        made.symlink("./lib/libtool.so", "libtool.so.1"),
        made.hardlink("./usr/bin/other", "./bin/tool"),
        made.entry("./usr/share/doc/tool/copyright", b"free"),
        made.entry("./usr/share/doc/tool/README", b"long"),
        made.entry("./usr/share/man/"),
        made.entry("./usr/share/man/de/man1/tool.1", b"long", uid=7),
        more=more,
    )
    built = build(text, **sources)
    found = entries(built.path, 1)
    assert found["rootfs/bin"].target == "usr/bin"
    assert found["rootfs/usr/bin/tool"].permissions == 0o755
    assert found["rootfs/usr/bin/other"].sha256 == found["rootfs/usr/bin/tool"].sha256
    assert found["rootfs/usr/lib/libtool.so"].target == "libtool.so.1"
    assert "rootfs/usr/share/doc/tool/copyright" in found
    assert not any("README" in name or "man" in name for name in found)
    assert built.dropped == {"bin/tool": "its set-user-id or set-group-id bit"}


def build_elsewhere(folder, output, *, user=None):
    """Build in a process of its own, with another umask, time zone and order of sets."""
    code = (
        "import sys; from pathlib import Path; from pycape import images; f = Path(sys.argv[1]);"
        "s = images.Sources(kernel=f/'bzImage', runtime=f/'runtime', settings=f/'settings.toml',"
        "package_folder=f/'packages');"
        "images.build(images.read_recipe(f/'image.toml'), Path(sys.argv[2]), sources=s)"
    )
    command = [sys.executable, "-c", code, str(folder), str(output)]
    if user is not None:
        command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "XXX-14", "HOME": str(output.parent)}
    subprocess.run(command, env=environment, umask=0o077, check=True, timeout=120)
    return output.read_bytes()


def test_the_same_sources_give_the_same_bytes_elsewhere_and_otherwise(
    build, folder, packaged, tmp_path_factory
):
    (folder / "config").write_text("one")
    (folder / "tree").mkdir()
    for number in range(20):
        (folder / "tree" / f"{number}").write_text("x")
    text, sources = packaged(
        *(made.entry(f"./usr/lib/{number}", b"y", mtime=number) for number in range(20)),
        made.entry("./bin/tool", b"#!", mode=0o755, uid=1, uname="somebody"),
        more=FILES,
    )
    first = build(text, **sources).path.read_bytes()
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "deeper"
    shutil.copytree(folder, elsewhere)
    for path in elsewhere.rglob("*"):
        os.utime(path, (1, 1))
    (elsewhere / "config").chmod(0o640)
    assert build_elsewhere(elsewhere, elsewhere.parent / "image.eif") == first


def test_another_user_builds_the_same_bytes(build, folder, packaged, is_root):
    python = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable]
    if not is_root or shutil.which("setpriv") is None:
        pytest.skip("only root with setpriv becomes somebody else")
    if subprocess.run(
        [*python, "-c", "import pycape"], check=False, capture_output=True
    ).returncode:
        pytest.skip("nobody else may run this Python")
    text, sources = packaged(made.entry("./bin/tool", b"#!", mode=0o755, uid=1))
    first = build(text, **sources).path.read_bytes()
    with tempfile.TemporaryDirectory() as name:
        theirs = Path(name) / "sources"
        shutil.copytree(folder, theirs)
        for path in [theirs.parent, *theirs.parent.rglob("*")]:
            os.chown(path, 65534, 65534)
        assert build_elsewhere(theirs, theirs.parent / "image.eif", user=65534) == first


def test_the_time_of_the_build_is_the_one_that_is_given(build, monkeypatch):
    first = build().path.read_bytes()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    image = images.read(build().path)
    assert image.metadata["BuildMetadata"]["BuildTime"] == "2023-11-14T22:13:20Z"
    assert image.path.read_bytes() != first
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "tomorrow")
    with pytest.raises(ConfigError, match="SOURCE_DATE_EPOCH is 'tomorrow'"):
        build()


def test_what_the_maker_adds_to_the_metadata_is_not_measured(build):
    plain = build(made.RECIPE, "one.eif")
    told = build(f'{made.RECIPE}[metadata]\nsource = "main"\nnumbers = [1, 2.5]\n', "two.eif")
    assert plain.pcrs == told.pcrs
    metadata = images.read(told.path).metadata
    assert metadata["CustomMetadata"] == {"source": "main", "numbers": [1, 2.5]}


def test_a_vaults_key_is_for_development_alone(build, folder):
    key = folder / "vault.key"
    key.write_text("ab" * 32 + "\n")
    built = build(insecure_vault_key=key)
    assert content(built.path, 0, "cape/vault.key") == key.read_bytes()
    assert built.path.stat().st_mode & 0o077 == 0, "nobody else can read the key in it"
    assert built.platform == Platform("functions", "development", ("mode", "vault.key"))


@pytest.mark.parametrize(
    ("file", "data", "error"),
    [
        ("bzImage", b"x" * 4096, "no kernel for x86_64: a bzImage has HdrS at byte"),
        ("bzImage", b"", "no kernel for x86_64"),
        ("runtime", b"#!/bin/sh\n", "no program for 64-bit x86_64"),
        ("runtime", made.runtime(interpreter=True), "linked dynamically"),
        ("runtime", made.runtime(""), "not one line of ASCII"),
        ("runtime", made.runtime("a\nb\n"), "not one line of ASCII"),
        ("runtime", made.runtime(needs="yes\n"), "check-image` does not say .*: that is no answer"),
        ("runtime", made.runtime(needs='{"x": 1}'), "that is no answer"),
        ("runtime", made.runtime(needs="[1]"), "that is no answer"),
        ("runtime", made.runtime(refuses="no\n"), "that is no answer"),
        ("runtime", made.runtime(refuses='{"error": 1}'), "that is no answer"),
    ],
)
def test_what_would_not_start_is_refused(build, folder, file, data, error):
    (folder / file).write_bytes(data)
    with pytest.raises(CapeError, match=error) as refused:
        build()
    assert refused.value.hint
    assert [*folder.parent.glob("*.eif"), *folder.parent.glob(".*")] == []


@pytest.mark.parametrize(
    ("architecture", "file", "data", "error"),
    [
        ("x86_64", "bzImage", made.arm_kernel(), "no kernel for x86_64: it is one for aarch64"),
        ("aarch64", "bzImage", made.kernel(), "no kernel for aarch64: it is one for x86_64"),
        (
            "x86_64",
            "runtime",
            made.of_machine(183),
            "a program for aarch64, .* image is for x86_64",
        ),
        ("aarch64", "runtime", made.runtime(), "a program for x86_64, .* image is for aarch64"),
        ("x86_64", "runtime", made.of_machine(243), "a program for machine 243 of ELF, and the"),
    ],
)
def test_parts_for_different_architectures_make_no_image(
    build, folder, architecture, file, data, error
):
    made.of_architecture(folder, architecture)
    (folder / file).write_bytes(data)
    with pytest.raises(ImageError, match=error):
        build(f'architecture = "{architecture}"\n{made.RECIPE}')
    assert [*folder.parent.glob("*.eif")] == []


def test_an_image_for_another_machine_says_so_where_its_runtime_cannot_be_asked(build, folder):
    made.of_architecture(folder, "aarch64")
    with pytest.raises(ImageError, match="does not say what the image has to have") as error:
        build(f'architecture = "aarch64"\n{made.RECIPE}')
    assert "build the image where its runtime runs" in error.value.hint


def test_what_is_missing_is_named(build, folder):
    for name, what in (
        ("bzImage", "kernel"),
        ("runtime", "runtime"),
        ("settings.toml", "settings"),
    ):
        (folder / name).rename(folder / "away")
        with pytest.raises(ConfigError, match=f"there is no {what} .*{name}"):
            build()
        (folder / "away").rename(folder / name)
    recipe = images.Recipe(name="a", version="1")
    with pytest.raises(ConfigError, match="nothing says which kernel") as error:
        images.build(recipe, folder / "out.eif")
    assert "--kernel FILE" in error.value.hint


def test_what_would_be_passed_over_is_refused(build, folder):
    with pytest.raises(ConfigError, match="a name of a container image, and no") as error:
        build(reference="app:latest")
    assert "--oci FILE" in error.value.hint
    with pytest.raises(ConfigError, match="packages' files, and the recipe wants none") as error:
        build(package_folder=folder)
    assert "[packages]" in error.value.hint


def test_another_command_line_than_the_runtimes_is_refused(build):
    same = build(f'{made.RECIPE}[kernel]\ncommand_line = "{made.COMMAND_LINE}"\n')
    assert same.pcrs == build().pcrs
    with pytest.raises(ConfigError, match="another than the runtime's"):
        build(f'{made.RECIPE}[kernel]\ncommand_line = "init=/bin/sh"\n')


def test_a_folder_that_cannot_be_written_is_told(build, folder):
    with pytest.raises(ImageError, match="no such file or directory"):
        build(name="missing/built.eif")


def test_an_image_that_is_not_finished_is_not_there(build, folder):
    """Ctrl-C may come at any step; what was there before stays."""
    large = folder / "large"
    large.write_bytes(bytes(12 << 20))
    text = f'{made.RECIPE}[[file]]\npath = "large"\nsource = "large"\n'
    before = build().path.read_bytes()

    def interrupt(progress):
        if progress.phase == "write":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(text, progress=interrupt)
    assert (folder.parent / "built.eif").read_bytes() == before
    assert [path.name for path in folder.parent.glob(".*")] == []


def test_sources_on_the_line_go_before_those_of_the_recipe(folder):
    (folder / "image.toml").write_text(
        f'{made.RECIPE}[kernel]\nfile = "bzImage"\n[runtime]\nfile = "runtime"\n'
        'settings = "settings.toml"\n'
    )
    recipe = images.read_recipe(folder / "image.toml")
    first = images.build(recipe, folder / "one.eif")
    (folder / "other").write_bytes(made.kernel("7.0"))
    second = images.build(recipe, folder / "two.eif", sources=Sources(kernel=folder / "other"))
    assert first.pcrs[2] == second.pcrs[2]
    assert first.pcrs[0] != second.pcrs[0]
    assert images.read(second.path).metadata["BuildMetadata"]["KernelVersion"] == "7.0"


def test_a_second_build_has_the_same_files_whatever_folder_it_is_in(folder, packaged, monkeypatch):
    (folder / "config").write_text("one")
    (folder / "tree").mkdir()
    text, sources = packaged(made.entry("./bin/tool", b"#!"), more=FILES)
    (folder / "image.toml").write_text(text)
    monkeypatch.chdir(folder)
    recipe = images.read_recipe(Path("image.toml"))
    sources = Sources(
        kernel=Path("bzImage"),
        runtime=Path("runtime"),
        settings=Path("settings.toml"),
        package_folder=Path("packages"),
    )
    built = images.build(recipe, Path("built.eif"), sources=sources)
    images.check_reproduced(built.path, recipe, sources=sources)


def test_a_second_build_is_the_same(build, folder):
    built = build()
    recipe = images.read_recipe(folder / "image.toml")
    sources = Sources(
        kernel=folder / "bzImage", runtime=folder / "runtime", settings=folder / "settings.toml"
    )
    images.check_reproduced(built.path, recipe, sources=sources)
    (folder / "settings.toml").write_text(f"{made.SETTINGS}# later\n")
    with pytest.raises(ImageNotReproduced, match=r"cape/settings\.toml came out"):
        images.check_reproduced(built.path, recipe, sources=sources)
    (folder / "bzImage").unlink()
    with pytest.raises(ImageError, match="the second build failed: there is no kernel") as error:
        images.check_reproduced(built.path, recipe, sources=sources)
    assert error.value.hint == f"it was looked for in {folder}"
    assert [*folder.parent.glob(".*")] == []


def socket_at(path):
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


@pytest.mark.parametrize(
    ("make", "kind"),
    [(os.mkfifo, "a pipe"), (socket_at, "a socket"), (os.mkdir, "a directory")],
    ids=["pipe", "socket", "directory"],
)
@pytest.mark.parametrize(
    "source", ["kernel", "runtime", "settings", "insecure_vault_key", "container"]
)
def test_a_source_that_is_no_file_is_refused_and_not_waited_for(
    build, folder, monkeypatch, source, make, kind
):
    monkeypatch.chdir(folder)
    make("odd")  # by a short name: a socket's has 107 bytes at most
    if source == "container" and kind == "a directory":
        pytest.skip("that may be a layout")
    with pytest.raises(ImageError, match=f"odd is {kind}, and has to be a file") as error:
        build(**{source: Path("odd")})
    assert error.value.hint
    assert [*folder.parent.glob("*.eif"), *folder.parent.glob(".*")] == []


def test_a_device_that_has_no_end_is_refused(build):
    for source in ("kernel", "runtime", "settings", "container"):
        with pytest.raises(ImageError, match="/dev/zero is a device, and has to be a file"):
            build(**{source: Path("/dev/zero")})


def test_a_file_of_four_gibibytes_is_told_with_the_limit(build, folder):
    """The file has no blocks on the disk, and is not read."""
    with (folder / "large").open("wb") as file:
        file.truncate(5 << 30)
    with pytest.raises(ImageError, match=r"5,368,709,120 bytes, .* 4,294,967,295 at most") as error:
        build(f'{made.RECIPE}[[file]]\npath = "large"\nsource = "large"\n')
    assert "divide it" in error.value.hint

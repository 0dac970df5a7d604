"""cape image: what each command tells, where, and how it ends."""

import errno
import json
import os
import resource
import shutil
from pathlib import Path

import pytest
from images import altered, made

from pycape import _whole_file, images, policy

from . import schemas


@pytest.fixture
def files(stranger) -> dict[str, str]:
    return made.image_files(Path("sources"))


@pytest.fixture
def image(stranger, files) -> str:
    stranger.ok("image", "build", files["RECIPE"], "-o", "cape.eif")
    return "cape.eif"


def container(**config) -> str:
    layers = made.tar(made.entry("bin"), made.APP)
    return str(made.Container(layers, **config).layout(Path("layout")))


def named(file) -> str:
    return f"tested 1.0 (PCR0 {images.read(file).pcrs[0].hex()[:16]}...)"


def line_for(container):
    names = ("--kernel", "sources/bzImage"), ("--runtime", "sources/runtime")
    return ["image", "build", "--oci", container, *(word for pair in names for word in pair)]


def test_steps_are_told_in_lines_and_the_result_alone_on_stdout(stranger, files):
    outcome = stranger.ok("image", "build", files["RECIPE"], "-o", "cape.eif", "--reproduce")
    insecure = "insecure: this image is for development only, by mode\n"
    assert outcome.stderr == f"writing the image\nbuilding it again\n{insecure}"
    assert outcome.text.startswith("image        cape.eif\nsize         ")
    assert "built twice  the same bytes\n" in outcome.text
    assert "PCR0   " in outcome.text
    assert outcome.text.endswith("not signed, so PCR8 is zero\n")
    assert stranger.data("image", "inspect", "cape.eif")["pcrs"]["8"] == "00" * 48


def test_a_recipe_is_looked_for_here(stranger, files, monkeypatch):
    error = stranger.error("image", "build", "-o", "cape.eif")
    assert error["message"] == "there is no image.toml here, and none was named"
    assert error["hint"] == "name one, or a container image with --oci FILE"
    assert stranger.error("image", "lock")["hint"] == "name one"
    monkeypatch.chdir("sources")
    stranger.ok("image", "build", "-o", "cape.eif")


def test_what_a_build_lacks_is_named_with_its_key(stranger, files):
    """The recipe of this repository names neither kernel nor runtime."""
    Path("image.toml").write_text(made.RECIPE)
    line = ["image", "build", "image.toml", "-o", "cape.eif"]
    for option, key, file in (
        ("--kernel", "kernel.file", "bzImage"),
        ("--runtime", "runtime.file", "runtime"),
        ("--settings", "runtime.settings", "settings.toml"),
    ):
        error = stranger.error(*line)
        assert error["hint"] == f"{option} FILE names it, or {key} in image.toml"
        line += [option, f"sources/{file}"]
    stranger.ok(*line)
    example = stranger.ok("image", "--help").text.splitlines()[0]
    assert {"--kernel", "--runtime"} <= {*example.split()}


def test_a_container_needs_no_recipe(stranger, files):
    data = stranger.data(*line_for(container()), "-o", "app.eif")
    assert images.read("app.eif").name == "layout 0"
    assert data["dropped"] == {}
    Path("image.toml").write_text(made.RECIPE)
    stranger.ok(*line_for("layout"), "-o", "same.eif")
    assert images.read("same.eif").name == "layout 0", "a recipe that nobody named is not taken"
    stranger.ok(*line_for("layout"), "image.toml", "-o", "other.eif")
    assert images.read("other.eif").name == "tested 1.0"
    error = stranger.error(*line_for("layout"), "sources/image.toml", "-o", "third.eif")
    assert error["message"] == "an image of a container has no settings"


def test_what_is_left_out_is_told(stranger, files):
    layers = made.tar(made.entry("bin"), made.APP, made.entry("bin/su", b"", mode=0o4755))
    layout = str(made.Container(layers).layout(Path("layout")))
    outcome = stranger.ok(*line_for(layout), "-o", "app.eif")
    assert "left out: its set-user-id or set-group-id bit, of bin/su\n" in outcome.stderr
    data = stranger.data(*line_for(layout), "-o", "app.eif", "--yes")
    assert data["dropped"] == {"bin/su": "its set-user-id or set-group-id bit"}


def test_a_vaults_key_in_an_image_is_warned_of(stranger, files):
    Path("vault.key").write_text("ab" * 32 + "\n")
    line = ["image", "build", files["RECIPE"], "--insecure-vault-key", "vault.key"]
    outcome = stranger.ok(*line, "-o", "cape.eif")
    warning = "insecure: this image holds its vault's key, for whoever has the image\n"
    assert outcome.stderr.endswith(warning)
    assert stranger.ok(*line, "-o", "cape.eif", "--yes", "-q").stderr == ""
    platform = stranger.data(*line, "-o", "cape.eif", "--yes")["platform"]
    assert platform["insecure"] == ["mode", "vault.key"]
    signer = ["--sign-key", files["SIGN_KEY"], "--sign-cert", files["SIGN_CERT"]]
    assert warning in stranger.ok("image", "sign", "cape.eif", "-o", "signed.eif", *signer).stderr


def test_what_is_insecure_in_an_image_is_seen_by_whoever_reads_it(stranger, files):
    settings = Path("sources/settings.toml")
    settings.write_text(f"{settings.read_text()}insecure_unsigned_documents = true\n")
    Path("vault.key").write_text("ab" * 32 + "\n")
    line = ["image", "build", files["RECIPE"], "--insecure-vault-key", "vault.key"]
    stranger.ok(*line, "-o", "cape.eif")
    for command in (["image", "inspect", "cape.eif"], ["inspect", "cape.eif"]):
        told = " ".join(stranger.ok(*command).text.split())
        assert "this image is for development only, by mode, insecure_unsigned_documents" in told
        assert "insecure: this image holds its vault's key" in told
    platform = stranger.data("image", "inspect", "cape.eif")["platform"]
    assert platform == {
        "purpose": "functions",
        "mode": "development",
        "insecure": ["mode", "insecure_unsigned_documents", "vault.key"],
        "defect": None,
    }
    outcome = stranger.ok("image", "policy", "cape.eif", "--vault", "ab" * 32)
    by = "by mode, insecure_unsigned_documents"
    warnings = [
        f"insecure: {named('cape.eif')} is for development only, {by}",
        f"insecure: {named('cape.eif')} holds its vault's key, for whoever has the image",
    ]
    assert outcome.stderr.splitlines() == warnings
    assert outcome.text.splitlines()[:2] == [f"# {warning}" for warning in warnings]
    Path("policy.toml").write_bytes(outcome.stdout)
    assert len(policy.load("policy.toml").releases) == 1
    data = stranger.data("image", "policy", "cape.eif", "--vault", "ab" * 32)
    assert data["platforms"] == [platform]


def test_what_an_image_calls_itself_writes_no_policy(stranger, files):
    """Its name is in a comment of the policy, which ends with the line."""
    recipe = images.Recipe(name="x\n[[release]]\n", version="1")
    sources = images.Sources(
        **{
            name: Path("sources", file)
            for name, file in (
                ("kernel", "bzImage"),
                ("runtime", "runtime"),
                ("settings", "settings.toml"),
            )
        }
    )
    images.build(recipe, "odd.eif", sources=sources)
    first, *rest = stranger.ok("image", "policy", "odd.eif").text.splitlines()
    assert first.startswith("# insecure: x")
    assert [line for line in rest if line.startswith("[[release")] == ["[[release]]"]


def test_a_production_image_is_warned_of_by_nobody(stranger, files):
    Path("sources/settings.toml").write_text('mode = "production"\n')
    assert "insecure" not in stranger.ok("image", "build", files["RECIPE"], "-o", "a.eif").stderr
    told = stranger.ok("image", "inspect", "a.eif").text
    assert "purpose: serves functions, mode production\n" in told
    assert "insecure" not in told
    policy_of_it = stranger.ok("image", "policy", "a.eif", "--vault", "ab" * 32)
    assert (policy_of_it.stderr, policy_of_it.text[:1]) == ("", "[")


def test_signed_at_once_and_later(stranger, files, image):
    signer = ["--sign-key", files["SIGN_KEY"], "--sign-cert", files["SIGN_CERT"]]
    later = stranger.data("image", "sign", image, "-o", "later.eif", *signer)
    at_once = stranger.data("image", "build", files["RECIPE"], "-o", "once.eif", *signer)
    assert later["pcrs"] == at_once["pcrs"]
    told = stranger.ok("image", "inspect", "later.eif").text
    assert "signed under: CN=tests\n" in told
    assert "the signature holds\n" in told
    again = stranger.error("image", "sign", "later.eif", "-o", "twice.eif", *signer)
    assert (again["code"], again["status"]) == ("CAPE-IMG-000", 65)


@pytest.mark.parametrize(
    ("line", "message", "status"),
    [
        ("image build RECIPE", "nothing says where the image goes", 2),
        ("image build RECIPE -o -", "the image does not go to stdout", 2),
        ("image sign IMAGE -o -", "the signed image does not go to stdout", 2),
        ("image build RECIPE -o IMAGE", "cape.eif exists: replace it?", 2),
        ("image build RECIPE -o RECIPE", "are the same file", 2),
        ("image build RECIPE -o sources", "is a folder", 2),
        ("image build RECIPE -o a.eif --kernel missing", "missing: no such file", 66),
        ("image build RECIPE -o a.eif --kernel RECIPE", "is no kernel for x86_64", 65),
        ("image build RECIPE -o a.eif --sign-key SIGN_KEY", "--sign-cert is missing", 2),
        ("image build RECIPE -o a.eif --sign-cert SIGN_CERT", "--sign-key is missing", 2),
        ("image build sources -o a.eif", "is a directory", 66),
        ("image build SIGN_KEY -o a.eif", "is not TOML", 78),
        ("image build RECIPE -o a.eif --oci sources", "of a container has no settings", 78),
        ("image build --oci sources -o a.eif", "which kernel the image has", 78),
        ("image sign IMAGE -o a.eif", "nothing says who signs", 2),
        (
            "image sign IMAGE -o a.eif --sign-key SIGN_CERT --sign-cert SIGN_CERT",
            "not a block of PEM with the label PRIVATE KEY",
            65,
        ),
        ("image inspect missing.eif", "missing.eif: no such file or directory", 66),
        ("image inspect RECIPE", "not an enclave image", 65),
        ("image diff IMAGE RECIPE", "not an enclave image", 65),
        ("image policy IMAGE --signer", "is not signed, and its signer", 65),
        ("image policy IMAGE --vault 00", "--vault is no vault's id", 2),
        ("image policy IMAGE --not-after tomorrow", "--not-after is no day", 2),
        ("image policy IMAGE IMAGE --name x", "--name is one", 2),
        ("image lock RECIPE", "the recipe wants no packages", 78),
        ("image inspect -", "an image is not read from stdin", 2),
        ("image inspect PIPE", "is a pipe, and has to be a file", 65),
        ("image inspect /dev/zero", "is a device, and has to be a file", 65),
        ("image diff IMAGE PIPE", "is a pipe, and has to be a file", 65),
        ("image policy PIPE", "is a pipe, and has to be a file", 65),
        (
            "image sign PIPE -o a.eif --sign-key SIGN_KEY --sign-cert SIGN_CERT",
            "is a pipe, and has to be a file",
            65,
        ),
        ("image build RECIPE -o a.eif --kernel PIPE", "is a pipe, and has to be a file", 65),
        ("image build --oci PIPE -o a.eif --kernel KERNEL --runtime RUNTIME", "is a pipe", 65),
        ("image build RECIPE -o a.eif --settings /dev/zero", "is a device, and has to be", 65),
    ],
)
def test_mistakes(stranger, files, image, line, message, status):
    os.mkfifo("pipe")
    built_of = {"KERNEL": "sources/bzImage", "RUNTIME": "sources/runtime"}
    names = {**files, **built_of, "IMAGE": image, "PIPE": "pipe"}
    error = stranger.error(*(names.get(word, word) for word in line.split()))
    assert message in error["message"]
    assert error["status"] == status
    assert not Path("a.eif").exists()


def test_two_images_that_differ_end_with_one(stranger, files, image):
    same = stranger.ok("image", "diff", image, image)
    assert same.text == "the same measurements\n"
    with Path("sources/image.toml").open("a") as recipe:
        recipe.write('[[file]]\npath = "new"\ntext = "x"\n')
    stranger.ok("image", "build", files["RECIPE"], "-o", "new.eif")
    differ = stranger("image", "diff", image, "new.eif")
    assert (differ.status, differ.stderr) == (1, "")
    assert differ.text == "differ: PCR0, PCR2\n+ ramdisk 1: rootfs/new\n"
    outcome = stranger("image", "diff", image, "new.eif", "--json")
    assert outcome.status == 1
    [difference] = outcome.json["data"]["differences"]
    assert outcome.json["ok"] is True
    assert difference["name"] == "rootfs/new"
    assert difference["registers"] == [0, 2]
    assert stranger("image", "diff", image, "new.eif", "-q").text == "rootfs/new\n"


def test_an_image_that_may_run_by_other_settings_says_of_itself_nothing(stranger, files):
    """The second ramdisk has a link in the place of the settings, and PCR1 is as it was."""
    Path("sources/settings.toml").write_text('mode = "production"\n')
    stranger.ok("image", "build", files["RECIPE"], "-o", "cape.eif")
    first, _ = altered.ramdisks_of("cape.eif")
    link = altered.symlink("cape/settings.toml", "/rootfs/other")
    more = altered.archive(
        *(altered.directory("cape"), link, altered.directory("rootfs")),
        *(altered.entry("rootfs/other"), altered.entry("unpacked", b"all\n")),
    )
    altered.with_ramdisks("cape.eif", "other.eif", [first, more])
    defect = "ramdisk 1 has 'cape' (directory), which no image of Cape has there"
    unknown = {"purpose": None, "mode": None, "insecure": None, "defect": defect}
    told = f"is insecure is not known: {defect}"
    for command in (["image", "inspect", "other.eif"], ["inspect", "other.eif"]):
        shown = " ".join(stranger.ok(*command).text.split())
        assert f"whether this image {told}" in shown
        assert "production" not in shown
    assert stranger.data("image", "inspect", "other.eif")["platform"] == unknown
    pinned = stranger.ok("image", "policy", "other.eif", "--vault", "ab" * 32)
    warning = f"whether {named('other.eif')} {told}"
    assert (pinned.stderr, pinned.text.splitlines()[0]) == (f"{warning}\n", f"# {warning}")
    differ = stranger("image", "diff", "cape.eif", "other.eif")
    assert " ".join(differ.text.split()).endswith(f"whether other.eif {told}")
    line = ["image", "diff", "cape.eif", "other.eif"]
    data = stranger(*line, "--json").json["data"]
    schemas.check_data(line, data)
    assert [each["mode"] for each in data["platforms"]] == ["production", None]
    assert data["platforms"][1] == unknown


def test_why_files_are_not_compared_is_told_whole(stranger, files, image):
    first, _ = altered.ramdisks_of(image)
    second = altered.archive(altered.symlink("one", "two"), altered.entry("one/file"))
    altered.with_ramdisks(image, "other.eif", [first, second])
    told = " ".join(stranger("image", "diff", image, "other.eif").text.split())
    why = 'the entry at byte 120, "one/file", is in no directory'
    assert f"files: none -> not compared, since one is not read here: {why}" in told


def test_settings_that_differ_are_told_by_their_keys(stranger, files, image):
    long = "x" * 200
    Path("sources/settings.toml").write_text(f'mode = "production"\nlong = "{long}"\n')
    stranger.ok("image", "build", files["RECIPE"], "-o", "new.eif")
    text = stranger("image", "diff", image, "new.eif").text
    assert text.startswith("differ: PCR0, PCR1\n~ ramdisk 0: cape/settings.toml\n")
    assert '\n    mode: "development" -> "production"\n' in text
    assert max(map(len, text.splitlines())) < 80
    assert long not in text
    [difference] = stranger("image", "diff", image, "new.eif", "--json").json["data"]["differences"]
    assert difference["facts"]["long"] == {"old": None, "new": f'"{long}"'}


def test_a_policy_is_one_that_clients_read(stranger, files, image):
    vault = "ab" * 32
    line = ["image", "policy", image, "--vault", vault, "--not-after", "2030-01-31"]
    outcome = stranger.ok(*line, "--name", "runtime 4")
    assert outcome.stderr == f"insecure: {named(image)} is for development only, by mode\n"
    Path("policy.toml").write_bytes(outcome.stdout)
    [release] = policy.load("policy.toml").releases
    assert (release.name, release.vault.hex()) == ("runtime 4", vault)
    assert sorted(release.pcrs) == [0, 1, 2]
    assert stranger.ok("inspect", "policy.toml", "-q").line == "policy"
    unpinned = stranger.ok("image", "policy", image)
    assert unpinned.stderr.startswith("no vault is pinned: ")


def test_a_release_that_is_over_is_told(stranger, image):
    line = ["image", "policy", image, "--vault", "ab" * 32]
    last_day = ["--not-after", "2020-01-01"]
    ended = "release 'tested 1.0' ended at 2020-01-01T23:59:59Z: nobody accepts it\n"
    assert ended in stranger.ok(*line, *last_day).stderr
    assert "ended at" not in stranger.ok(*line, "--not-after", "2999-01-01").stderr
    assert "ended at" not in stranger.ok(*line).stderr


def test_inspect_knows_images(stranger, image):
    data = stranger.data("inspect", image)
    assert data["kind"] == "image"
    assert data["facts"]["pcrs"] == stranger.data("image", "inspect", image)["pcrs"]
    told = stranger.ok("inspect", image).text
    assert told.startswith("an enclave image, which calls itself tested 1.0\n")
    assert "It is not signed." in told
    damaged = Path("damaged.eif")
    damaged.write_bytes(Path(image).read_bytes()[:-1])
    error = stranger.error("inspect", damaged)
    assert (error["code"], error["status"]) == ("CAPE-IMG-001", 65)
    piped = stranger("inspect", "-", stdin=Path(image).read_bytes())
    assert "not read from stdin" in piped.stderr


def test_what_an_image_calls_itself_controls_no_terminal(stranger, files):
    text = Path("sources/image.toml").read_text()
    Path("sources/image.toml").write_text(text + '[metadata]\nnote = "\\u001b[31mred"\n')
    stranger.ok("image", "build", files["RECIPE"], "-o", "odd.eif")
    for line in (["image", "inspect", "odd.eif"], ["inspect", "odd.eif"]):
        assert "\x1b" not in stranger.ok(*line).text


def test_no_room_for_an_image(stranger, files):
    """A limit of the process, in the place of a full disk."""
    Path("sources/large").write_bytes(bytes(3 << 20))
    with Path("sources/image.toml").open("a") as recipe:
        recipe.write('[[file]]\npath = "large"\nsource = "large"\n')
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
        error = stranger.error("image", "build", files["RECIPE"], "-o", "cape.eif")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (error["code"], error["message"]) == ("CAPE-CLI-004", "cape.eif: file too large")
    assert [*Path().glob("*.eif"), *Path().glob(".cape*")] == []


def test_a_place_where_nothing_can_be_made_is_told_by_the_images_name(stranger, files, monkeypatch):
    """As on a file system that is read only, where a part cannot be removed either."""

    def refused(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "somewhere")

    for name in ("open", "unlink"):
        monkeypatch.setattr(_whole_file.os, name, refused)
    Path("folder").mkdir()
    Path("link").symlink_to("folder")
    error = stranger.error("image", "build", files["RECIPE"], "-o", "link/cape.eif")
    assert (error["code"], error["message"]) == (
        "CAPE-CLI-004",
        "link/cape.eif: read-only file system",
    )


APT = """#!/bin/sh
case "$*" in
*install*) echo 'Inst tool (1.0 Debian:12.1/stable [amd64])' ;;
*) printf 'Package: tool\\nVersion: 1.0\\nArchitecture: amd64\\nSHA256: %064d\\nSize: 9\\n' 7 ;;
esac
"""


def test_a_lock_names_each_package(stranger, files, monkeypatch):
    if shutil.which("sh") is None:
        pytest.skip("there is no shell")
    Path("bin").mkdir()
    for name in ("apt-get", "apt-cache"):
        Path("bin", name).write_text(APT)
        Path("bin", name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{Path('bin').absolute()}:/usr/bin:/bin")
    with Path("sources/image.toml").open("a") as recipe:
        recipe.write('[packages]\nlock = "packages.lock"\nwanted = ["tool"]\n')
    line = ["image", "lock", files["RECIPE"]]
    outcome = stranger.ok(*line)
    assert outcome.stderr == "resolving packages\n"
    assert outcome.text == "lock      sources/packages.lock\npackages  1, 9 bytes\n"
    data = stranger.data(*line)
    package = {"name": "tool", "version": "1.0", "sha256": f"{7:064}", "size": 9}
    assert data == {"file": "sources/packages.lock", "packages": [package]}
    schemas.check_data(line, data)
    assert stranger.ok(*line, "-q").line == "sources/packages.lock"
    assert json.loads(stranger.ok(*line, "-o", "json").stdout) == data

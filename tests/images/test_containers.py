"""Container images, in each form that they come in, and what is wrong with some."""

import gzip
import io
import json
import os
import shutil
import subprocess
import tarfile

import pytest

from pycape import images
from pycape._core import Compressor
from pycape.errors import ArchiveRefused, CapeError, ConfigError, ImageError

from . import made
from .conftest import content, entries


def zstd(data):
    compressor = Compressor()
    return compressor.compress(data) + compressor.finish()


LOWER = made.tar(
    made.entry("bin"),
    made.APP,
    made.entry("etc/passwd", b"root:x:0:0::/root:\napp:x:1000:1001::/home/app:/bin/sh\n"),
    made.entry("etc/group", b"app:x:1001:\nstaff:x:50:app\n"),
    made.entry("etc/old", b"1"),
    made.entry("home/app", uid=1000, gid=1001, mode=0o700),
    made.entry("secret", b"1", uid=1000, mode=0o600),
)
UPPER = made.tar(made.entry("etc/.wh.old", b""), made.entry("etc/new", b"2"))


def program(path):
    return json.loads(content(path, 0, "cape/program.json"))


@pytest.fixture
def container(tmp_path):
    return made.Container(LOWER, UPPER, Env=["PATH=/bin", "NAME=a=b"], WorkingDir="/work")


def test_each_form_gives_the_same_image(build, container, tmp_path):
    forms = [
        container.layout(tmp_path / "layout"),
        container.layout_tar(tmp_path / "layout.tar"),
        container.docker_archive(tmp_path / "docker.tar"),
        made.Container(LOWER, UPPER, compress=zstd, **container.config["config"]).layout(
            tmp_path / "zstd"
        ),
        made.Container(LOWER, UPPER, compress=bytes, **container.config["config"]).layout(
            tmp_path / "plain"
        ),
    ]
    compressed = tmp_path / "docker.tar.gz"
    compressed.write_bytes(gzip.compress((tmp_path / "docker.tar").read_bytes()))
    built = [build(name=f"{n}.eif", container=each) for n, each in enumerate([*forms, compressed])]
    assert len({each.path.read_bytes() for each in built}) == 1
    found = entries(built[0].path, 1)
    assert "rootfs/etc/new" in found
    assert "rootfs/etc/old" not in found
    assert found["rootfs/secret"].user == 1000
    assert (found["rootfs/home/app"].user, found["rootfs/home/app"].group) == (1000, 1001)
    assert [*entries(built[0].path, 0)] == [
        "cape",
        "cape/program.json",
        "dev",
        "dev/console",
        "init",
    ]


def test_the_program_is_what_the_configuration_says(build, container, tmp_path):
    built = build(container=container.layout(tmp_path / "layout"))
    assert program(built.path) == {
        "argv": ["/bin/app"],
        "env": {"HOME": "/root", "NAME": "a=b", "PATH": "/bin"},
        "cwd": "/work",
        "uid": 0,
        "gid": 0,
    }
    assert "rootfs/work" in entries(built.path, 1)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"Entrypoint": ["app", "-x"], "Cmd": ["y"]}, {"argv": ["/bin/app", "-x", "y"]}),
        ({"Entrypoint": None, "Cmd": ["./app"], "WorkingDir": "/bin"}, {"argv": ["/bin/./app"]}),
        ({"User": "app"}, {"uid": 1000, "gid": 1001}),
        ({"User": "1000"}, {"uid": 1000, "gid": 1001}),
        ({"User": "4000"}, {"uid": 4000, "gid": 0}),
        ({"User": "app:staff"}, {"uid": 1000, "gid": 50}),
        ({"User": "7:8"}, {"uid": 7, "gid": 8}),
        ({"Env": None}, {"cwd": "/"}),
    ],
)
def test_who_runs_what_and_where(build, tmp_path, config, expected):
    container = made.Container(LOWER, **config).layout(tmp_path / "layout")
    found = program(build(container=container).path)
    assert {name: found[name] for name in expected} == expected
    home = "/home/app" if found["uid"] == 1000 else "/root" if found["uid"] == 0 else "/"
    assert found["env"]["HOME"] == home
    assert "/bin" in found["env"]["PATH"].split(":")


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ({"Cmd": []}, "neither an entrypoint nor a command"),
        ({"Cmd": ["/bin/missing"]}, "runs /bin/missing, which is no program in it"),
        ({"Cmd": ["/etc/old"]}, "runs /etc/old, which is no program in it"),
        ({"Cmd": ["missing"]}, "runs missing, which is no program"),
        ({"Cmd": "/bin/app"}, "Cmd is no list of texts"),
        ({"User": "nobody"}, "runs as the user 'nobody', who is not in its /etc"),
        ({"User": "app:nobody"}, "runs as the group 'nobody'"),
        ({"Env": ["NAME"]}, "Env has 'NAME'"),
        ({"Env": ["=x"]}, "Env has '=x'"),
        ({"WorkingDir": "work"}, "WorkingDir is 'work'"),
        ({"WorkingDir": "/bin/app/x"}, "not below directories alone"),
        ({"WorkingDir": "/../x"}, "begins in /../x, which is not there"),
        ({"Cmd": ["/bin/app", "a\0b"]}, "a NUL is in its command"),
        ({"Cmd": ["/bin/app", "\ud800"]}, "JSON in it is malformed: .* surrogates"),
        ({"WorkingDir": "/\udfff"}, "JSON in it is malformed: .* surrogates"),
    ],
)
def test_what_cannot_be_run_is_refused_when_the_image_is_built(build, tmp_path, config, error):
    container = made.Container(LOWER, **config).layout(tmp_path / "layout")
    with pytest.raises(CapeError, match=error) as refused:
        build(container=container)
    assert refused.value.hint


def multi(*containers, platforms=True, names=()):
    """One index of several images."""
    first = containers[0]
    manifests = []
    for number, each in enumerate(containers):
        first.blobs |= each.blobs
        descriptor = dict(each.manifest)
        if platforms:
            descriptor["platform"] = {"os": "linux", "architecture": each.config["architecture"]}
        if names:
            descriptor["annotations"] = {"org.opencontainers.image.ref.name": names[number]}
        manifests.append(descriptor)
    return {"schemaVersion": 2, "manifests": manifests}


def test_of_several_platforms_it_takes_ours(build, tmp_path):
    ours, other = made.Container(LOWER), made.Container(LOWER, architecture="arm64")
    index = multi(other, ours)
    attestation = other.blob({}, "application/vnd.oci.image.manifest.v1+json")
    attestation["platform"] = {"os": "unknown", "architecture": "unknown"}
    index["manifests"].append(attestation)
    outer = other.blob(index, "application/vnd.oci.image.index.v1+json")
    layout = other.layout(tmp_path / "layout", {"schemaVersion": 2, "manifests": [outer]})
    alone = build(name="alone.eif", container=ours.layout(tmp_path / "alone"))
    assert build(container=layout).pcrs == alone.pcrs
    with pytest.raises(ImageError, match="for linux on arm64, and the image for linux on amd64"):
        build(container=made.Container(LOWER, architecture="arm64").layout(tmp_path / "other"))


def test_of_several_images_one_has_to_be_named(build, tmp_path):
    one, other = made.Container(LOWER), made.Container(LOWER, UPPER)
    layout = one.layout(tmp_path / "layout", multi(one, other, names=["one", "other"]))
    with pytest.raises(ImageError, match="has 2 images that may be meant") as error:
        build(container=layout)
    assert error.value.hint == "--image NAME says which: it has one, other"
    assert build(container=layout, reference="other").pcrs
    with pytest.raises(ImageError, match="has no images third that may be meant"):
        build(container=layout, reference="third")
    archive = one.docker_archive(tmp_path / "docker.tar")
    assert build(container=archive, reference="app:latest").pcrs
    with pytest.raises(ImageError, match="has no images other") as error:
        build(container=archive, reference="other")
    assert "app:latest" in error.value.hint


def test_nothing_is_used_that_is_not_what_its_digest_says(build, container, tmp_path):
    files = container.files()
    for name, data in files.items():
        if not name.startswith("blobs/"):
            continue
        for number, changed in enumerate([data + b" ", b" " + data[1:]]):
            folder = tmp_path / f"{name[-8:]}-{number}"
            container.layout(folder)
            (folder / name).write_bytes(changed)
            with pytest.raises(ArchiveRefused, match="something else than that says"):
                build(container=folder)
            (folder / name).unlink()
            with pytest.raises(ArchiveRefused, match="is missing in it"):
                build(container=folder)


def test_a_layer_is_what_the_configuration_says(build, tmp_path):
    """Its blob has its digest; what comes out of it is another layer."""
    honest, other = made.Container(LOWER), made.Container(UPPER)
    honest.blobs |= other.blobs
    config = honest.blob(honest.config, "application/vnd.oci.image.config.v1+json")
    layers = json.loads(other.blobs[other.manifest["digest"]])["layers"]
    manifest = honest.blob(
        {"schemaVersion": 2, "config": config, "layers": layers},
        "application/vnd.oci.image.manifest.v1+json",
    )
    layout = honest.layout(tmp_path / "layout", {"schemaVersion": 2, "manifests": [manifest]})
    with pytest.raises(ArchiveRefused, match="is what it should be"):
        build(container=layout)
    archive = honest.docker_archive(tmp_path / "docker.tar")
    data = archive.read_bytes()
    archive.write_bytes(data.replace(b"root:x:0:0", b"root:x:9:9"))
    with pytest.raises(ArchiveRefused, match="is what it should be"):
        build(container=archive)


def described(container, **changes):
    """The layout of a container whose manifest says something else."""
    manifest = json.loads(container.blobs[container.manifest["digest"]]) | changes
    descriptor = container.blob(manifest, "application/vnd.oci.image.manifest.v1+json")
    return {"schemaVersion": 2, "manifests": [descriptor]}


def deep_index(container):
    descriptor = container.manifest
    for _ in range(8):
        descriptor = container.blob(
            {"manifests": [descriptor]}, "application/vnd.oci.image.index.v1+json"
        )
    return {"manifests": [descriptor]}


@pytest.mark.parametrize(
    ("index", "error"),
    [
        (lambda c: described(c, layers=[]), "0 layers, and 2 digests"),
        (lambda c: described(c, layers=None), "layers is no list"),
        (lambda c: described(c, layers=[{"mediaType": "x"}]), "unknown type, 'x'"),
        (lambda c: described(c, config=c.blob([], "x")), "in the place of a JSON object"),
        (lambda c: described(c, config=c.blob(b"{", "x")), "JSON in it is malformed"),
        (lambda c: described(c, config=c.blob(b"[" * 100_000, "x")), "JSON in it is malformed"),
        (lambda c: described(c, config=c.blob(bytes(5 << 20), "x")), "more than"),
        (lambda c: described(c, config={"digest": "md5:00", "size": 1}), "no digest by SHA-256"),
        (lambda c: described(c, config={"digest": "sha256:../../x", "size": 1}), "no digest by"),
        (lambda _: {"manifests": [{}]}, "mediaType is no text"),
        (lambda _: {"manifests": {}}, "manifests is no list"),
        (lambda _: [], "in the place of a JSON object"),
        (deep_index, "more indices than any image needs"),
        (lambda c: {"manifests": [c.manifest] * 1001}, "more indices than any image needs"),
    ],
)
def test_malformed_descriptions_are_refused(build, container, tmp_path, index, error):
    layout = container.layout(tmp_path / "layout", index(container) or [0])
    if index(container) == []:
        (layout / "index.json").write_text("[]")
    with pytest.raises(ArchiveRefused, match=error):
        build(container=layout)


@pytest.mark.parametrize(
    ("manifest", "error"),
    [
        ([{"Config": "x.json", "Layers": []}], "x.json is missing in it"),
        ([{"Config": "../../../etc/hostname", "Layers": []}], "is missing in it"),
        ([{"Layers": []}], "Config is no text"),
        ([{"Config": "manifest.json", "Layers": []}], "something else than its name says"),
        ({}, "images is no list"),
        ([1], "in the place of a JSON object"),
    ],
)
def test_malformed_archives_are_refused(build, tmp_path, manifest, error):
    archive = tmp_path / "docker.tar"
    data = json.dumps(manifest).encode()
    archive.write_bytes(made.tar(made.entry("manifest.json", data)))
    with pytest.raises(ArchiveRefused, match=error):
        build(container=archive)


def test_what_is_no_container_image_is_told(build, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match=r"neither oci-layout nor manifest\.json") as error:
        build(container=tmp_path / "empty")
    assert "docker save" in error.value.hint
    with pytest.raises(ConfigError, match="there is no container image"):
        build(container=tmp_path / "missing")
    for data in (b"", b"x", b"\x1f\x8b" + bytes(100), bytes(700)):
        (tmp_path / "file").write_bytes(data)
        with pytest.raises(CapeError):
            build(container=tmp_path / "file")


def test_a_tar_of_a_tar_cannot_name_files_of_this_machine(build, tmp_path):
    """Links in an archive lead to members of it alone."""
    hostname = tmp_path / "outside"
    hostname.write_text("{}")
    archive = tmp_path / "docker.tar"
    manifest = json.dumps([{"Config": "c.json", "Layers": []}]).encode()
    archive.write_bytes(
        made.tar(
            made.symlink("c.json", str(hostname)),
            made.symlink("d.json", "../" * 20 + str(hostname)),
            made.entry("manifest.json", manifest),
        )
    )
    with pytest.raises(ArchiveRefused, match=r"c\.json is missing in it"):
        build(container=archive)


def test_a_folder_cannot_name_files_outside_of_it(build, tmp_path):
    """What an archive was unpacked to says its layers' paths, and links can be in it."""
    container = made.Container(LOWER)
    config = json.dumps(container.config).encode()
    name = f"{made.digest(config).removeprefix('sha256:')}.json"
    (tmp_path / "outside.tar").write_bytes(LOWER)
    folder = tmp_path / "unpacked"
    folder.mkdir()
    (folder / name).write_bytes(config)
    (folder / "link.tar").symlink_to("../outside.tar")
    (folder / "layer.tar").write_bytes(LOWER)
    for layer in ("../outside.tar", str(tmp_path / "outside.tar"), "link.tar"):
        manifest = [{"Config": name, "RepoTags": [], "Layers": [layer]}]
        (folder / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(ArchiveRefused, match="is missing in it"):
            build(container=folder)
    manifest = [{"Config": name, "RepoTags": [], "Layers": ["layer.tar"]}]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert program(build(container=folder).path)["argv"] == ["/bin/app"]


def test_a_container_comes_with_nothing_that_serves_functions(build, folder, container, tmp_path):
    layout = container.layout(tmp_path / "layout")
    for name in ("settings", "insecure_vault_key", "package_folder"):
        with pytest.raises(ConfigError, match="an image of a container has no"):
            build(container=layout, **{name: folder / "settings.toml"})
    packages = f'{made.RECIPE}[packages]\nlock = "packages.lock"\nwanted = []\n'
    with pytest.raises(ConfigError, match="an image of a container has no packages"):
        build(packages, container=layout)


def test_docker_itself_is_not_needed(build, container, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    built = build(container=container.layout(tmp_path / "layout"))
    assert images.read(built.path).pcrs == built.pcrs


@pytest.mark.skipif(shutil.which("umoci") is None, reason="umoci is not here")
@pytest.mark.skipif(os.geteuid() != 0, reason="umoci unpacks as root")
def test_what_another_tool_makes_is_read(build, tmp_path):
    """A container that umoci put together: its layers, whiteouts and configuration."""

    def umoci(*words):
        subprocess.run(["umoci", *words], cwd=tmp_path, capture_output=True, check=True, timeout=60)

    umoci("init", "--layout", "made")
    umoci("new", "--image", "made:latest")
    umoci("unpack", "--image", "made:latest", "bundle")
    rootfs = tmp_path / "bundle" / "rootfs"
    for name in ("bin", "etc", "gone"):
        (rootfs / name).mkdir()
    (rootfs / "bin" / "app").write_text("#!")
    (rootfs / "bin" / "app").chmod(0o755)
    (rootfs / "etc" / "old").write_text("1")
    (rootfs / "gone" / "too").write_text("1")
    umoci("repack", "--image", "made:latest", "bundle")
    shutil.rmtree(tmp_path / "bundle")
    umoci("unpack", "--image", "made:latest", "bundle")
    (rootfs / "etc" / "old").unlink()
    shutil.rmtree(rootfs / "gone")
    (rootfs / "etc" / "link").symlink_to("/bin/app")
    umoci("repack", "--image", "made:latest", "bundle")
    umoci("config", "--image", "made:latest", "--config.entrypoint", "app", "--config.user", "7:8")
    built = build(container=tmp_path / "made")
    found = {*entries(built.path, 1)}
    assert {"rootfs/bin/app", "rootfs/etc/link"} <= found
    assert not {"rootfs/etc/old", "rootfs/gone"} & found
    assert program(built.path)["argv"] == ["/bin/app"]
    assert program(built.path)["uid"] == 7


def test_a_gnu_tar_is_read_as_well(build, tmp_path):
    """Long names, in the form that GNU tar has for them."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for info, data in (made.APP, made.entry(f"{'d' * 90}/{'f' * 90}", b"long")):
            archive.addfile(info, io.BytesIO(data))
    layout = made.Container(file.getvalue()).layout(tmp_path / "layout")
    assert f"rootfs/{'d' * 90}/{'f' * 90}" in entries(build(container=layout).path, 1)

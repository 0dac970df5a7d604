"""Layers upon each other: what hides what, and that nothing of a layer leaves the tree."""

import gzip
import os
import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pycape.errors import ArchiveRefused
from pycape.images._budget import Budget
from pycape.images._contents import Contents
from pycape.images._decompress import Decompressed
from pycape.images._layers import Unpacking
from pycape.images._tree import Directory, File, Symlink, Tree

from . import made
from .made import entry, hardlink, symlink


class Applied:
    """Layers, applied to a tree."""

    def __init__(self, folder, *layers, budget=None) -> None:
        self.unpacking = Unpacking(
            Tree(), Contents(folder), budget or Budget(), keeps_owners=True, keeps_links=False
        )
        for number, layer in enumerate(layers, 1):
            with (folder / f"layer-{number}").open("w+b") as file:
                file.write(layer)
                file.seek(0)
                self.unpacking.layer(number, Decompressed(file, f"layer {number}"), "layer")

    @property
    def names(self):
        return sorted(name for name, _ in self.unpacking.tree.walk())

    def __getitem__(self, name):
        return self.unpacking.tree.find(name.split("/"), follow=False)

    def read(self, name):
        return self[name].content.read(1 << 20)


@pytest.fixture
def apply(tmp_path):
    def apply(*layers, **options):
        folder = tmp_path / f"contents-{len([*tmp_path.iterdir()])}"
        folder.mkdir()
        return Applied(folder, *(made.tar(*layer) for layer in layers), **options)

    return apply


def test_a_later_layer_goes_before_an_earlier_one(apply):
    applied = apply(
        [entry("a", b"1", uid=5, gid=6), entry("d"), entry("d/x", b"1")],
        [entry("a", b"22", mode=0o600), entry("d", mode=0o700, uid=7)],
    )
    assert applied.read("a") == b"22"
    assert (applied["a"].permissions, applied["a"].user) == (0o600, 0)
    assert (applied["d"].permissions, applied["d"].user) == (0o700, 7)
    assert applied.names == ["a", "d", "d/x"]


def test_a_file_takes_the_place_of_a_directory_and_of_all_in_it(apply):
    applied = apply([entry("d/x/y", b"1")], [entry("d", b"2")], [entry("d"), entry("d/z", b"")])
    assert applied.names == ["d", "d/z"]


def test_a_whiteout_hides_what_lower_layers_have(apply):
    applied = apply(
        [entry("d/x", b"1"), entry("d/y/z", b"1"), entry("e", b"1")],
        [entry("d/.wh.y", b""), entry(".wh.e", b""), entry(".wh.nothing", b"")],
    )
    assert applied.names == ["d", "d/x"]


def test_a_whiteout_hides_nothing_of_its_own_layer(apply):
    applied = apply(
        [entry("d/x", b"1"), entry("f", b"1")],
        [entry("d/y", b"2"), entry(".wh.d", b""), entry("f", b"2"), entry(".wh.f", b"")],
    )
    assert applied.names == ["d", "d/y", "f"]
    assert applied.read("f") == b"2"


@pytest.mark.parametrize("opaque_first", [True, False])
def test_an_opaque_directory_hides_all_that_lower_layers_have_in_it(apply, opaque_first):
    upper = [entry("d/.wh..wh..opq", b""), entry("d/new", b"2"), entry("d/sub/new", b"2")]
    applied = apply(
        [entry("d/old", b"1"), entry("d/sub/old", b"1"), entry("e", b"1")],
        upper if opaque_first else reversed(upper),
    )
    assert applied.names == ["d", "d/new", "d/sub", "d/sub/new", "e"]


def test_bookkeeping_of_a_file_system_is_passed_over(apply):
    assert apply([entry(".wh..wh.plnk"), entry(".wh..wh.aufs", b"")]).names == []


def test_a_layer_that_writes_through_a_link_stays_inside(apply, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    applied = apply(
        [
            symlink("abs", str(outside)),
            symlink("up", "../../../../../.." + str(outside)),
            entry("real"),
            symlink("link", "/real"),
        ],
        [entry("abs/x", b"1"), entry("up/y", b"1"), entry("link/z", b"1")],
    )
    inside = str(outside).lstrip("/")
    assert [*outside.iterdir()] == []
    assert {f"{inside}/x", f"{inside}/y", "real/z"} <= {*applied.names}
    assert isinstance(applied["link"], Symlink)


def test_a_directory_in_the_place_of_a_link_takes_it(apply):
    applied = apply([entry("real/x", b"1"), symlink("d", "real")], [entry("d"), entry("d/y", b"")])
    assert applied.names == ["d", "d/y", "real", "real/x"]


def test_a_hard_link_is_another_file_of_the_same_content(apply):
    applied = apply(
        [entry("a", b"1", mode=0o755, uid=3), hardlink("b", "a"), symlink("l", "a")],
        [hardlink("d/c", "/b"), hardlink("k", "l"), entry("a", b"2")],
    )
    assert applied.read("b") == applied.read("d/c") == b"1"
    assert applied["b"].permissions == 0o755
    assert isinstance(applied["k"], Symlink)


def test_what_an_image_has_not_is_left_out_and_told(apply):
    special = [
        entry("dev/null", b"", type=kind) for kind in (b"3", b"4", b"6")
    ]  # devices of both kinds, a pipe
    capable = entry("cap", b"x", pax_headers={"SCHILY.xattr.security.capability": "x"})
    applied = apply([*special, entry("su", b"x", mode=0o6755), entry("t", mode=0o3777), capable])
    assert applied.names == ["cap", "su", "t"]
    assert applied["su"].permissions == 0o755
    assert applied["t"].permissions == 0o1777
    assert applied.unpacking.dropped == {
        "dev/null": "a device or a pipe",
        "su": "its set-user-id or set-group-id bit",
        "cap": "its capabilities",
    }


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([entry("../x", b"")], "goes up"),
        ([entry("a/../../x", b"")], "goes up"),
        ([hardlink("a", "../x")], "goes up"),
        ([hardlink("a", "missing")], "which is no file"),
        ([entry("d"), hardlink("a", "d")], "which is no file"),
        ([entry("f", b""), entry("f/x", b"")], "not below directories alone"),
        ([symlink("l", "l"), entry("l/x", b"")], "not below directories alone"),
        ([symlink("a", "b"), symlink("b", "a"), entry("a/x", b"")], "not below directories"),
        ([entry(".", b"x")], "something else than a directory is the root"),
        ([entry(".wh.", b"")], "hides nothing"),
        ([entry(".wh.a/b", b"")], "below a name that hides others"),
        ([entry(".wh...", b"")], "hides nothing"),
        ([entry("x" * 256, b"")], "too long"),
        ([entry("x/" * 2001, b"")], "too long"),
        ([entry("x", b"", type=b"Z")], "kind that is not known"),
        ([entry("x", b"", uid=1 << 32)], "number that cannot be"),
        ([symlink("x", "")], "points to no text"),
        ([symlink("x", "y" * 4096)], "points to no text"),
    ],
)
def test_what_breaks_a_rule_is_refused(apply, entries, reason):
    with pytest.raises(ArchiveRefused, match=reason) as refused:
        apply(entries)
    assert refused.value.hint


def test_a_layer_may_begin_names_at_the_root(apply):
    assert apply([entry("/etc/x", b""), entry("./etc/y", b""), entry("/")]).names == [
        "etc",
        "etc/x",
        "etc/y",
    ]


def test_there_is_a_limit_for_entries_names_bytes_and_directories(apply, monkeypatch):
    with pytest.raises(ArchiveRefused, match=r"more than .* entries"):
        apply([entry("a", b""), entry("b", b"")], budget=Budget(entries=1))
    with pytest.raises(ArchiveRefused, match=r"bytes of names"):
        apply([entry("a" * 11, b"")], budget=Budget(names=10))
    with pytest.raises(ArchiveRefused, match=r"with b it has more than"):
        apply([entry("a", bytes(6)), entry("b", bytes(6))], budget=Budget(bytes=10))
    with pytest.raises(ArchiveRefused, match=r"with h1 it has more than"):
        apply([entry("a", bytes(6)), hardlink("h1", "a")], budget=Budget(bytes=10))
    monkeypatch.setattr("pycape.images._tree.MAX_ENTRIES", 5)
    with pytest.raises(ArchiveRefused, match="directories that no archive lists"):
        apply([entry("a/b/c/d/e/f/g", b"")])


# Any layers: the result is a tree, or a refusal.

NAMES = st.sampled_from(["a", "b", "c", ".wh.a", ".wh..wh..opq", "..", ".", ""])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
TARGETS = st.lists(st.sampled_from(["a", "b", "..", "."]), min_size=1, max_size=4).map("/".join)
ENTRIES = st.one_of(
    st.builds(lambda name, size: entry(name, bytes(size)), PATHS, st.integers(0, 9)),
    st.builds(entry, PATHS),
    st.builds(symlink, PATHS, st.one_of(TARGETS, TARGETS.map("/".__add__))),
    st.builds(hardlink, PATHS, PATHS),
    st.builds(lambda name: entry(name, b"", type=b"3"), PATHS),
)
LAYERS = st.lists(st.lists(ENTRIES, max_size=8), min_size=1, max_size=3)
# What a profile does without has to be said again where more is.
UNHURRIED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
QUICK = settings(max_examples=300, suppress_health_check=UNHURRIED)


@QUICK
@given(layers=LAYERS)
def test_any_layers_make_a_tree_or_are_refused(apply, layers):
    try:
        applied = apply(*layers)
    except ArchiveRefused:
        return
    for name, node in applied.unpacking.tree.walk():
        parts = name.split("/")
        assert not {"", ".", ".."} & {*parts}
        assert not any(part.startswith(".wh.") for part in parts)
        above = applied.unpacking.tree.find(parts[:-1], follow=False)
        assert isinstance(above, Directory)
        assert isinstance(node, Directory | File | Symlink)
        if isinstance(node, File):
            assert node.content.size == node.size


@QUICK
@given(
    layer=st.lists(ENTRIES, max_size=6),
    position=st.integers(0, 1 << 13),
    byte=st.binary(max_size=2),
)
def test_a_damaged_archive_is_refused_or_a_tree(tmp_path, layer, position, byte):
    data = bytearray(made.tar(*layer))
    data[position : position + len(byte)] = byte
    folder = tmp_path / f"{len([*tmp_path.iterdir()])}"
    folder.mkdir()
    try:
        Applied(folder, bytes(data))
    except ArchiveRefused as error:
        assert error.hint


# Another implementation.

PLAIN_NAMES = st.sampled_from(["a", "b", "c", "d"])
PLAIN_PATHS = st.lists(PLAIN_NAMES, min_size=1, max_size=3).map("/".join)


def folders_above(path):
    parts = path.split("/")
    return [entry("/".join(parts[:count])) for count in range(1, len(parts))]


def with_folders(make):
    """An entry behind those of its directories, as all tools write layers."""
    return lambda path, *rest: [*folders_above(path), make(path, *rest)]


def hiding(path):
    above, _, name = path.rpartition("/")
    return entry(f"{above}/.wh.{name}" if above else f".wh.{name}", b"")


WELL_FORMED = st.lists(
    st.one_of(
        st.builds(
            with_folders(lambda path, size: entry(path, bytes(size))),
            PLAIN_PATHS,
            st.integers(0, 9),
        ),
        st.builds(
            with_folders(lambda path, mode: entry(path, mode=mode)),
            PLAIN_PATHS,
            st.sampled_from([0o700, 0o755]),
        ),
        st.builds(with_folders(symlink), PLAIN_PATHS, PLAIN_PATHS),
    ),
    max_size=5,
).map(lambda groups: [each for group in groups for each in group])
UPPER = st.builds(
    lambda hidden, opaque, entries: [
        *(hiding(path) for path in sorted(hidden)),
        *(each for path in opaque for each in (entry(path), entry(f"{path}/.wh..wh..opq", b""))),
        *entries,
    ],
    st.sets(PLAIN_PATHS, max_size=2),
    st.sets(PLAIN_NAMES, max_size=1),
    WELL_FORMED,
)


def on_disk(root):
    """What a folder has: permissions of directories, targets of links, sizes of files by name."""
    return {
        str(path.relative_to(root)): str(path.readlink())
        if path.is_symlink()
        else oct(path.stat().st_mode & 0o777)
        if path.is_dir()
        else path.stat().st_size
        for path in root.rglob("*")
    }


def in_tree(tree):
    return {
        name: oct(node.permissions)
        if isinstance(node, Directory)
        else node.target
        if isinstance(node, Symlink)
        else node.size
        for name, node in tree.walk()
    }


@pytest.mark.skipif(shutil.which("umoci") is None, reason="umoci is not here")
@pytest.mark.skipif(os.geteuid() != 0, reason="umoci unpacks as root")
@settings(max_examples=40, suppress_health_check=UNHURRIED)
@given(lower=WELL_FORMED, upper=UPPER)
def test_umoci_makes_the_same_of_layers(tmp_path, lower, upper):
    folder = tmp_path / f"{len([*tmp_path.iterdir()])}"
    folder.mkdir()
    try:
        applied = Applied(folder, made.tar(*lower), made.tar(*upper))
    except ArchiveRefused:
        return
    container = made.Container(made.tar(*lower), made.tar(*upper), compress=gzip.compress)
    container.manifest["annotations"] = {"org.opencontainers.image.ref.name": "tested"}
    layout = container.layout(folder / "layout")
    run = subprocess.run(
        ["umoci", "unpack", "--image", f"{layout}:tested", folder / "bundle"],
        capture_output=True,
        timeout=60,
        check=False,
    )
    if b"too many levels of symbolic links" in run.stderr:
        return  # on the way to what is hidden, where there is nothing: it refuses that
    assert run.returncode == 0, run.stderr
    assert in_tree(applied.unpacking.tree) == on_disk(folder / "bundle" / "rootfs")

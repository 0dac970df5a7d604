"""Two images: which files, sections and facts differ, and which registers that changes."""

import pytest

from pycape import images

from . import altered, made

ONE = """
[[file]]
path = "same"
text = "same"
[[file]]
path = "changed"
text = "old"
[[file]]
path = "gone"
text = "gone"
[[file]]
path = "link"
link = "old"
[[file]]
path = "kind"
text = "x"
"""
OTHER = """
[[file]]
path = "same"
text = "same"
[[file]]
path = "changed"
text = "new!"
mode = "0600"
[[file]]
path = "new"
text = "new"
[[file]]
path = "link"
link = "new"
[[file]]
path = "kind"
directory = true
"""


@pytest.fixture
def compare(build):
    """Compare two images of these recipes, built with other sources."""

    def compare(old=made.RECIPE, new=made.RECIPE, *, of_old=None, of_new=None):
        paths = [
            build(text, name, **(options or {})).path
            for text, name, options in ((old, "old.eif", of_old), (new, "new.eif", of_new))
        ]
        before, after = (images.read(path) for path in paths)
        return images.compare(before, after), before, after

    return compare


def test_files_are_named_with_what_differs(compare):
    found, before, after = compare(made.RECIPE + ONE, made.RECIPE + OTHER)
    told = {each.name: (each.change, {fact: (a, b) for fact, a, b in each.facts}) for each in found}
    assert [each.name for each in found] == sorted(told)
    assert {each.place for each in found} == {"ramdisk 1"}
    assert {each.pcrs for each in found} == {(0, 2)}
    assert told["rootfs/gone"][0] == "removed"
    assert told["rootfs/new"][0] == "added"
    assert told["rootfs/link"] == ("changed", {"target": ("old", "new")})
    change, facts = told["rootfs/changed"]
    assert change == "changed"
    assert facts["permissions"] == ("0644", "0600")
    assert facts["size"] == ("3", "4")
    assert facts.keys() == {"permissions", "size", "sha256"}
    assert told["rootfs/kind"][1]["kind"] == ("file", "directory")
    assert before.pcrs[1] == after.pcrs[1]


def test_an_image_is_like_itself(compare):
    assert compare()[0] == []


def test_the_platform_is_pcr1s(compare, folder):
    (folder / "other.toml").write_text(f"{made.SETTINGS}# other\n")
    found, before, after = compare(of_new={"settings": folder / "other.toml"})
    assert [(each.place, each.name, each.pcrs) for each in found] == [
        ("ramdisk 0", "cape/settings.toml", (0, 1))
    ]
    assert {fact for fact, *_ in found[0].facts} == {"size", "sha256"}, "a comment is no key"
    assert before.pcrs[2] == after.pcrs[2]


def test_kernel_and_command_line_are_told(compare, folder):
    (folder / "kernel").write_bytes(made.kernel("7.0"))
    (folder / "quiet").write_bytes(made.runtime("quiet\n"))
    (folder / "quiet").chmod(0o755)
    options = {"kernel": folder / "kernel", "runtime": folder / "quiet"}
    found, *_ = compare(of_new=options)
    places = {each.place: each.pcrs for each in found}
    assert places == {
        "kernel": (0, 1),
        "command line": (0, 1),
        "ramdisk 0": (0, 1),
        "metadata": (),
    }
    [line] = [each for each in found if each.place == "command line"]
    assert line.facts == (("text", made.COMMAND_LINE, "quiet"),)


def test_what_nobody_measures_is_told_as_that(compare, signing):
    more = 'memory_mib = 64\ncpus = 1\n[metadata]\na = "b"\n'
    signer = images.load_signer(*signing(name="other"))
    found, before, after = compare(new=made.RECIPE + more, of_new={"signer": signer})
    assert {each.place: each.pcrs for each in found} == {
        "signature": (8,),
        "memory": (),
        "cpus": (),
        "metadata": (),
    }
    assert before.pcrs[0] == after.pcrs[0]


def test_a_ramdisk_of_another_form_is_told(compare, build):
    """Others compress theirs: its digest differs, and its files cannot be compared."""
    _, before, after = compare(made.RECIPE + ONE, made.RECIPE + OTHER)
    data = bytearray(after.path.read_bytes())
    data[after.ramdisks[1].offset] = 0x1F
    after.path.write_bytes(data)
    [difference] = images.compare(before, after)
    assert (difference.place, difference.name, difference.pcrs) == ("ramdisk 1", None, (0, 2))
    facts = {fact: new for fact, _, new in difference.facts}
    assert facts["files"].startswith("not compared, since one is not read here: not an archive")
    assert facts.keys() == {"sha256", "files"}


HARD_LINKS = [
    altered.entry("one", b"1", inode=7, links=2),
    altered.entry("two", b"2", inode=7, links=2),
]
BELOW_A_LINK = [altered.symlink("one", "two"), altered.entry("one/file", b"1")]


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        (HARD_LINKS, "is a hard link to a file before it"),
        (BELOW_A_LINK, '"one/file", is in no directory'),
    ],
    ids=["hard link", "below a link"],
)
def test_what_a_kernel_unpacks_elsewhere_is_not_compared(build, tmp_path, entries, why):
    path = build().path
    first, _ = altered.ramdisks_of(path)
    odd = altered.with_ramdisks(path, tmp_path / "odd.eif", [first, altered.archive(*entries)])
    [difference] = images.compare(images.read(path), odd)
    assert (difference.place, difference.name, difference.pcrs) == ("ramdisk 1", None, (0, 2))
    facts = {fact: new for fact, _, new in difference.facts}
    assert facts["files"].startswith("not compared, since one is not read here: ")
    assert why in facts["files"]


def test_entries_in_another_order_are_a_difference(compare, build):
    """The time of an entry, which no fact of it shows."""
    _, before, after = compare(made.RECIPE + ONE, made.RECIPE + ONE)
    data = bytearray(after.path.read_bytes())
    time_of_first_entry = after.ramdisks[1].offset + 6 + 5 * 8
    data[time_of_first_entry + 7] = ord("1")
    after.path.write_bytes(data)
    [difference] = images.compare(before, after)
    assert (difference.place, difference.name, difference.change) == ("ramdisk 1", None, "changed")
    assert difference.pcrs == (0, 2)


def test_settings_are_compared_by_their_keys(compare, folder):
    (folder / "other.toml").write_text(
        'mode = "production"\nvault_backends = ["file"]\n[limits]\nworkers = 3\n'
    )
    [settings], *_ = compare(of_new={"settings": folder / "other.toml"})
    assert settings.facts[2:] == (
        ("mode", '"development"', '"production"'),
        ("limits.workers", None, "3"),
    )
    (folder / "other.toml").write_bytes(b"mode = \xff")
    [settings], *_ = compare(of_new={"settings": folder / "other.toml"})
    assert {fact for fact, *_ in settings.facts} == {"size", "sha256"}


def test_of_settings_that_are_too_large_the_digests_are_told(build, tmp_path):
    path = build().path
    _, second = altered.ramdisks_of(path)
    one, other = (
        altered.with_ramdisks(
            path,
            tmp_path / f"{number}.eif",
            [
                altered.archive(
                    altered.directory("cape"),
                    altered.entry("cape/settings.toml", b"%d" % number + bytes(1 << 20)),
                ),
                second,
            ],
        )
        for number in (1, 2)
    )
    [difference] = images.compare(one, other)
    assert difference.name == "cape/settings.toml"
    assert [fact for fact, _, _ in difference.facts] == ["sha256"]


def test_metadata_is_compared_by_its_keys(compare):
    one, two = (f'{made.RECIPE}[metadata]\ncommit = "{each}"\nsame = 1\n' for each in "12")
    [metadata], *_ = compare(one, two)
    assert (metadata.place, metadata.pcrs) == ("metadata", ())
    assert metadata.facts == (("CustomMetadata.commit", '"1"', '"2"'),)


def test_a_kernel_alone_is_told(compare, folder):
    (folder / "kernel").write_bytes(made.kernel() + b"more")
    [kernel], *_ = compare(of_new={"kernel": folder / "kernel"})
    assert (kernel.place, kernel.pcrs) == ("kernel", (0, 1))
    assert [fact for fact, *_ in kernel.facts] == ["size", "sha256"]


def test_a_signature_alone_is_told(compare, signing):
    first, second = (images.load_signer(*signing(name=name)) for name in ("one", "two"))
    [added], *_ = compare(of_new={"signer": first})
    assert (added.place, added.change, added.pcrs) == ("signature", "added", (8,))
    assert added.facts[0] == ("subject", None, "CN=one")
    [changed], *_ = compare(of_old={"signer": first}, of_new={"signer": second})
    assert (changed.change, changed.pcrs) == ("changed", (8,))
    assert [fact for fact, *_ in changed.facts] == ["subject", "certificate", "sha256"]
    [again], before, after = compare(of_old={"signer": first}, of_new={"signer": first})
    assert (again.change, again.pcrs) == ("changed", ())
    assert [fact for fact, *_ in again.facts] == ["sha256"]
    assert before.pcrs == after.pcrs
    [removed], *_ = compare(of_old={"signer": first})
    assert (removed.change, removed.pcrs) == ("removed", (8,))

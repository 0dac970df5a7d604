"""Files come from Debian's archive by apt, and are what the lock says."""

import dataclasses
import hashlib

import pytest
from from_debian import archive, packages
from from_debian.error import BuildError
from from_debian.lock import Package

CONTENT = b"what the archive has\n"
PACKAGE = Package(
    archive="Debian-Security",
    suite="bookworm-security",
    name="linux-source-6.12",
    version="6.12.1-1",
    kind="binary",
    size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
)


@pytest.fixture
def debian(archive_of_debian, cache_folder):
    """The archive, which has the package, and a cache without it."""
    archive_of_debian.add(PACKAGE.name, PACKAGE.version, CONTENT)
    return archive_of_debian


def test_a_file_is_fetched_once(cache_folder, debian):
    kept = archive.fetch(PACKAGE)
    assert kept == cache_folder / "build" / "sources" / PACKAGE.sha256
    assert kept.read_bytes() == CONTENT
    asked = len(debian.calls)
    assert archive.fetch(PACKAGE) == kept
    assert len(debian.calls) == asked


def test_the_archive_is_where_apt_has_it_from(debian):
    archive.fetch(PACKAGE)
    assert debian.sources == (
        "Types: deb\nURIs: http://three.test/debian-security/\n"
        "Suites: bookworm-security\nComponents: main\n"
    )
    assert debian.calls[-1].endswith("download linux-source-6.12=6.12.1-1")


def test_of_a_source_only_the_original_is_fetched(debian):
    archive.fetch(dataclasses.replace(PACKAGE, kind="source"))
    assert "Types: deb-src\n" in debian.sources
    assert " --tar-only " in debian.calls[-1]


def test_what_nobody_signed_is_not_looked_at(debian):
    archive.fetch(PACKAGE)
    for call in debian.calls[1:]:
        assert "Acquire::AllowInsecureRepositories=false" in call
        assert "APT::Get::AllowUnauthenticated=false" in call


def test_another_file_is_refused_and_not_kept(cache_folder, debian):
    debian.drop(PACKAGE.name, PACKAGE.version)
    debian.add(PACKAGE.name, PACKAGE.version, b"other")
    with pytest.raises(BuildError, match=f"its SHA-256 is .* the lock says {PACKAGE.sha256}") as it:
        archive.fetch(PACKAGE)
    assert not isinstance(it.value, archive.GoneError)
    assert [file.name for file in (cache_folder / "build" / "sources").iterdir()] == ["lock"]


def test_a_file_that_was_changed_in_the_cache_is_refused(debian):
    archive.fetch(PACKAGE).write_bytes(b"changed")
    with pytest.raises(BuildError, match="the lock says"):
        archive.fetch(PACKAGE)


def test_a_version_that_is_gone_is_told_with_the_ways_out(debian):
    debian.add(PACKAGE.name, "6.12.8-1", b"newer")
    debian.add(PACKAGE.name, "6.12.9-1", b"newest")
    debian.drop(PACKAGE.name, PACKAGE.version)
    with pytest.raises(archive.GoneError) as raised:
        archive.fetch(PACKAGE)
    assert str(raised.value) == (
        "bookworm-security has no linux-source-6.12 6.12.1-1: the newest there is 6.12.9-1"
    )
    assert "--raise" in raised.value.hint
    assert "--file" in raised.value.hint


def test_lists_that_did_not_come_are_no_version_that_is_gone(debian):
    debian.cut_off()
    with pytest.raises(BuildError, match="E: Failed to fetch") as raised:
        archive.fetch(PACKAGE)
    assert not isinstance(raised.value, archive.GoneError)


def test_a_package_that_the_suite_never_had_is_not_gone(debian):
    for ask in (archive.fetch, archive.newest):
        with pytest.raises(BuildError, match=r"bookworm-security has no small$") as raised:
            ask(dataclasses.replace(PACKAGE, name="small", sha256="a" * 64))
        assert not isinstance(raised.value, archive.GoneError)


def test_an_archive_that_apt_does_not_have_is_told(cache_folder, stand_in):
    stand_in("apt-get", "echo 'Other|Debian-Security|http://two.test/debian/'")
    with pytest.raises(BuildError, match="no archive of the label Debian-Security") as raised:
        archive.fetch(PACKAGE)
    assert raised.value.hint == "apt-get update"


@pytest.mark.parametrize("kind", ["binary", "source"])
def test_the_newest_version_is_what_the_signed_lists_say(debian, kind):
    digest = debian.add(PACKAGE.name, "6.12.9-1", b"newest")
    newest = archive.newest(dataclasses.replace(PACKAGE, kind=kind))
    assert newest == dataclasses.replace(
        PACKAGE, kind=kind, version="6.12.9-1", size=6, sha256=digest
    )
    assert not any("download" in call for call in debian.calls)
    assert archive.fetch(newest).read_bytes() == b"newest"


def test_lists_without_a_digest_are_told(debian, stand_in):
    stand_in("apt-cache", 'case "$*" in *madison*) echo "x | 2-1 | y" ;; *) echo "Size: 1" ;; esac')
    with pytest.raises(BuildError, match=r"tells no SHA-256 of linux-source-6\.12 2-1"):
        archive.newest(PACKAGE)


def test_a_file_given_by_hand_is_taken_for_the_archive_s(cache_folder, tmp_path):
    given = tmp_path / "given.deb"
    given.write_bytes(CONTENT)
    archive.adopt(given, [PACKAGE])
    assert archive.fetch(PACKAGE).read_bytes() == CONTENT
    assert given.exists()


def test_a_file_given_by_hand_has_to_be_in_the_lock(cache_folder, tmp_path):
    given = tmp_path / "given.deb"
    given.write_bytes(b"other")
    with pytest.raises(BuildError, match=r"given\.deb is none of the files of the lock"):
        archive.adopt(given, [PACKAGE])
    with pytest.raises(BuildError, match=r"none\.deb cannot be read: No such file"):
        archive.adopt(tmp_path / "none.deb", [PACKAGE])


INSTALLED = """
for name; do case "$name" in
gcc) echo "installed gcc 12" ;;
bc) echo "config-files bc 1" ;;
esac; done
exit 1
"""


def test_versions_of_installed_packages_are_told(stand_in):
    stand_in("dpkg-query", INSTALLED)
    assert packages.require(["gcc"], install=False) == {"gcc": "12"}


def test_missing_packages_are_named_with_the_command_that_installs_them(stand_in):
    stand_in("dpkg-query", INSTALLED)
    with pytest.raises(BuildError, match=r"^not installed: bc, flex$") as raised:
        packages.require(["gcc", "bc", "flex"], install=False)
    assert raised.value.hint.startswith("apt-get install --no-install-recommends bc flex,")


def test_nothing_is_installed_without_the_rights(stand_in, monkeypatch):
    stand_in("dpkg-query", INSTALLED)
    stand_in("apt-get", "exit 0")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(BuildError, match=r"^not installed: bc$") as raised:
        packages.require(["bc"], install=True)
    assert raised.value.hint.startswith("as root: ")


def test_what_is_missing_is_installed(stand_in, monkeypatch, tmp_path):
    stand_in("dpkg-query", f'test -e {tmp_path}/done && echo "installed bc 2"; exit 1')
    stand_in(
        "apt-get", f'echo "$@" >> {tmp_path}/calls; test "$2" = update || touch {tmp_path}/done'
    )
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert packages.require(["bc"], install=True) == {"bc": "2"}
    assert (tmp_path / "calls").read_text() == (
        "--quiet update\n--quiet install --yes --no-install-recommends bc\n"
    )


def test_an_installation_that_fails_is_told(stand_in, monkeypatch):
    stand_in("dpkg-query", "exit 1")
    stand_in("apt-get", "exit 100")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(BuildError, match="apt-get update ended with status 100"):
        packages.require(["bc"], install=True)


def test_another_architecture_is_told(stand_in):
    stand_in("dpkg", "echo arm64")
    with pytest.raises(BuildError, match="this machine is arm64"):
        packages.require(["bc"], install=False)


def test_what_is_no_debian_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match="no Debian"):
        packages.require(["bc"], install=False)

"""Files come from Debian's archive by apt, and are what the lock says."""

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
TARGETS = """\
Debian|Debian|http://one.test/debian/
Other|Debian-Security|http://two.test/debian/
Debian|Debian-Security Old|http://two.test/debian/
Debian|Debian-Security|http://three.test/debian-security/"""

# It keeps what it was told and what its list of sources says, and has one file.
APT_GET = f"""
case "$*" in
*indextargets*) echo '{TARGETS}' ;;
*update*) cp "$(dirname "$PWD")/apt.sources" "$SEEN/apt.sources" ;;
*) echo "$@" > "$SEEN/arguments"; printf '%s\\n' "${{ANSWER:-what the archive has}}" > file.deb ;;
esac
"""


@pytest.fixture
def apt(tmp_path, stand_in):
    """An apt that answers; the folder is where it says what it was asked."""
    seen = tmp_path / "seen"
    seen.mkdir()
    stand_in("apt-get", f"SEEN={seen}\n{APT_GET}")
    stand_in("apt-cache", "echo ' linux-source-6.12 | 6.12.9-1 | http://three.test x Packages'")
    return seen


def test_a_file_is_fetched_once(cache_folder, apt):
    kept = archive.fetch(PACKAGE)
    assert kept == cache_folder / "build" / "sources" / PACKAGE.sha256
    assert kept.read_bytes() == CONTENT
    (apt / "arguments").unlink()
    assert archive.fetch(PACKAGE) == kept
    assert not (apt / "arguments").exists()


def test_the_archive_is_where_apt_has_it_from(cache_folder, apt):
    archive.fetch(PACKAGE)
    assert (apt / "apt.sources").read_text() == (
        "Types: deb\nURIs: http://three.test/debian-security/\n"
        "Suites: bookworm-security\nComponents: main\n"
    )
    assert (apt / "arguments").read_text().endswith("download linux-source-6.12=6.12.1-1\n")


def test_of_a_source_only_the_original_is_fetched(cache_folder, apt):
    fields = {**PACKAGE.__dict__, "kind": "source"}
    archive.fetch(Package(**fields))
    assert "Types: deb-src\n" in (apt / "apt.sources").read_text()
    assert " --tar-only " in (apt / "arguments").read_text()


def test_another_file_is_refused_and_not_kept(cache_folder, stand_in, apt):
    stand_in("apt-get", f"SEEN={apt}\nANSWER=other\n{APT_GET}")
    with pytest.raises(BuildError, match=f"its SHA-256 is .* the lock says {PACKAGE.sha256}"):
        archive.fetch(PACKAGE)
    assert [file.name for file in (cache_folder / "build" / "sources").iterdir()] == ["lock"]


def test_a_file_that_was_changed_in_the_cache_is_refused(cache_folder, apt):
    archive.fetch(PACKAGE).write_bytes(b"changed")
    with pytest.raises(BuildError, match="the lock says"):
        archive.fetch(PACKAGE)


def test_a_version_that_is_gone_is_told_with_the_ways_out(cache_folder, stand_in):
    stand_in(
        "apt-get",
        f"case \"$*\" in *indextargets*) echo '{TARGETS}' ;; *update*) ;;"
        ' *) echo "E: Version was not found"; exit 100 ;; esac',
    )
    with pytest.raises(BuildError, match=r"does not give linux-source-6.12=6.12.1-1: .*") as raised:
        archive.fetch(PACKAGE)
    assert "E: Version was not found" in str(raised.value)
    assert "--raise" in raised.value.hint
    assert "--file" in raised.value.hint


def test_an_archive_that_apt_does_not_have_is_told(cache_folder, stand_in):
    stand_in("apt-get", "echo 'Other|Debian-Security|http://two.test/debian/'")
    with pytest.raises(BuildError, match="no archive of the label Debian-Security") as raised:
        archive.fetch(PACKAGE)
    assert raised.value.hint == "apt-get update"


def test_the_newest_version_is_what_the_archive_lists_first(cache_folder, apt):
    newest = archive.newest(PACKAGE)
    assert newest == Package(**{**PACKAGE.__dict__, "version": "6.12.9-1"})
    (apt / "arguments").unlink()
    archive.fetch(newest)
    assert not (apt / "arguments").exists()


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

"""Builds from Debian's sources, with stand-ins for the programs that they start."""

import hashlib
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "enclave-runtime"))


@pytest.fixture
def cache_folder(tmp_path, monkeypatch):
    """A cache of this test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("CAPE_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Puts a shell script before the program of that name."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def add(name, script):
        program = folder / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    return add


# Where apt has Debian from, among others.
TARGETS = """\
Debian|Debian|http://one.test/debian/
Other|Debian-Security|http://two.test/debian/
Debian|Debian-Security Old|http://two.test/debian/
Debian|Debian-Security|http://three.test/debian-security/"""

# The archive is a folder for each package: a file for each version, and `versions`, newest first.
# Of lists that are stale apt knows none, until it is given others.
APT_GET = f"""
cd "$ARCHIVE"
echo "$@" >> calls
for last; do :; done
name=${{last%%=*}}
file=${{name%%:*}}/${{last#*=}}
case "$*" in
*indextargets*) echo '{TARGETS}' ;;
*update*)
    test ! -e "$OLDPWD/../apt.sources" || cp "$OLDPWD/../apt.sources" .
    if [ -e unreachable ]; then
        echo "E: Failed to fetch" >&2
        case "$*" in *--error-on=any) exit 100 ;; esac
    fi ;;
*install*)
    while [ "$1" != install ]; do shift; done
    shift
    for name; do echo "Inst $name ($(head -n 1 "$name/versions") Debian:12/stable [amd64])"; done ;;
*)
    if [ -e stale ] && [ -z "$APT_CONFIG" ] || [ ! -e "$file" ]; then
        echo "E: Version was not found" >&2
        exit 100
    fi
    cp "$file" "$OLDPWD/fetched" ;;
esac
"""
APT_CACHE = """
cd "$ARCHIVE"
for last; do :; done
last=${last%%:*}
digest() { sha256sum < "$1" | cut -c 1-64; }
size() { stat -c %s "$1"; }
case "$*" in
*madison*)
    test -e stale && test -z "$APT_CONFIG" && exit
    test ! -e "$last/versions" || while read -r version; do
        echo " $last | $version | http://archive.test main Packages"
    done < "$last/versions" ;;
*showsrc*)
    while read -r version; do
        file=$last/$version
        original=${last}_${version%-*}.orig.tar.xz
        printf 'Package: %s\\nVersion: %s\\nChecksums-Sha256:\\n' "$last" "$version"
        echo " $(printf %064d 1) 7 ${last}_$version.dsc"
        echo " $(digest "$file") $(size "$file") $original"
        echo " $(printf %064d 2) 7 $original.asc"
        echo
    done < "$last/versions" ;;
*show*)
    while [ "$1" != show ]; do shift; done
    shift
    for word; do
        file=${word%%=*}/${word#*=}
        printf 'Package: %s\\nVersion: %s\\n' "${word%%=*}" "${word#*=}"
        printf 'Architecture: amd64\\nSize: %s\\n' "$(size "$file")"
        printf 'SHA256: %s\\n\\n' "$(digest "$file")"
    done ;;
esac
"""


class Archive:
    """What Debian's archive has for apt, and what apt was asked."""

    def __init__(self, folder):
        self._folder = folder

    def add(self, name, version, content):
        """Give out a version, which is the newest from now on; returns its SHA-256."""
        package = self._folder / name
        package.mkdir(exist_ok=True)
        (package / version).write_bytes(content)
        versions = package / "versions"
        versions.write_text(f"{version}\n{versions.read_text() if versions.exists() else ''}")
        return hashlib.sha256(content).hexdigest()

    def drop(self, name, version):
        """Have a version no more."""
        (self._folder / name / version).unlink()
        versions = self._folder / name / "versions"
        versions.write_text(versions.read_text().replace(f"{version}\n", ""))

    def cut_off(self):
        """Be out of reach: apt does without lists that do not come, unless it is told not to."""
        (self._folder / "unreachable").touch()
        for versions in self._folder.glob("*/versions"):
            versions.unlink()

    def is_unknown(self):
        """Be in no list that this machine has by itself."""
        (self._folder / "stale").touch()

    @property
    def sources(self):
        """The list of sources that apt had last."""
        return (self._folder / "apt.sources").read_text()

    @property
    def calls(self):
        """What apt-get was told, without where its lists are."""
        calls = self._folder / "calls"
        return calls.read_text().splitlines() if calls.exists() else []


@pytest.fixture
def archive_of_debian(tmp_path, stand_in):
    """Debian's archive, as apt-get and apt-cache have it."""
    folder = tmp_path / "archive"
    folder.mkdir()
    stand_in("apt-get", f"ARCHIVE={folder}\n{APT_GET}")
    stand_in("apt-cache", f"ARCHIVE={folder}\n{APT_CACHE}")
    return Archive(folder)

"""The command that builds the kernel, from its options to its last line; tools are stand-ins."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from from_debian import commands, kernel_record, lock
from from_debian.error import BuildError
from from_debian.kernel_record import Record
from tests.e2e.processes import wait_until

RUNTIME = Path(__file__).parents[2] / "enclave-runtime"
FRAGMENT = "CONFIG_NET=y\n# CONFIG_AIO is not set\n"

# The configuration is the fragment, and the kernel what BUILDS says, if anything.
MAKE = """
for word; do case "$word" in O=*) output=${word#O=} ;; esac; done
case "$*" in
*allnoconfig) cat "$KCONFIG_ALLCONFIG" > "$output/.config" ;;
*bzImage)
    mkdir -p "$output/arch/x86/boot"
    { echo kernel of "$KBUILD_BUILD_USER"; BUILDS; } > "$output/arch/x86/boot/bzImage" ;;
esac
"""


class Checkout:
    """A copy of what builds the kernel, whose source is a small one."""

    def __init__(self, folder, stand_in):
        self.folder = folder
        self.cache = folder / "cache"
        self.home = folder / "enclave-runtime" / "kernel"
        for name in ("from_debian", "kernel"):
            shutil.copytree(RUNTIME / name, folder / "enclave-runtime" / name)
        (self.home / "fragment.config").write_text(FRAGMENT)
        self._source(folder)
        stand_in("gcc", "echo gcc 12")
        stand_in("ld", "echo ld 2.40")
        stand_in("dpkg-query", 'shift 3; for name; do echo "installed $name 1"; done')
        stand_in(
            "dpkg-deb", f'mkdir -p "$3/usr/src"; cp {folder}/source.tar "$3/usr/src/small.tar.xz"'
        )
        self.make_is = lambda script: stand_in("make", script)
        self.make_is(MAKE.replace("BUILDS", ":"))
        self.record()

    def _source(self, folder):
        (folder / "Kconfig").write_text("config NET\nconfig AIO\n")
        with tarfile.open(folder / "source.tar", "w") as archive:
            archive.add(folder / "Kconfig", "small/Kconfig")
        self.package = folder / "small.deb"
        self.package.write_bytes(b"a package")
        digest = hashlib.sha256(b"a package").hexdigest()
        package = lock.Package("Debian", "bookworm", "small", "1.0-1", "binary", 9, digest)
        lock.write(self.home / "source.toml", {"source": package})

    def record(self, **fields):
        """Put on record what comes of a build, or something else."""
        expected = Record(
            source=hashlib.sha256(b"a package").hexdigest(),
            fragment=hashlib.sha256(FRAGMENT.encode()).hexdigest(),
            compiler="gcc 12",
            linker="ld 2.40",
            kernel=hashlib.sha256(b"kernel of cape\n").hexdigest(),
        )
        kernel_record.write(self.home / "record.toml", Record(**{**expected.__dict__, **fields}))

    def start(self, *arguments):
        variables = {"CAPE_CACHE_DIR": str(self.cache), "PYTHON": sys.executable}
        return subprocess.Popen(
            [self.home / "build", *arguments],
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments):
        process = self.start(*arguments)
        output, said = process.communicate()
        return process.returncode, output, said

    def build(self, *arguments):
        return self.run("--file", self.package, *arguments)


@pytest.fixture
def checkout(tmp_path, stand_in):
    return Checkout(tmp_path, stand_in)


def test_the_kernel_s_path_is_all_that_is_printed(checkout):
    status, output, said = checkout.build()
    assert status == 0, said
    kernel = Path(output.removesuffix("\n"))
    assert kernel.read_text() == "kernel of cape\n"
    assert kernel.parent.parent == checkout.cache / "build" / "kernel"
    assert (kernel.parent / "config").read_text() == FRAGMENT
    assert said.splitlines()[-1].startswith("built in ")


def test_a_kernel_that_is_there_is_found(checkout):
    first = checkout.build()
    checkout.make_is("exit 1")
    assert checkout.build() == (0, first[1], "")


def test_a_kernel_that_was_changed_in_the_cache_is_refused(checkout):
    kernel = Path(checkout.build()[1].strip())
    kernel.write_bytes(kernel.read_bytes() + b"!")
    status, output, said = checkout.build()
    assert (status, output) == (1, "")
    assert said.startswith(f"error: {kernel} is not what was built: its SHA-256 is ")
    assert said.endswith(f"hint: remove {kernel.parent}, and build it anew\n")


@pytest.mark.parametrize("changed", ["fragment", "compiler", "code"])
def test_from_something_else_another_is_built(checkout, stand_in, changed):
    _, first, _ = checkout.build()
    if changed == "fragment":
        (checkout.home / "fragment.config").write_text("CONFIG_NET=y\n")
    elif changed == "compiler":
        stand_in("gcc", "echo gcc 13")
    else:
        code = checkout.folder / "enclave-runtime" / "from_debian" / "kernel_build.py"
        code.write_text(code.read_text() + "\n")
    status, second, said = checkout.build()
    assert status == 0, said
    assert second != first


def test_another_compiler_is_told_when_it_gives_another_kernel(checkout):
    checkout.record(compiler="gcc 11", kernel="0" * 64)
    status, _, said = checkout.build()
    assert status == 0
    assert said.endswith("this is not the kernel on record, since other are: compiler\n")


def test_from_the_same_another_kernel_is_an_error(checkout):
    checkout.record(kernel="0" * 64)
    status, output, said = checkout.build()
    assert (status, output) == (1, "")
    assert "error: from what is on record came another kernel: SHA-256 " in said
    assert said.endswith("hint: if the way of building has changed: build --record\n")


def test_what_comes_of_it_is_recorded(checkout):
    checkout.record()
    expected = (checkout.home / "record.toml").read_text()
    checkout.record(kernel="0" * 64)
    assert checkout.build("--record")[0] == 0
    assert (checkout.home / "record.toml").read_text() == expected


def test_the_newest_version_is_taken_built_and_recorded(checkout, archive_of_debian):
    digest = archive_of_debian.add("small", "1.0-2", b"a newer package")
    checkout.record(kernel="0" * 64)
    status, output, said = checkout.run("--raise")
    assert status == 0, said
    newest = lock.Package("Debian", "bookworm", "small", "1.0-2", "binary", 15, digest)
    assert lock.read(checkout.home / "source.toml", "source") == {"source": newest}
    assert "source.toml has small 1.0-2\n" in said
    record = kernel_record.read(checkout.home / "record.toml")
    assert record.source == digest
    assert record.kernel == hashlib.sha256(Path(output.strip()).read_bytes()).hexdigest()


@pytest.fixture
def moved_on(checkout, archive_of_debian):
    """A checkout whose source Debian's archive has dropped for a newer one."""
    archive_of_debian.add("small", "1.0-2", b"a newer package")
    return checkout


def test_a_source_that_is_gone_is_an_error_with_nothing_in_its_place(moved_on):
    status, output, said = moved_on.run()
    assert (status, output) == (1, "")
    assert said == (
        "fetching small 1.0-1, 0 MB\n"
        "error: bookworm has no small 1.0-1: the newest there is 1.0-2\n"
        "hint: archives drop old versions: --raise takes the newest, --file FILE one that was"
        " kept\n"
    )


def test_tests_go_on_with_the_newest_source_and_are_told(moved_on):
    moved_on.record(kernel="0" * 64)
    before = {file.name: file.read_bytes() for file in moved_on.home.iterdir()}
    status, output, said = moved_on.run("--or-newest")
    assert status == 0, said
    record = kernel_record.read(Path(output.strip()).parent / "record.toml")
    assert record.source == hashlib.sha256(b"a newer package").hexdigest()
    assert (
        "small 1.0-1 is gone from bookworm: for tests, 1.0-2 is taken;"
        " kernel/build --raise pins it\n" in said
    )
    assert said.endswith("this is not the kernel on record, since other are: source\n")
    assert {file.name: file.read_bytes() for file in moved_on.home.iterdir()} == before
    # The strict way finds none of it, and the other way all of it, and tells so again.
    assert moved_on.run()[0] == 1
    moved_on.make_is("exit 1")
    assert moved_on.run("--or-newest")[:2] == (0, output)


def test_in_tests_too_the_fragment_has_to_take_effect(moved_on):
    moved_on.make_is(MAKE.replace('cat "$KCONFIG_ALLCONFIG"', "echo CONFIG_AIO=y"))
    status, output, said = moved_on.run("--or-newest")
    assert (status, output) == (1, "")
    assert "error: the fragment did not take effect: CONFIG_NET is off instead of y" in said


def test_what_is_there_as_it_is_pinned_is_not_replaced(moved_on, archive_of_debian):
    _, pinned, _ = moved_on.build()
    assert moved_on.run("--or-newest") == (0, pinned, "")
    assert archive_of_debian.calls == []


def test_only_what_is_gone_is_replaced(moved_on, archive_of_debian):
    archive_of_debian.add("small", "1.0-1", b"altered")
    status, output, said = moved_on.run("--or-newest")
    assert (status, output) == (1, "")
    assert "is not small 1.0-1: its SHA-256 is " in said
    archive_of_debian.cut_off()
    status, output, said = moved_on.run("--or-newest")
    assert (status, output) == (1, "")
    assert "E: Failed to fetch" in said


@pytest.mark.parametrize("option", ["--raise", "--record"])
def test_what_tests_take_is_never_pinned_or_recorded(checkout, option):
    status, output, said = checkout.build("--or-newest", option)
    assert (status, output) == (2, "")
    assert "not allowed with argument" in said


def test_building_again_elsewhere_gives_the_same_bytes(checkout):
    status, _, said = checkout.build("--reproduce")
    assert status == 0
    assert said.endswith("built again on another path: the same bytes\n")


@pytest.mark.parametrize("difference", ["pwd", "date +%N", "umask"])
def test_what_differs_when_built_again_is_an_error(checkout, difference):
    checkout.make_is(MAKE.replace("BUILDS", difference))
    assert checkout.build("--record")[0] == 0
    status, output, said = checkout.build("--reproduce")
    assert (status, output) == (1, "")
    assert said.endswith("error: bzImage came out otherwise when it was built again\n")


def test_nothing_of_who_builds_reaches_the_tools(checkout, monkeypatch):
    for name in ("CC", "KCFLAGS", "MAKEFLAGS", "LANG", "SOURCE_DATE_EPOCH", "KBUILD_BUILD_USER"):
        monkeypatch.setenv(name, "of the caller")
    checkout.make_is(MAKE.replace("BUILDS", "env | sort"))
    _, output, _ = checkout.build("--record")
    assert "of the caller" not in Path(output.strip()).read_text()


def test_an_option_without_effect_is_an_error(checkout):
    checkout.make_is(MAKE.replace("cat", "grep -v NET"))
    status, output, said = checkout.build()
    assert (status, output) == (1, "")
    assert "the fragment did not take effect: CONFIG_NET is off instead of y" in said
    assert [file.name for file in (checkout.cache / "build" / "kernel").iterdir()] == ["lock"]


def test_the_end_of_what_a_failing_program_says_is_shown(checkout):
    checkout.make_is("seq 1 500; echo a defect >&2; exit 2")
    status, output, said = checkout.build()
    assert (status, output) == (1, "")
    assert "error: make ended with status 2:\n" in said
    assert said.endswith("500\na defect\n")
    assert "\n400\n" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_interrupted_ends_with_all_it_started(checkout, number):
    pids = checkout.folder / "pids"
    checkout.make_is(f"echo $$ > {pids}; sleep 60 & echo $! >> {pids}; touch {pids}.there; wait")
    process = checkout.start("--file", checkout.package)
    while not Path(f"{pids}.there").exists():
        assert process.poll() is None
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == 130
    assert said.endswith("interrupted: nothing is half done\n")
    assert [file.name for file in (checkout.cache / "build" / "kernel").iterdir()] == ["lock"]
    started = [int(pid) for pid in pids.read_text().split()]
    # Killed, but on a busy machine not gone at once; by themselves they would stay much longer.
    wait_until(lambda: not any(map(running, started)))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_interrupted_while_it_starts_a_program_ends_it_too(tmp_path, monkeypatch, number):
    class Interrupted(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self.pid)
            signal.raise_signal(number)  # before anybody has its number

    started = []
    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    handler = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            commands.run(["sleep", "60"], tmp_path / "log", tmp_path, {})
    finally:
        signal.signal(number, handler)
    assert len(started) == 1
    assert not running(started[0])


def running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_missing_packages_are_told_before_anything_else(checkout, stand_in):
    stand_in("dpkg-query", "exit 1")
    status, output, said = checkout.build()
    assert (status, output) == (1, "")
    assert said.startswith("error: not installed: bc, bison, flex, ")
    assert "\nhint: apt-get install --no-install-recommends bc bison " in said


@pytest.mark.parametrize("jobs", ["0", "-1", "many", ""])
def test_jobs_are_a_number(checkout, jobs):
    status, _, said = checkout.build("--jobs", jobs)
    assert status == 2
    assert "argument --jobs: " in said


@pytest.mark.parametrize("build", ["kernel/build", "boot-test/qemu/build"])
def test_help_names_each_option(build):
    program = [RUNTIME / build, "--help"]
    text = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    options = {"--install", "--jobs", "--file", "--or-newest", "--raise", "--help"}
    of_the_kernel = {"--reproduce", "--record"} if build.startswith("kernel") else set()
    assert set(re.findall(r"--[a-z-]+", text)) == options | of_the_kernel
    assert "CAPE_CACHE_DIR" in text


@pytest.mark.parametrize("content", ["", "source = 1", 'source = "a"\n', "["])
def test_a_record_that_is_none_is_told(tmp_path, content):
    file = tmp_path / "record.toml"
    file.write_text(content)
    with pytest.raises(BuildError, match=r"record\.toml cannot be read"):
        kernel_record.read(file)

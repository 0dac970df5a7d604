"""The fragment of the kernel's configuration, and whether it took effect."""

import re

import pytest
from from_debian import cache, kernel, kernel_build, kernel_config, lock
from from_debian.error import BuildError

# What the issue of a hole in the kernel would be looked up for first.
FORBIDDEN = [
    "AIO",
    "BPF_SYSCALL",
    "DEBUG_FS",
    "DEVMEM",
    "IA32_EMULATION",
    "IO_URING",
    "KEXEC",
    "KEXEC_FILE",
    "MODULES",
    "USERFAULTFD",
    "X86_X32_ABI",
]
NEEDED_BY_THE_JAIL = [
    "CGROUP_PIDS",
    "CGROUPS",
    "IPC_NS",
    "MEMCG",
    "NET_NS",
    "PID_NS",
    "SECCOMP_FILTER",
    "SECURITY_LANDLOCK",
    "USER_NS",
    "UTS_NS",
]


def written(tmp_path, *lines):
    file = tmp_path / "some.config"
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_is_forbidden_is_off_by_name(name):
    assert kernel_config.read(kernel.FRAGMENT)[name] is None


@pytest.mark.parametrize("name", NEEDED_BY_THE_JAIL)
def test_what_the_jail_is_made_of_is_on(name):
    assert kernel_config.read(kernel.FRAGMENT)[name] == "y"


def test_landlock_is_among_the_modules_that_start():
    modules = kernel_config.read(kernel.FRAGMENT)["LSM"].strip('"').split(",")
    assert modules == ["lockdown", "landlock"]


def test_options_are_read(tmp_path):
    file = written(
        tmp_path,
        "# A comment.",
        "",
        "CONFIG_SMP=y",
        "CONFIG_NR_CPUS=256",
        'CONFIG_LSM="a,b"',
        "CONFIG_BASE=0x1000",
        "# CONFIG_MODULES is not set",
    )
    assert kernel_config.read(file) == {
        "SMP": "y",
        "NR_CPUS": "256",
        "LSM": '"a,b"',
        "BASE": "0x1000",
        "MODULES": None,
    }


@pytest.mark.parametrize(
    "line",
    [
        "CONFIG_SMP",
        "CONFIG_SMP=m",
        "CONFIG_SMP=n",
        " CONFIG_SMP=y",
        "CONFIG_SMP=y # why",
        "#CONFIG_SMP is not set",
        "# CONFIG_SMP is not set, since",
        "SMP=y",
    ],
)
def test_a_line_that_kconfig_would_take_otherwise_is_refused(tmp_path, line):
    with pytest.raises(BuildError, match=r"some\.config, line 2: not an option"):
        kernel_config.read(written(tmp_path, "CONFIG_NET=y", line))


@pytest.mark.parametrize("again", ["CONFIG_NET=y", "# CONFIG_NET is not set"])
def test_an_option_is_named_once(tmp_path, again):
    with pytest.raises(BuildError, match="line 2: CONFIG_NET is there already"):
        kernel_config.read(written(tmp_path, "CONFIG_NET=y", again))


def test_options_of_a_source_tree_are_found(tmp_path):
    (tmp_path / "net").mkdir()
    (tmp_path / "Kconfig").write_text("menuconfig NET\n\tbool\n\nif NET\n\nendif\n")
    (tmp_path / "net" / "Kconfig.debug").write_text(
        "  config NET_DEBUG\n\thelp\n\t  config of it\n"
    )
    assert kernel_config.symbols(tmp_path) == {"NET", "NET_DEBUG"}


def test_a_fragment_that_took_effect_is_fine():
    kernel_config.check({"NET": "y", "AIO": None}, {"NET": "y", "PCI": "y"}, ["NET", "AIO", "PCI"])


@pytest.mark.parametrize(
    ("fragment", "result", "complaint"),
    [
        ({"NET": "y"}, {}, "CONFIG_NET is off instead of y"),
        ({"NET": "y"}, {"NET": None}, "CONFIG_NET is off instead of y"),
        ({"NR_CPUS": "256"}, {"NR_CPUS": "64"}, "CONFIG_NR_CPUS is 64 instead of 256"),
        ({"AIO": None}, {"AIO": "y"}, "CONFIG_AIO is y instead of off"),
        ({"NETT": "y"}, {}, "CONFIG_NETT is unknown"),
        ({"AIOO": None}, {}, "CONFIG_AIOO is unknown"),
        ({}, {"MITIGATION_NEW": None}, "CONFIG_MITIGATION_NEW is off, and the fragment does not"),
        ({"AIO": None, "NET": "y"}, {"AIO": "y"}, "CONFIG_AIO is y .*; CONFIG_NET is off"),
    ],
)
def test_what_did_not_take_effect_is_named(fragment, result, complaint):
    with pytest.raises(BuildError, match=complaint):
        kernel_config.check(fragment, result, ["NET", "AIO", "NR_CPUS"])


def test_the_kernel_in_the_cache_is_what_the_fragment_says():
    source = lock.read(kernel.LOCK, *kernel.USES)["source"]
    try:
        build = kernel_build.Build(source, kernel.FRAGMENT.read_text("utf-8"), 1)
    except BuildError as error:
        pytest.skip(f"no compiler: {error}")
    built = cache.folder("kernel") / build.key()
    if not built.is_dir():
        pytest.skip("no kernel has been built here: enclave-runtime/kernel/build")
    fragment = kernel_config.read(kernel.FRAGMENT)
    kernel_config.check(fragment, kernel_config.read(built / "config"), fragment)


PAGE = kernel.HOME.parents[1] / "docs" / "operate" / "kernel.md"


@pytest.mark.parametrize(
    ("heading", "section"),
    [("\n## Hardening\n", "# --- Hardening ---"), ("\n## What is off\n", "# --- Off, ")],
)
def test_the_page_names_what_is_hardened_and_what_is_off(tmp_path, heading, section):
    part = kernel.FRAGMENT.read_text("utf-8").split(section)[1].split("\n# --- ")[0]
    named = kernel_config.read(written(tmp_path, *part.splitlines()[1:]))
    table = PAGE.read_text("utf-8").split(heading)[1].split("\n#")[0].splitlines()
    rows = [row.rsplit(" | ", 1)[1] for row in table if row.startswith("| ")]
    told = re.findall(r"`([A-Z0-9_]+)`", "".join(rows[1:]))
    assert len(told) == len(set(told))
    assert set(told) == named.keys()

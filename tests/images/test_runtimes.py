"""What the runtime says of its image: the build asks it, and does as it says."""

import json
import stat

import pytest
from pages import ROOT

from pycape.errors import ConfigError, ImageError
from pycape.images._runtime import Needs, check_program, check_served, command_line_of
from pycape.local.enclave_program import EnclaveProgram

from . import made

KEY = f"{'07' * 32}\n"
LOADER = "/lib64/ld-linux-x86-64.so.2"
NEEDS = json.dumps({"interpreters": "/usr/bin", "loader": LOADER}) + "\n"


@pytest.fixture(scope="module")
def runtime():
    """The runtime that is built here."""
    return EnclaveProgram.find().binary


def settings(name):
    return (ROOT / "deploy" / "image" / name).read_text("utf-8")


PRODUCTION, DEVELOPMENT = settings("settings.toml"), settings("settings.development.toml")


@pytest.mark.parametrize(("text", "key"), [(PRODUCTION, None), (DEVELOPMENT, KEY)])
def test_the_settings_that_we_ship_are_accepted(runtime, tmp_path, text, key):
    if key is not None:
        (tmp_path / "vault.key").write_text(key)
    vault_key = None if key is None else tmp_path / "vault.key"
    needs = check_served(runtime, text.encode(), tmp_path / "settings.toml", vault_key)
    assert needs is not None
    assert needs.interpreters == "/usr/bin"
    assert command_line_of(runtime).startswith("reboot=k ")


@pytest.mark.parametrize(
    ("text", "key", "error"),
    [
        ("mode =", None, "settings: "),
        (f"nonsense = 1\n{PRODUCTION}", None, "unknown field `nonsense`"),
        (f"insecure_unsigned_documents = true\n{PRODUCTION}", None, "is for development only"),
        (
            PRODUCTION.replace('    "landlock",\n', ""),
            None,
            "production requires the layer landlock",
        ),
        (PRODUCTION, KEY, 'do not permit a vault of the kind "file"'),
        (DEVELOPMENT, None, "the image has no vault's key, and its settings permit no vault"),
        (DEVELOPMENT, "short", "vault.key is not 64 hexadecimal digits"),
        (f"{DEVELOPMENT}[limits]\nworkers = 0\n", KEY, "limits.workers"),
    ],
)
def test_what_would_not_start_is_refused_in_its_words(runtime, tmp_path, text, key, error):
    vault_key = None if key is None else tmp_path / "vault.key"
    if vault_key is not None:
        vault_key.write_text(key)
    with pytest.raises(ConfigError, match=r"the runtime refuses .*/settings\.toml") as refused:
        check_served(runtime, text.encode(), tmp_path / "settings.toml", vault_key)
    assert error in str(refused.value)
    assert refused.value.hint


def test_programs_are_its_to_judge(runtime):
    program = {"argv": ["/bin/app"], "env": {}, "cwd": "/", "uid": 0, "gid": 0}
    check_program(runtime, json.dumps(program).encode())
    with pytest.raises(ConfigError, match=r"refuses the container's program: .*cwd"):
        check_program(runtime, json.dumps({**program, "cwd": "app"}).encode())


def test_a_build_ends_with_what_the_runtime_refuses(build, folder):
    refusal = {"ok": False, "error": {"code": "CAPE-CFG-001", "message": "no", "hint": "say yes"}}
    (folder / "runtime").write_bytes(made.runtime(refuses=json.dumps(refusal)))
    with pytest.raises(ConfigError, match=r"the runtime refuses .*settings\.toml: no") as error:
        build()
    assert error.value.hint == "say yes"
    assert [*folder.parent.glob("*.eif"), *folder.parent.glob(".*")] == []


def test_a_runtime_of_before_it_could_be_asked_builds_nothing(build, folder):
    (folder / "runtime").write_bytes(made.runtime(refuses="cape-enclave: error: no command"))
    with pytest.raises(ImageError, match="check-image` does not say") as error:
        build()
    assert "a runtime of this release" in error.value.hint


PYTHON = (
    made.entry("./usr/bin/python3.11", b"\x7fELF", mode=0o755),
    made.symlink("./usr/bin/python3", "python3.11"),
    made.entry("./usr/lib/python3.11/os.py", b""),
    made.symlink("./usr/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/ld-linux.so"),
    made.entry("./usr/lib/x86_64-linux-gnu/ld-linux.so", b"\x7fELF", mode=0o755),
    made.entry("./usr/lib/x86_64-linux-gnu/libc.so.6", b"\x7fELF"),
)


def test_an_image_with_all_that_its_runtime_needs_is_built(build, folder, packaged):
    (folder / "runtime").write_bytes(made.runtime(needs=NEEDS))
    text, sources = packaged(*PYTHON)
    assert build(text, **sources).platform.purpose == "functions"


@pytest.mark.parametrize(
    ("without", "more", "error"),
    [
        ("python3.11", [], "has 0 interpreters /usr/bin/python3.N, not one"),
        ("", [made.entry("./usr/bin/python3.12", b"", mode=0o755)], "has 2 interpreters"),
        (
            "python3.11",
            [made.entry("./usr/bin/python3.11", b"")],
            "python3.11 is no program of the",
        ),
        ("os.py", [], "beside /usr/bin/python3.11 of the image is no ../lib/python3.11/os.py"),
        ("ld-linux-x86-64.so.2", [], f"{LOADER} is no program of the image"),
        ("ld-linux.so", [], f"{LOADER} is no program of the image"),
        ("libc.so.6", [], f"beside {LOADER} of the image is no libc.so.6"),
    ],
)
def test_what_its_runtime_needs_is_looked_for(build, folder, packaged, without, more, error):
    (folder / "runtime").write_bytes(made.runtime(needs=NEEDS))
    kept = [each for each in PYTHON if not (without and each[0].name.endswith(f"/{without}"))]
    text, sources = packaged(*kept, *more)
    with pytest.raises(ImageError) as refused:
        build(text, **sources)
    assert error in str(refused.value)
    assert refused.value.hint


def test_an_image_without_packages_has_no_interpreter(build, folder):
    (folder / "runtime").write_bytes(made.runtime(needs=NEEDS))
    with pytest.raises(ImageError, match="has 0 interpreters") as error:
        build()
    assert "[packages]" in error.value.hint


def test_needs_are_what_the_runtime_says(folder):
    path = folder / "runtime"
    path.write_bytes(made.runtime(needs=NEEDS))
    assert check_served(path, b"", folder / "settings.toml", None) == Needs("/usr/bin", LOADER)
    path.chmod(path.stat().st_mode & ~(stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH))
    with pytest.raises(ImageError, match="permission denied"):
        check_served(path, b"", folder / "settings.toml", None)

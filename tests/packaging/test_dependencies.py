"""Resolving and fetching, against an index of the test's own: no network."""

import hashlib
import json
import re
import subprocess
import zipfile

import pytest

from pycape.errors import (
    ConfigError,
    ConnectFailed,
    FileRefused,
    NoWheelForPlatform,
    PackagingError,
)
from pycape.packaging import _uv
from pycape.packaging._requirements import no_requirements
from pycape.packaging._target import Target

TARGET = Target.parse("3.11", "x86_64-manylinux_2_28")


def names(made):
    return [entry.name for entry in made.files]


def require(function, index, *lines):
    (function / "requirements.txt").write_text(index.options + "\n".join(lines) + "\n")


def test_a_function_without_requirements_has_no_lock(function, bundle):
    assert bundle(function).lock is None
    assert not (function / "cape.lock").exists()


def test_requirements_that_ask_for_nothing_have_no_lock(function, bundle):
    (function / "requirements.txt").write_text("# nothing yet\n")
    made = bundle(function)
    assert made.lock is None
    assert names(made) == ["app.py", "requirements.txt"]


def test_dependencies_stand_beside_app_py(function, bundle, index):
    index.wheel("helper", "1.0")
    index.wheel("upper", "2.0", requires=["helper>=1"])
    require(function, index, "upper")
    made = bundle(function)
    assert names(made) == [
        "app.py",
        "helper-1.0.dist-info/METADATA",
        "helper-1.0.dist-info/licenses/LICENSE",
        "helper/__init__.py",
        "requirements.txt",
        "upper-2.0.dist-info/METADATA",
        "upper-2.0.dist-info/licenses/LICENSE",
        "upper/__init__.py",
    ]
    assert "helper==1.0" in made.lock
    assert "--hash=sha256:" in made.lock
    assert (function / "cape.lock").read_text() == made.lock


def test_dependencies_of_a_project(function, bundle, index, monkeypatch):
    index.wheel("helper", "1.0")
    monkeypatch.setenv("UV_FIND_LINKS", str(index.folder))
    monkeypatch.setenv("UV_OFFLINE", "1")
    (function / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nversion = "1"\ndependencies = ["helper"]\n'
    )
    assert "helper/__init__.py" in names(bundle(function))


def test_a_project_without_dependencies_needs_no_lock(function, bundle):
    (function / "pyproject.toml").write_text('[project]\nname = "mine"\nversion = "1"\n')
    assert bundle(function).lock is None


def test_dynamic_dependencies_of_a_project_are_refused(function, bundle):
    (function / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nversion = "1"\ndynamic = ["dependencies"]\n'
    )
    with pytest.raises(PackagingError, match="are dynamic"):
        bundle(function)


def test_a_project_whose_dynamic_is_no_list_is_refused(function, bundle):
    (function / "pyproject.toml").write_text('[project]\nname = "mine"\ndynamic = 5\n')
    with pytest.raises(ConfigError, match="dynamic is 5; allowed: a list"):
        bundle(function)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"--find-links a\0b\n", "requirements.txt, line 1: there is a zero byte"),
        (b"\n-r a\0b\n", "requirements.txt, line 2: there is a zero byte"),
        (b"-r other.txt\n", "other.txt is not UTF-8"),
        ("helper\n".encode("utf-16"), "requirements.txt is not UTF-8"),
    ],
)
def test_requirements_that_are_not_text_are_refused(function, bundle, content, said):
    (function / "requirements.txt").write_bytes(content)
    (function / "other.txt").write_bytes(b"# \xff\n")
    with pytest.raises(PackagingError, match=said):
        bundle(function)


def test_the_lock_is_used_again_while_its_inputs_stay(function, bundle, index):
    index.wheel("helper", "1.0")
    require(function, index, "helper")
    first = bundle(function)
    index.wheel("helper", "1.1")
    second = bundle(function)
    assert (second.lock, second.sha256) == (first.lock, first.sha256)


@pytest.mark.parametrize("change", ["requirements", "included", "python", "platform"])
def test_the_lock_is_made_anew_when_an_input_changes(function, bundle, index, change):
    index.wheel("helper", "1.0")
    index.wheel("other", "1.0")
    require(function, index, "helper", "-r more.txt")
    (function / "more.txt").write_text("# nothing\n")
    first = bundle(function)
    options = {}
    if change == "requirements":
        require(function, index, "helper", "other")
    elif change == "included":
        (function / "more.txt").write_text("other\n")
    elif change == "python":
        options["python"] = "3.12"
    else:
        options["platform"] = "aarch64-manylinux_2_28"
    second = bundle(function, **options)
    assert second.lock != first.lock
    assert ("other==1.0" in second.lock) == (change in ("requirements", "included"))
    assert (function / "cape.lock").read_text() == second.lock


def test_a_new_lock_keeps_the_versions_of_the_old_one(function, bundle, index):
    index.wheel("helper", "1.0")
    index.wheel("other", "1.0")
    require(function, index, "helper")
    bundle(function)
    index.wheel("helper", "1.1")
    require(function, index, "helper", "other")
    assert "helper==1.0" in bundle(function).lock


def test_requirements_that_include_each_other_end(function, bundle, index):
    index.wheel("helper", "1.0")
    (function / "sub").mkdir()
    require(function, index, "helper", "-r sub/more.txt")
    (function / "sub" / "more.txt").write_text("-c ../sub/more.txt\n")
    assert "helper==1.0" in bundle(function).lock


def test_the_lock_does_not_repeat_where_wheels_come_from(function, bundle, index):
    index.wheel("helper", "1.0")
    require(function, index, "helper")
    assert str(index.folder) not in bundle(function).lock


def test_a_wheel_that_is_not_the_locked_one_is_refused(function, bundle, index, monkeypatch):
    index.wheel("helper", "1.0")
    require(function, index, "helper")
    bundle(function)
    index.wheel("helper", "1.0", files={"helper/evil.py": "import os\n"})
    monkeypatch.setenv("UV_NO_CACHE", "1")
    with pytest.raises(PackagingError, match=r"helper==1\.0 is not the file that cape\.lock"):
        bundle(function)


def test_a_lock_without_hashes_is_refused(function, bundle, index):
    index.wheel("helper", "1.0")
    require(function, index, "helper")
    lock = bundle(function).lock
    kept = [line for line in lock.splitlines() if "--hash" not in line]
    (function / "cape.lock").write_text("\n".join(kept).replace(" \\", "") + "\n")
    with pytest.raises(PackagingError, match=r"(?i)hash"):
        bundle(function)


def test_a_lock_that_is_not_text_is_refused(function, bundle, index):
    require(function, index, "helper")
    (function / "cape.lock").write_bytes(b"\xff")
    with pytest.raises(PackagingError, match=r"cape\.lock is not UTF-8"):
        bundle(function)


def test_what_the_installer_leaves_is_dropped(function, bundle, index):
    index.wheel("helper", "1.0", scripts="helper = helper:main")
    require(function, index, "helper")
    (function / "cape.toml").write_text("slim = false\n")
    assert names(bundle(function)) == [
        "app.py",
        "helper-1.0.dist-info/METADATA",
        "helper-1.0.dist-info/WHEEL",
        "helper-1.0.dist-info/entry_points.txt",
        "helper-1.0.dist-info/licenses/LICENSE",
        "helper/__init__.py",
        "requirements.txt",
    ]


def test_slimming_drops_tests_and_keeps_what_they_share(function, bundle, index):
    index.wheel(
        "helper",
        "1.0",
        files={
            "helper/tests/__init__.py": "",
            "helper/tests/runner.py": "",
            "helper/tests/test_helper.py": "",
            "helper/sub/tests/deep/test_it.py": "",
            "helper/sub/tests/conftest.py": "",
            "helper/test_mode.py": "",
            "helper/cached.pyc": b"",
        },
        scripts="helper = helper:main",
    )
    require(function, index, "helper")
    assert names(bundle(function)) == [
        "app.py",
        "helper-1.0.dist-info/METADATA",
        "helper-1.0.dist-info/entry_points.txt",
        "helper-1.0.dist-info/licenses/LICENSE",
        "helper/__init__.py",
        "helper/test_mode.py",
        "helper/tests/__init__.py",
        "helper/tests/runner.py",
        "requirements.txt",
    ]


def test_a_name_in_folder_and_dependency_is_refused(function, bundle, index):
    index.wheel("helper", "1.0")
    require(function, index, "helper")
    (function / "helper").mkdir()
    (function / "helper" / "__init__.py").write_text("")
    with pytest.raises(FileRefused, match="is in the folder and in a dependency") as caught:
        bundle(function)
    assert "helper/__init__.py" in str(caught.value)


def test_a_folder_with_dependencies_in_it_is_taken_as_it_is(function, bundle, index):
    wheel = index.wheel("helper", "1.0")
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(function)
    (function / "requirements.txt").write_text("does-not-exist-anywhere\n")
    made = bundle(function)
    assert made.lock is None
    assert "helper/__init__.py" in names(made)
    assert "helper-1.0.dist-info/RECORD" in names(made)


def test_requirements_false_fetches_nothing(function, bundle):
    (function / "requirements.txt").write_text("does-not-exist-anywhere\n")
    (function / "cape.toml").write_text("requirements = false\n")
    assert bundle(function).lock is None


def test_requirements_may_have_another_name(function, bundle, index):
    index.wheel("helper", "1.0")
    (function / "enclave.txt").write_text(f"{index.options}helper\n")
    (function / "cape.toml").write_text('requirements = "enclave.txt"\n')
    assert "helper/__init__.py" in names(bundle(function))


def test_requirements_that_are_not_there_are_an_error(function, bundle):
    (function / "cape.toml").write_text('requirements = "enclave.txt"\n')
    with pytest.raises(ConfigError, match=r"'enclave\.txt', and there is no such file"):
        bundle(function)


def test_no_wheel_for_the_platform_names_versions_that_have_one(function, bundle, index):
    index.wheel("native", "3.0", tag="cp311-cp311-win_amd64")
    index.wheel("native", "2.0", tag="cp311-cp311-manylinux_2_28_x86_64")
    index.wheel("native", "1.0", tag="py3-none-any")
    require(function, index, "native==3.0")
    with pytest.raises(NoWheelForPlatform) as caught:
        bundle(function)
    error = caught.value
    assert (error.package, error.platform) == ("native", "x86_64-manylinux_2_28")
    assert str(error) == (
        "native==3.0 has no wheel for Python 3.11 on x86_64-manylinux_2_28;"
        " these versions have one: 2.0, 1.0"
    )
    assert error.hint == "require native==2.0"
    assert not (function / "cape.lock").exists()


def test_no_wheel_within_bounds_names_versions_that_have_one(function, bundle, index):
    index.wheel("native", "1.0", tag="cp311-cp311-win_amd64")
    index.wheel("native", "1.1", tag="cp39-cp39-manylinux_2_28_x86_64")
    (index.folder / "native-1.2.tar.gz").write_bytes(b"")
    index.wheel("native", "1.3", tag="cp39-cp39-manylinux_2_28_x86_64")
    index.wheel("native", "2.0", tag="cp311-cp311-manylinux_2_28_x86_64")
    require(function, index, "native<2")
    with pytest.raises(NoWheelForPlatform) as caught:
        bundle(function)
    assert str(caught.value) == (
        "native<2 has no wheel for Python 3.11 on x86_64-manylinux_2_28;"
        " these versions have one: 2.0"
    )


def test_no_wheel_of_any_version_says_so(function, bundle, index):
    index.wheel("native", "3.0", tag="cp311-cp311-win_amd64")
    require(function, index, "native")
    with pytest.raises(NoWheelForPlatform, match="no version has one"):
        bundle(function)


def test_no_wheel_for_the_machine(function, bundle, index):
    index.wheel("native", "2.0", tag="cp311-cp311-manylinux_2_28_x86_64")
    require(function, index, "native")
    assert bundle(function).lock
    with pytest.raises(NoWheelForPlatform):
        bundle(function, platform="aarch64-manylinux_2_28")


def test_an_sdist_is_not_built_unless_asked_for(function, bundle, index):
    (index.folder / "source-1.0.tar.gz").write_bytes(b"")
    require(function, index, "source")
    with pytest.raises(NoWheelForPlatform, match=r"source==1\.0 has no wheel") as caught:
        bundle(function)
    assert "build_sdists = true" in caught.value.hint


def test_a_package_that_nobody_has(function, bundle, index):
    require(function, index, "nobody-has-this")
    with pytest.raises(PackagingError, match="nobody-has-this"):
        bundle(function)


def test_requirements_that_contradict_each_other(function, bundle, index):
    index.wheel("helper", "1.0")
    index.wheel("helper", "2.0")
    require(function, index, "helper==1.0", "helper==2.0")
    with pytest.raises(PackagingError, match=r"helper==1\.0 and helper==2\.0"):
        bundle(function)


@pytest.mark.parametrize("lines", [["helper>=2,<1"], ["helper>=2", "helper<1"]])
def test_bounds_that_contradict_each_other(function, bundle, index, lines):
    index.wheel("helper", "1.0")
    require(function, index, *lines)
    with pytest.raises(PackagingError, match=r"^the requirements contradict each ") as caught:
        bundle(function)
    assert "loosen" in caught.value.hint


def test_an_option_with_an_open_quote_is_an_error(function, bundle):
    (function / "requirements.txt").write_text("--find-links 'wheels\n")
    with pytest.raises(PackagingError, match=r"line 1: .* no closing quotation"):
        bundle(function)


def test_a_home_where_nothing_can_be_kept(function, bundle, monkeypatch):
    monkeypatch.setenv("UV_CACHE_DIR", "/proc/nowhere")
    (function / "requirements.txt").write_text("helper\n")
    with pytest.raises(PackagingError, match="cannot keep its cache in /proc/nowhere") as raised:
        bundle(function)
    assert "UV_CACHE_DIR" in raised.value.hint


@pytest.mark.usefixtures("index")
def test_an_index_that_cannot_be_reached(function, bundle, monkeypatch):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    (function / "requirements.txt").write_text("helper\n")
    with pytest.raises(
        ConnectFailed, match=r"the package index at 127\.0\.0\.1:9 cannot be reached"
    ):
        bundle(function)


def test_without_uv_the_error_says_how_to_get_it(function, bundle, index, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "uv", None)
    monkeypatch.setenv("PATH", "")
    require(function, index, "helper")
    with pytest.raises(PackagingError, match="uv is not installed") as caught:
        bundle(function)
    assert caught.value.hint == "pip install uv"


@pytest.mark.parametrize(
    ("platform", "known"),
    [
        ("x86_64-manylinux_2_17", "x86_64-manylinux_2_17"),
        ("x86_64-manylinux_2_27", "x86_64-manylinux_2_17"),
        ("x86_64-manylinux_2_30", "x86_64-manylinux_2_28"),
        ("aarch64-manylinux_2_36", "aarch64-manylinux_2_36"),
        ("x86_64-manylinux_2_99", "x86_64-manylinux_2_40"),
    ],
)
def test_wheels_are_resolved_for_a_platform_that_uv_knows(platform, known):
    assert Target.parse("3.11", platform).uv_platform == known


def test_uv_knows_the_platforms_that_are_passed_to_it():
    wrong = [_uv.program(), "pip", "compile", "--python-platform=?", "-"]
    said = subprocess.run(wrong, capture_output=True, text=True, check=False).stderr
    known = set(re.split(r"[\s,\]]+", said.partition("possible values: ")[2]))
    for glibc in range(17, 60):
        for machine in ("x86_64", "aarch64"):
            target = Target.parse("3.11", f"{machine}-manylinux_2_{glibc}")
            assert target.uv_platform in known


@pytest.mark.parametrize("python", ["3", "3.11.7", "2.7", "311", "", "3.x", "3.11\n"])
def test_a_malformed_python_is_a_value_error(function, bundle, python):
    with pytest.raises(ValueError, match="expected a version like"):
        bundle(function, python=python)


@pytest.mark.parametrize(
    "platform", ["linux", "x86_64", "x86_64-manylinux_2_5", "i686-manylinux_2_28", "../x", ""]
)
def test_a_malformed_platform_is_a_value_error(function, bundle, platform):
    with pytest.raises(ValueError, match="expected one like"):
        bundle(function, platform=platform)


def test_a_failure_that_nobody_foresaw_keeps_the_words_of_uv(tmp_path, monkeypatch):
    failed = _uv.Answer(2, "", "error: the moon\n  is full\n")
    monkeypatch.setattr(_uv.Uv, "attempt", lambda *_, **__: failed)
    with pytest.raises(PackagingError) as caught:
        _uv.Uv(no_requirements(tmp_path), TARGET, tmp_path).run("compile")
    assert str(caught.value) == "the dependencies cannot be resolved: the moon is full"
    assert json.dumps(caught.value.details) == '{"uv": "the moon is full"}'


@pytest.mark.network
def test_the_demo_dependencies_resolve_for_both_machines(function, bundle):
    (function / "requirements.txt").write_text("numpy==2.4.6\nonnxruntime==1.32.0\n")
    for platform in ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28"):
        made = bundle(function, platform=platform)
        assert "onnxruntime" in [part.name for part in made.sizes.largest]


@pytest.mark.parametrize("named", [False, True])
def test_a_cache_of_somebody_else(tmp_path, monkeypatch, named):
    """It can be opened, and not written in all places."""
    said = (
        "error: Failed to write to the client cache\n  cause: Permission denied (os error 13)"
        ' at path "/home/me/.cache/uv/simple-v28/pypi/.tmpzJpOB1"\n'
    )
    calls = []

    def call(_, command, *__):
        calls.append(command)
        return _uv.Answer(0 if command[-1].startswith("--cache-dir=") else 2, "", said)

    monkeypatch.setattr(_uv.Uv, "_call", call)
    uv = _uv.Uv(no_requirements(tmp_path), TARGET, tmp_path)
    if named:
        monkeypatch.setenv("UV_CACHE_DIR", "/home/me/.cache/uv")
        with pytest.raises(PackagingError, match=r"cannot write /home/me/.*, in its cache") as told:
            uv.run("compile")
        assert "UV_CACHE_DIR" in told.value.hint
    else:
        monkeypatch.delenv("UV_CACHE_DIR", raising=False)
        with pytest.warns(UserWarning, match="UV_CACHE_DIR"):
            uv.run("compile")
    assert len(calls) == (1 if named else 2)


def test_a_lock_that_cannot_be_written(function, bundle, index):
    index.wheel("helper", "1.0")
    require(function, index, "helper")
    (function / "cape.lock").mkdir()
    with pytest.raises(PackagingError, match=r"cape\.lock cannot be written: is a directory"):
        bundle(function)
    assert sorted(path.name for path in function.iterdir()) == [
        "app.py",
        "cape.lock",
        "requirements.txt",
    ]


def sha256_of(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("form", ["{} --hash=sha256:{}", "{} \\\n    --hash=sha256:{}  # ours"])
def test_a_hash_in_the_requirements_holds(function, bundle, index, form):
    wheel = index.wheel("helper", "1.0")
    index.wheel("other", "1.0")
    require(function, index, "other", form.format("helper==1.0", sha256_of(wheel)))
    assert "helper/__init__.py" in names(bundle(function))
    for _ in ("no lock yet", "a lock"):
        require(function, index, "other", form.format("helper==1.0", "0" * 64))
        with pytest.raises(PackagingError, match=r"^helper==1\.0 is not a file that the req"):
            bundle(function)


def test_a_hash_of_a_wheel_beside_the_function_holds(function, bundle, index):
    made = index.wheel("helper", "1.0")
    wheel = made.rename(function / made.name)
    line = f"./{wheel.name} --hash=sha256:"
    (function / "requirements.txt").write_text(f"{line}{sha256_of(wheel)}\n")
    assert "helper/__init__.py" in names(bundle(function))
    (function / "requirements.txt").write_text(f"{line}{'0' * 64}\n")
    with pytest.raises(PackagingError, match=r"helper.* is not a file"):
        bundle(function)


def test_a_hash_in_the_requirements_that_is_of_no_version_is_refused(function, bundle, index):
    wheel = index.wheel("helper", "1.0")
    require(function, index, f"helper>=1 --hash=sha256:{sha256_of(wheel)}")
    with pytest.raises(PackagingError, match=r"^helper>=1 has hashes .* no version") as refused:
        bundle(function)
    assert "by ==" in refused.value.hint


@pytest.mark.parametrize("digest", ["md5:" + "0" * 32, "sha512:" + "0" * 128])
def test_a_hash_in_the_requirements_that_is_not_compared_is_refused(
    function, bundle, index, digest
):
    index.wheel("helper", "1.0")
    require(function, index, f"helper==1.0 --hash={digest}")
    with pytest.raises(PackagingError, match=r"^requirements\.txt, line \d: .* no SHA-256"):
        bundle(function)


def test_a_hash_in_what_the_requirements_include_holds(function, bundle, index):
    index.wheel("helper", "1.0")
    require(function, index, "helper", "-c more.txt")
    (function / "more.txt").write_text(f"helper==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(PackagingError, match=r"^helper==1\.0 is not a file"):
        bundle(function)

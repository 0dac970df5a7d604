"""`cape package` and `cape deploy --dry-run`: what would be deployed, with nothing left behind."""

import zipfile

import pytest

from pycape.demo import echo_folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A function with a wheel of its own and a large file."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    folder = tmp_path / "function"
    (folder / "wheels").mkdir(parents=True)
    (folder / "app.py").write_text("def cape_handler(data):\n    return data\n")
    (folder / "weights.bin").write_bytes(bytes(3 << 20))
    info = "helper-1.0.dist-info"
    with zipfile.ZipFile(folder / "wheels/helper-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("helper/__init__.py", "")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: helper\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "helper/__init__.py,,\n")
    (folder / "requirements.txt").write_text("./wheels/helper-1.0-py3-none-any.whl\n")
    return folder


@pytest.mark.parametrize("command", ["package", "deploy"])
def test_a_dry_run_tells_all_and_leaves_nothing(cape, folder, command):
    before = sorted(folder.rglob("*"))
    text = cape.ok(command, folder, "--dry-run").text
    assert "   3,145,728  weights.bin\n" in text
    assert "  ./wheels/helper-1.0-py3-none-any.whl\n" in text
    assert "--hash" not in text
    assert "weights.bin" in text.partition("as cape.lock has them")[2], "the largest parts"
    assert sorted(folder.rglob("*")) == before
    assert cape.data("function", "list")["functions"] == []


def test_a_dry_run_for_programs(cape, folder):
    data = cape.data("deploy", folder, "--dry-run", "-n", "another")
    assert data["name"] == "another"
    assert data["largest"][0] == {"name": "weights.bin", "size": 3 << 20, "files": 1}
    fetched = {each["name"]: each["fetched"] for each in data["content"]}
    assert fetched["app.py"] is False
    assert fetched["helper/__init__.py"] is True
    assert data["files"] == len(fetched)
    assert "--hash=sha256:" in data["lock"]
    assert cape.ok("deploy", folder, "--dry-run", "-q").line == data["bundle_sha256"]
    ref = cape.data("deploy", folder)
    shown = cape.data("function", "show", ref["function_id"])
    assert shown["bundle_sha256"] == data["bundle_sha256"]
    assert cape.data("package", folder)["bundle_sha256"] == data["bundle_sha256"]


def test_without_dependencies_there_is_no_lock(cape):
    assert cape.data("package", echo_folder(), "--dry-run")["lock"] is None
    assert "cape.lock" not in cape.ok("deploy", echo_folder(), "--dry-run").text


@pytest.mark.parametrize("option", [["-o", "bundle.zip"], ["--into", "out"]])
def test_a_dry_run_writes_nothing_and_refuses_to(cape, option):
    error = cape.error("package", echo_folder(), "--dry-run", *option)
    assert error["status"] == 2
    assert error["message"] == f"--dry-run writes nothing, and {option[0]} would"


def test_a_dry_run_needs_a_name_that_a_function_can_have(cape):
    assert (
        "cannot be called"
        in cape.error("deploy", echo_folder(), "--dry-run", "-n", "A B")["message"]
    )

"""The files that pin Debian's packages."""

import dataclasses
import hashlib
import re
from pathlib import Path

import pytest
from from_debian import kernel, kernel_record, lock, qemu
from from_debian.error import BuildError

PACKAGE = lock.Package(
    "Debian-Security", "bookworm-security", "linux-source-6.12", "6.12.1-1", "binary", 5, "a" * 64
)


@pytest.mark.parametrize(
    ("path", "uses"), [(kernel.LOCK, ["source"]), (qemu.LOCK, qemu.USES)], ids=["kernel", "qemu"]
)
def test_locks_are_as_they_would_be_written(tmp_path, path, uses):
    lock.write(tmp_path / "source.toml", lock.read(path, *uses))
    assert (tmp_path / "source.toml").read_text() == path.read_text()


def test_the_record_is_of_this_source_and_this_fragment():
    record = kernel_record.read(kernel.RECORD)
    assert record.source == lock.read(kernel.LOCK, "source")["source"].sha256
    assert record.fragment == hashlib.sha256(kernel.FRAGMENT.read_bytes()).hexdigest()
    assert re.fullmatch("[0-9a-f]{64}", record.kernel)


def test_the_tools_of_qemu_s_build_are_pinned_by_hash():
    lines = qemu.REQUIREMENTS.read_text("utf-8").replace("\\\n", "").splitlines()
    pinned = [line for line in lines if not line.startswith("#")]
    assert [line.split("==")[0] for line in pinned] == ["meson", "pycotap"]
    for line in pinned:
        assert re.fullmatch(r"\w+==[0-9.]+ +--hash=sha256:[0-9a-f]{64}", line)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("archive", "Elsewhere"),
        ("suite", "trixie main"),
        ("suite", "../x"),
        ("name", "--option"),
        ("version", "1.0 -o Some=option"),
        ("kind", "both"),
        ("size", 0),
        ("size", 2**31),
        ("size", True),
        ("size", "5"),
        ("sha256", "A" * 64),
        ("sha256", "a" * 63),
    ],
)
def test_a_field_that_is_out_of_form_is_named(tmp_path, field, value):
    file = tmp_path / "source.toml"
    lock.write(file, {"source": PACKAGE})
    good = file.read_text()
    before = dataclasses.asdict(PACKAGE)[field]
    literal = {True: "true"}.get(value, f'"{value}"' if isinstance(value, str) else value)
    file.write_text(re.sub(rf"(?m)^{field} = .*$", f"{field} = {literal}", good))
    assert file.read_text() != good, before
    with pytest.raises(BuildError, match=rf"source\.toml, \[source\]: {field} is not"):
        lock.read(file, "source")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda text: text.replace("size = 5\n", ""), "has other fields than archive, suite"),
        (lambda text: text + 'url = "x"\n', "has other fields than archive, suite"),
        (lambda text: text and "source = 5\n", "has other fields than archive, suite"),
        (lambda text: text + "[other]", "has other tables than source"),
        (lambda text: text[:0], "has other tables than source"),
        (lambda text: text + "[", "cannot be read"),
    ],
)
def test_a_lock_with_other_fields_is_refused(tmp_path, change, complaint):
    file = tmp_path / "source.toml"
    lock.write(file, {"source": PACKAGE})
    file.write_text(change(file.read_text()))
    with pytest.raises(BuildError, match=complaint):
        lock.read(file, "source")


def test_a_lock_that_is_missing_is_told():
    with pytest.raises(BuildError, match=r"none\.toml cannot be read"):
        lock.read(Path("none.toml"), "source")

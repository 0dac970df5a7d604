import shutil

import pytest

from pycape.errors import FileRefused


@pytest.mark.parametrize(
    "name",
    [
        "pkg/_fast.cpython-311-x86_64-linux-gnu.so",
        "pkg/_fast.abi3.so",
        "pkg/_fast.so",
        "pkg.libs/libgomp-a34b3233.so.1.0.0",
    ],
)
def test_a_library_that_fits_is_taken(function, bundle, elf, name):
    file = function / name
    file.parent.mkdir()
    file.write_bytes(elf("x86_64"))
    bundle(function)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("m.cpython-312-x86_64-linux-gnu.so", "for cpython-312"),
        ("m.cpython-313t-x86_64-linux-gnu.so", "for cpython-313t"),
        ("m.cpython-311-aarch64-linux-gnu.so", "for aarch64-linux-gnu"),
        ("m.cpython-311-x86_64-linux-musl.so", "for x86_64-linux-musl"),
        ("m.cpython-311-darwin.so", "for darwin"),
        ("m.pypy311-pp73-x86_64-linux-gnu.so", "for pypy311-pp73"),
        ("m.cp311-win_amd64.pyd", "for Windows"),
        ("libm.dylib", "for macOS"),
    ],
)
def test_a_name_for_another_target_is_refused(function, bundle, elf, name, reason):
    (function / name).write_bytes(elf("x86_64"))
    with pytest.raises(FileRefused, match=f"{name} is {reason}"):
        bundle(function)


@pytest.mark.parametrize("name", ["m.cpython-311-x86_64-linux-gnu.so", "m.abi3.so", "libm.so.6"])
def test_content_for_another_machine_is_refused(function, bundle, elf, name):
    (function / name).write_bytes(elf("aarch64"))
    with pytest.raises(FileRefused, match="is for aarch64; the enclave has"):
        bundle(function)


@pytest.mark.parametrize(
    "content", [b"", b"\x7fELF\x02\x01", b"\xcf\xfa\xed\xfe" + b"\0" * 60, b"MZ" * 40]
)
def test_content_that_is_no_linux_library_is_refused(function, bundle, content):
    (function / "m.so").write_bytes(content)
    with pytest.raises(FileRefused, match="is no library for 64-bit Linux"):
        bundle(function)


def test_a_32_bit_library_is_refused(function, bundle, elf):
    (function / "m.so").write_bytes(elf("x86_64", bits=32))
    with pytest.raises(FileRefused, match="is no library for 64-bit Linux"):
        bundle(function)


def test_a_fetched_extension_module_is_judged(function, bundle, index, elf):
    name = "native/_m.cpython-311-x86_64-linux-gnu.so"
    index.wheel("native", "1.0", files={name: elf("aarch64")})
    (function / "requirements.txt").write_text(f"{index.options}native\n")
    with pytest.raises(FileRefused, match="is for aarch64"):
        bundle(function)


def test_a_fetched_library_for_several_machines_is_left_to_its_package(
    function, bundle, index, elf
):
    files = {"native/attach_arm.so": elf("aarch64"), "native/libm.dylib": b"x"}
    index.wheel("native", "1.0", files=files)
    (function / "requirements.txt").write_text(f"{index.options}native\n")
    names = [entry.name for entry in bundle(function).files]
    assert "native/attach_arm.so" in names


def test_what_was_built_here_is_judged_whole(function, bundle, index, elf):
    index.wheel("native", "1.0", files={"native/libm.so": elf("aarch64")})
    (function / "requirements.txt").write_text(f"{index.options}native\n")
    (function / "cape.toml").write_text("build_sdists = true\n")
    with pytest.raises(FileRefused, match="is for aarch64"):
        bundle(function)


def test_what_the_hint_says_of_a_folder_with_its_dependencies_in_it_helps(
    function, bundle, index, elf
):
    index.wheel("native", "1.0")
    (function / "native").mkdir()
    (function / "native" / "_m.cpython-312-x86_64-linux-gnu.so").write_bytes(elf("x86_64"))
    (function / "native-1.0.dist-info").mkdir()
    (function / "native-1.0.dist-info" / "METADATA").write_text("Name: native\n")
    (function / "requirements.txt").write_text(f"{index.options}native\n")
    with pytest.raises(FileRefused) as refused:
        bundle(function)
    assert "*.dist-info is taken as it is: delete them" in refused.value.hint
    for name in ("native", "native-1.0.dist-info"):
        shutil.rmtree(function / name)
    assert "native==1.0" in bundle(function).lock


def test_the_hint_for_a_file_of_the_folder_alone_helps(function, bundle, index, elf):
    file = function / "native" / "_m.cpython-312-x86_64-linux-gnu.so"
    file.parent.mkdir()
    file.write_bytes(elf("x86_64"))
    index.wheel("native", "1.0")
    (function / "requirements.txt").write_text(f"{index.options}native\n")
    with pytest.raises(FileRefused) as refused:
        bundle(function)
    assert "requirements.txt" in refused.value.hint
    assert "delete this one" in refused.value.hint
    file.unlink()
    bundle(function)


def test_no_file_of_the_folder_is_blamed_for_one_that_was_fetched(function, bundle, index, elf):
    name = "native/_m.cpython-311-x86_64-linux-gnu.so"
    index.wheel("native", "1.0", files={name: elf("aarch64")})
    (function / "requirements.txt").write_text(f"{index.options}native\n")
    with pytest.raises(FileRefused) as refused:
        bundle(function)
    assert "another version of its package" in refused.value.hint

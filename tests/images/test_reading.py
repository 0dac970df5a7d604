"""What is told of an image that is there, and of files that are none."""

import json
import os
import struct
import subprocess
import sys
import zlib
from datetime import UTC, datetime

import pytest

from pycape import images
from pycape.errors import ConfigError, ImageError, ImageMalformed

from . import made


def test_an_image_says_what_it_is(build, signing):
    signer = images.load_signer(*signing(name="tests"))
    built = build(signer=signer)
    image = images.read(built.path)
    assert [section.kind for section in image.sections] == [
        "kernel",
        "command_line",
        "metadata",
        "ramdisk",
        "ramdisk",
        "signature",
    ]
    last = image.sections[-1]
    assert last.offset + last.size == image.size == built.path.stat().st_size
    assert image.certificate.subject == "CN=tests"
    assert image.signature_defect is None
    assert any(image.pcrs[8])


def test_a_signature_is_judged_at_a_time(build, signing):
    built = build(signer=images.load_signer(*signing()))
    later = images.read(built.path, now=datetime(2100, 1, 1, tzinfo=UTC))
    assert "expired" in later.signature_defect
    earlier = images.read(built.path, now=datetime(2000, 1, 1, tzinfo=UTC))
    assert "is valid from" in earlier.signature_defect
    with pytest.raises(ValueError, match="time zone"):
        images.read(built.path, now=datetime(2000, 1, 1))  # noqa: DTZ001 - which is refused


def mended(data):
    """The same image with the checksum that it has to have."""
    crc = zlib.crc32(bytes(data[548:]), zlib.crc32(bytes(data[:544])))
    data[544:548] = struct.pack(">I", crc)
    return data


def test_a_signature_of_another_image_does_not_hold(build, signing):
    built = build(signer=images.load_signer(*signing()))
    data = bytearray(built.path.read_bytes())
    kernel = images.read(built.path).sections[0]
    data[kernel.offset + 100] ^= 1
    built.path.write_bytes(mended(data))
    image = images.read(built.path)
    assert image.signature_defect == "the signature is of another image: its PCR0 differs"
    with pytest.raises(ImageError, match="is of another image"):
        images.policy_of([image])


@pytest.mark.parametrize(
    ("change", "defect"),
    [
        (lambda data: data[:100], "the image ends at byte 100, too early"),
        (lambda _: b"", "the image ends at byte 0, too early"),
        (lambda data: b"PK" + data[2:], 'not an enclave image: it begins with "PKif"'),
        (lambda data: data[:5] + b"\x03" + data[6:], "version 3 instead of 4"),
        (lambda data: data[:600] + b"x" + data[601:], "the checksum of the image is"),
        (lambda data: data + b"x", "bytes behind the last section"),
        (lambda data: data[:540] + b"\x01" + data[541:], "in a field that has to be 0"),
    ],
)
def test_a_defect_is_named(build, change, defect):
    file = build().path
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(ImageMalformed, match=defect) as error:
        images.read(file)
    assert str(error.value).startswith(f"{file}: ")
    assert error.value.code == "CAPE-IMG-001"


def test_there_has_to_be_a_file(tmp_path):
    with pytest.raises(ConfigError, match="there is no image"):
        images.read(tmp_path / "missing.eif")
    with pytest.raises(ImageError, match="directory"):
        images.read(tmp_path)
    with pytest.raises(TypeError):
        images.read(3)


MEASURE = """
import re, sys
from pathlib import Path
from pycape import images
folder = Path(sys.argv[1])
sources = images.Sources(
    kernel=folder / "bzImage", runtime=folder / "runtime", settings=folder / "settings.toml"
)
recipe = images.read_recipe(folder / "image.toml")
images.build(recipe, folder / "large.eif", sources=sources)
image = images.read(folder / "large.eif")
images.compare(image, image)
most = re.search(r"VmHWM:\\s+([0-9]+) kB", Path("/proc/self/status").read_text())[1]
print(image.size, int(most) << 10)
"""


def test_memory_does_not_grow_with_an_image(folder):
    """Built, read and compared. The large file has no blocks on the disk."""
    if sys.platform != "linux":
        pytest.skip("there is no /proc elsewhere")
    with (folder / "large").open("wb") as file:
        file.truncate(400 << 20)
    recipe = f'{made.RECIPE}[[file]]\npath = "large"\nsource = "large"\n'
    (folder / "image.toml").write_text(recipe)
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, folder], capture_output=True, check=True, timeout=300
    )
    size, most = map(int, run.stdout.split())
    assert size > 400 << 20
    assert most < 200 << 20


def test_metadata_of_strangers_is_data(build):
    """An image may call itself anything; its name is text, whatever is in it."""
    file = build().path
    data = bytearray(file.read_bytes())
    section = images.read(file).sections[2]
    metadata = json.loads(data[section.offset : section.offset + section.size])
    metadata["ImageName"] = "\x1b[31m"[: len("tested")]
    text = json.dumps(metadata, separators=(",", ":")).encode()
    assert len(text) >= section.size
    rest = bytes(data[section.offset + section.size :])
    grown = len(text) - section.size
    data = bytearray(bytes(data[: section.offset - 8]) + struct.pack(">Q", len(text)) + text + rest)
    for index in range(3, 5):
        at = 28 + 8 * index
        [offset] = struct.unpack_from(">Q", data, at)
        struct.pack_into(">Q", data, at, offset + grown)
    struct.pack_into(">Q", data, 284 + 16, len(text))
    file.write_bytes(mended(data))
    assert images.read(file).name == "\x1b[31m 1.0"


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, signing):
    os.mkfifo(tmp_path / "pipe")
    signer = images.load_signer(*signing())
    for path, kind in ((tmp_path / "pipe", "a pipe"), ("/dev/zero", "a device")):
        for read in (images.read, lambda path: images.sign(path, tmp_path / "signed.eif", signer)):
            with pytest.raises(ImageError, match=f"is {kind}, and has to be a file"):
                read(path)


INSECURE = """
mode = "development"
insecure_unsigned_documents = true
insecure_nothing = false
[isolation]
insecure_off = ["landlock"]
[insecure_table]
inner = 1
"""


def test_what_is_insecure_in_an_image_is_named(build, folder):
    (folder / "settings.toml").write_text(INSECURE)
    (folder / "vault.key").write_text("ab" * 32)
    built = build(insecure_vault_key=folder / "vault.key")
    assert built.platform == images.platform_of(images.read(built.path))
    assert (built.platform.purpose, built.platform.mode) == ("functions", "development")
    assert built.platform.insecure == (
        "mode",
        "insecure_unsigned_documents",
        "isolation.insecure_off",
        "insecure_table.inner",
        "vault.key",
    )
    (folder / "settings.toml").write_text('mode = "production"\n')
    built = build()
    assert built.platform == images.platform_of(images.read(built.path))
    assert built.platform.insecure == ()


def test_a_signed_image_is_as_insecure_as_it_was(build, tmp_path, signing):
    signer = images.load_signer(*signing())
    signed = images.sign(build().path, tmp_path / "signed.eif", signer)
    assert signed.platform.insecure == ("mode",)


def with_other(path, index, old, new):
    """Change bytes of a ramdisk, and return the image as it is then."""
    data = bytearray(path.read_bytes())
    ramdisk = images.read(path).ramdisks[index]
    at = data.index(old, ramdisk.offset)
    assert len(old) == len(new)
    data[at : at + len(old)] = new
    path.write_bytes(mended(data))
    return images.read(path)


def test_what_an_image_is_for_may_not_be_known(build):
    """Images of others, or of somebody who hides what is in them."""
    for index, old, new, defect in (
        (
            1,
            b"070701",
            b"\x1f\x8b0701",
            "a ramdisk is of a form that is not read here: not an arch",
        ),
        (
            0,
            b"cape/settings.toml",
            b"cape/Settings.toml",
            "ramdisk 0 has 'cape/Settings.toml' (file), which no image of Cape",
        ),
        (0, b"mode =", b"mode :", "cape/settings.toml is not TOML: "),
        (0, b"mode =", b"mode\xff=", "cape/settings.toml is not TOML: "),
    ):
        platform = images.platform_of(with_other(build().path, index, old, new))
        assert platform.defect.startswith(defect)
        assert (platform.purpose, platform.mode, platform.insecure) == (None, None, None)

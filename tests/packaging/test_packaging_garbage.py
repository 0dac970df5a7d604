"""Whatever comes in, only Cape's own errors come out."""

import contextlib
import io
import zipfile

from hypothesis import given, settings
from hypothesis import strategies as st

from pycape.errors import CapeError, ConfigError
from pycape.packaging import load_settings, package

APP = "def cape_handler(input):\n    return input\n"


def zip_of(method):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as opened:
        opened.writestr("app.py", APP)
        opened.writestr("data/\u00e9t\u00e9.bin", bytes(range(256)) * 4)
        opened.writestr("cape.toml", "memory_mib = 64\n")
    return buffer.getvalue()


ZIPS = [zip_of(zipfile.ZIP_STORED), zip_of(zipfile.ZIP_DEFLATED)]


@st.composite
def damaged_zips(draw):
    data = bytearray(draw(st.sampled_from(ZIPS)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(data)


def try_to_package(folder):
    with contextlib.suppress(CapeError):
        package(folder, python="3.11", platform="x86_64-manylinux_2_28").close()


@settings(deadline=None, max_examples=300)
@given(data=damaged_zips() | st.binary(max_size=100))
def test_a_damaged_zip(tmp_path_factory, data):
    archive = tmp_path_factory.getbasetemp() / "damaged.zip"
    archive.write_bytes(data)
    try_to_package(archive)


@settings(deadline=None, max_examples=100)
@given(source=st.binary(max_size=60), ignored=st.binary(max_size=30))
def test_garbage_in_the_folder(tmp_path_factory, source, ignored):
    folder = tmp_path_factory.getbasetemp() / "garbage"
    folder.mkdir(exist_ok=True)
    (folder / "app.py").write_bytes(source)
    (folder / ".capeignore").write_bytes(ignored)
    try_to_package(folder)


@settings(deadline=None, max_examples=200)
@given(
    key=st.sampled_from(["name", "env", "timeout_s", "requirements", "tool", "nothing"]),
    value=st.text(max_size=20) | st.sampled_from(["1", "nan", "[]", "{}", "1979-05-27", "''"]),
)
def test_garbage_in_the_settings(tmp_path_factory, key, value):
    folder = tmp_path_factory.getbasetemp()
    (folder / "cape.toml").write_text(f"{key} = {value}\n", encoding="utf-8")
    with contextlib.suppress(ConfigError):
        load_settings(folder)

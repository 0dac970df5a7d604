import base64
import hashlib
import zipfile

import pytest

from pycape.packaging import package

PLATFORM = "x86_64-manylinux_2_28"


@pytest.fixture
def function(tmp_path):
    """A folder with the smallest function there is."""
    folder = tmp_path / "function"
    folder.mkdir()
    (folder / "app.py").write_text("def cape_handler(input):\n    return input\n")
    return folder


@pytest.fixture
def bundle(request):
    """Package a folder for an enclave, closing the result when the test ends."""

    def make(folder, python="3.11", platform=PLATFORM, **options):
        made = package(folder, python=python, platform=platform, **options)
        request.addfinalizer(made.close)
        return made

    return make


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A package index of our own: `index.wheel(...)` adds to it. No network is used."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    return Index(tmp_path / "wheels")


class Index:
    def __init__(self, folder):
        folder.mkdir()
        self.folder = folder

    @property
    def options(self):
        """The lines of a requirements file that name this index and no other."""
        return f"--no-index\n--find-links {self.folder}\n"

    def wheel(self, name, version, tag="py3-none-any", *, files=None, requires=(), scripts=None):
        """Write a wheel with one module, and what else is asked for."""
        info = f"{name}-{version}.dist-info"
        requirements = "".join(f"Requires-Dist: {each}\n" for each in requires)
        content = {
            f"{name}/__init__.py": f"__version__ = {version!r}\n",
            **(files or {}),
            f"{info}/METADATA": "Metadata-Version: 2.1\n"
            f"Name: {name}\nVersion: {version}\n{requirements}",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\n"
            f"Root-Is-Purelib: true\nTag: {tag}\n",
            f"{info}/licenses/LICENSE": "free\n",
        }
        if scripts:
            content[f"{info}/entry_points.txt"] = f"[console_scripts]\n{scripts}\n"
        record = "".join(f"{path},{_record(data)}\n" for path, data in content.items())
        content[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
        file = self.folder / f"{name}-{version}-{tag}.whl"
        with zipfile.ZipFile(file, "w") as wheel:
            for path, data in content.items():
                wheel.writestr(path, data)
        return file


def _record(data):
    data = data if isinstance(data, bytes) else data.encode()
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"sha256={digest},{len(data)}"


@pytest.fixture
def elf():
    """The header of a 64-bit Linux library for a machine."""
    machines = {"x86_64": 62, "aarch64": 183}

    def header(machine, bits=64):
        start = b"\x7fELF" + (b"\x02" if bits == 64 else b"\x01") + b"\x01\x01" + b"\0" * 9
        return start + b"\x03\0" + machines[machine].to_bytes(2, "little") + b"\0" * 44

    return header

"""What a worker byte-compiles, and that others then find it."""

import re
import struct
import subprocess
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest

SHIM = Path(__file__).parents[2] / "enclave-runtime" / "shim" / "shim.py"

LOAD, COMPILE, COMPILE_IMPORTED = 1, 2, 6
READY, DONE = 17, 18

COMMAND = "import sys; sys.path.insert(0, sys.argv.pop(1)); import _cape_worker as w; w.main()"


class Interpreter:
    """One that runs the shim, and keeps what is compiled below `prefix`."""

    def __init__(self, prefix: Path, shim: Path) -> None:
        options = ["-I", "-S", "-v", "-X", f"pycache_prefix={prefix}", "-c", COMMAND]
        self.process = subprocess.Popen(
            [sys.executable, *options, str(shim), "0,1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.receive(READY)

    def ask(self, kind: int, *fields: str) -> None:
        self.send(kind, *fields)
        self.receive(DONE)

    def send(self, kind: int, *fields: str) -> None:
        payload = b"".join(struct.pack(">I", len(field)) + field.encode() for field in fields)
        self.process.stdin.write(struct.pack(">IB", len(payload), kind) + payload)
        self.process.stdin.flush()

    def receive(self, expected: int) -> None:
        length, kind = struct.unpack(">IB", self.process.stdout.read(5))
        self.process.stdout.read(length)
        assert kind == expected

    def close(self) -> str:
        """End it, and return what it has told of its imports."""
        return self.process.communicate(timeout=60)[1].decode()


@pytest.fixture
def shim(tmp_path):
    folder = tmp_path / "shim"
    folder.mkdir()
    (folder / "_cape_worker.py").write_text(SHIM.read_text())
    return folder


@pytest.fixture
def prefix(tmp_path):
    """Where nothing can be compiled as yet."""
    path = tmp_path / "pycache"
    path.write_text("a file, in which nothing can be written")
    return path


def make_writable(prefix: Path) -> None:
    prefix.unlink()
    prefix.mkdir()


def compiled_below(folder: Path) -> set[str]:
    return {path.name.partition(".")[0] for path in folder.rglob("*.pyc")}


def test_what_it_began_with_is_compiled_and_the_next_one_finds_it(prefix, shim):
    first = Interpreter(prefix, shim)
    make_writable(prefix)
    first.ask(COMPILE_IMPORTED)
    said = first.close()
    sources = set(re.findall(r"# code object from (\S+\.py)\n", said))
    assert {Path(source).stem for source in sources} >= {"_cape_worker", "struct", "utf_8"}

    said = Interpreter(prefix, shim).close()
    assert not re.findall(r"# code object from \S+\.py\n", said)
    assert len(re.findall(r"# code object from '\S+\.pyc'\n", said)) == len(sources)


def test_nothing_of_what_is_compiled_runs_and_little_is_imported_for_it(prefix, shim, tmp_path):
    sources = tmp_path / "sources"
    (sources / "package").mkdir(parents=True)
    (sources / "runs.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    (sources / "package" / "inner.py").write_text("x = 1")
    interpreter = Interpreter(prefix, shim)
    make_writable(prefix)
    interpreter.ask(COMPILE, "", str(sources), "1000000")
    said = interpreter.close()
    assert compiled_below(prefix / str(sources)[1:]) == {"runs", "inner"}
    assert not (tmp_path / "ran").exists()
    imported = set(re.findall(r"^import '(\S+)'", said, re.MULTILINE))
    assert "_cape_worker" in imported
    assert not imported & {"compileall", "pathlib", "py_compile", "re"}


def test_it_leaves_out_what_it_is_told_to_and_what_it_cannot_compile(prefix, shim, tmp_path):
    sources = tmp_path / "sources"
    (sources / "test" / "deeper").mkdir(parents=True)
    (sources / "good.py").write_text("x = 1")
    (sources / "broken.py").write_text("x = (")
    (sources / "zero.py").write_text("x = '\0'")
    (sources / "grows.py").write_text("".join(f"x='{n:016x}'*256\n" for n in range(500)))
    (sources / "text.txt").write_text("x = 1")
    (sources / "nowhere.py").symlink_to("missing.py")
    (sources / "test" / "deeper" / "left_out.py").write_text("x = 1")
    interpreter = Interpreter(prefix, shim)
    make_writable(prefix)
    interpreter.ask(COMPILE, "", str(sources), "1000000", "test")
    interpreter.close()
    below = prefix / str(sources)[1:]
    assert compiled_below(below) == {"good"}
    (compiled,) = below.rglob("*.pyc")
    assert compiled.read_bytes().startswith(MAGIC_NUMBER)


def test_it_ends_when_it_has_written_what_it_may(prefix, shim, tmp_path):
    sources = tmp_path / "sources"
    sources.mkdir()
    for number in range(20):
        (sources / f"module_{number}.py").write_text("x = 1")
    interpreter = Interpreter(prefix, shim)
    make_writable(prefix)
    interpreter.ask(COMPILE, "", str(sources), "1")
    interpreter.close()
    assert len(compiled_below(prefix / str(sources)[1:])) == 1


def test_who_was_asked_for_the_one_may_be_asked_for_the_other(prefix, shim, tmp_path):
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "module.py").write_text("x = 1")
    interpreter = Interpreter(prefix, shim)
    make_writable(prefix)
    interpreter.ask(COMPILE_IMPORTED)
    interpreter.ask(COMPILE, "", str(sources), "1000000")
    interpreter.close()
    assert compiled_below(prefix) > {"_cape_worker", "struct", "module"}


def test_who_may_write_what_is_compiled_is_given_no_function(prefix, shim, tmp_path):
    (tmp_path / "app.py").write_text("def cape_handler(data): return data")
    interpreter = Interpreter(prefix, shim)
    interpreter.ask(COMPILE_IMPORTED)
    interpreter.send(LOAD, "", str(tmp_path), "app:cape_handler", "")
    assert interpreter.process.stdout.read() == b""
    interpreter.close()

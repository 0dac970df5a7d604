"""Builds that are killed: nothing is left of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.processes import is_running, wait_until

from . import made

STOPPED = """
import sys
from pathlib import Path
from pycape import images
folder, stop = Path(sys.argv[1]), sys.argv[2]
def report(progress):
    if progress.phase == stop and progress.done:
        print(progress.phase, flush=True)
        sys.stdin.read()
recipe = images.read_recipe(folder / "image.toml")
container = folder / "app.tar" if (folder / "app.tar").exists() else None
sources = images.Sources(
    kernel=folder / "bzImage",
    runtime=folder / "runtime",
    settings=None if container else folder / "settings.toml",
    container=container,
    package_folder=None if container else folder / "packages",
)
output = folder / "out" / "image.eif"
images.build(recipe, output, sources=sources, progress=report)
print("built", flush=True)
images.check_reproduced(output, recipe, sources=sources, progress=report)
"""


@pytest.fixture
def stopped(folder):
    """A build, in a process of its own, that stands still in a phase; it is killed in the end."""
    (folder / "out").mkdir()
    processes = []

    def stopped(phase):
        process = subprocess.Popen(
            [sys.executable, "-c", STOPPED, folder, phase],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield stopped
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("phase", ["unpack", "write"])
@pytest.mark.parametrize("of_container", [False, True], ids=["packages", "container"])
def test_a_build_that_is_killed_leaves_nothing(folder, packaged, stopped, phase, of_container):
    with (folder / "large").open("wb") as file:
        file.truncate(8 << 20)
    large = '[[file]]\npath = "large"\nsource = "large"\n'
    text, _ = packaged(made.entry("./usr/bin/tool", os.urandom(1 << 20), mode=0o755))
    if of_container:
        layer = made.tar(made.entry("bin"), made.APP, made.entry("x", os.urandom(1 << 20)))
        made.Container(layer).layout_tar(folder / "app.tar")
        text = made.RECIPE
    (folder / "image.toml").write_text(text + large)
    process = stopped(phase)
    assert process.stdout.readline() == f"{phase}\n"
    process.kill()
    process.wait()
    assert [*(folder / "out").iterdir()] == []


def test_a_second_build_that_is_killed_leaves_nothing(folder, packaged, stopped):
    """It is another process, which ends by itself, and what it writes has no name."""
    with (folder / "large").open("wb") as file:
        file.truncate(64 << 20)
    text, _ = packaged(made.entry("./usr/bin/tool", b"#!", mode=0o755))
    (folder / "image.toml").write_text(f'{text}[[file]]\npath = "large"\nsource = "large"\n')
    process = stopped("none")
    assert process.stdout.readline() == "built\n"
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not (second := children.read_text().split()):
        assert process.poll() is None
    process.kill()
    process.wait()
    assert [path.name for path in (folder / "out").iterdir()] == ["image.eif"]
    wait_until(lambda: not is_running(int(second[0])))
    assert [path.name for path in (folder / "out").iterdir()] == ["image.eif"]

"""One upload in a process of its own: `python -m benches.upload`.

`deploy CONFIG FOLDER NAME` deploys a folder, `pack CONFIG FOLDER` does the part of it that sends
nothing, and `plain URL FILE` sends a file in messages to a server that counts. Prints the seconds
it took, and the memory beyond what the process had after its imports, as a line of JSON.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pycape import Cape
from pycape.packaging import package

from .children import peak_memory
from .connections import MESSAGE, connected, counted


def _deploy(config: str, folder: str, name: str) -> Callable[[], object]:
    cape = Cape(config_dir=config)
    return lambda: cape.deploy(folder, name=name)


def _pack(config: str, folder: str) -> Callable[[], object]:
    profile = Cape(config_dir=config)._platform.config.require_profile()

    def pack() -> None:
        with package(folder, python=profile.python, platform=profile.platform):
            pass

    return pack


def _plain(url: str, path: str) -> Callable[[], object]:
    def upload() -> None:
        with connected(url) as connection, Path(path).open("rb") as file:
            counted(connection, iter(lambda: file.read(MESSAGE), b""))

    return upload


_KINDS: dict[str, Callable[..., Callable[[], object]]] = {
    "deploy": _deploy,
    "pack": _pack,
    "plain": _plain,
}

if __name__ == "__main__":
    kind, *arguments = sys.argv[1:]
    work = _KINDS[kind](*arguments)
    before, start = peak_memory("self"), time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "memory": peak_memory("self") - before}), flush=True)

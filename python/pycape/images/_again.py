"""The second build, in a process of its own: `_reproduce` starts it, and gives it all it needs."""

import pickle
import sys
from pathlib import Path

from pycape.errors import CapeError
from pycape.images._build import build


def _main() -> None:
    # From the process that started this one, and from nobody else.
    recipe, sources, output = pickle.load(sys.stdin.buffer)  # noqa: S301
    try:
        build(recipe, Path(output), sources=sources)
    except CapeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    _main()

"""The second build, in a process of its own: `_reproduce` starts it, and gives it all it needs."""

import json
import pickle
import sys

from pycape.errors import CapeError
from pycape.images._build import build_into
from pycape.images._progress import silent
from pycape.images._system import as_our_errors


def _main() -> None:
    # From the process that started this one, and from nobody else.
    recipe, sources, folder, descriptor = pickle.load(sys.stdin.buffer)  # noqa: S301
    try:
        with as_our_errors(), open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123
            build_into(file, folder, recipe, sources, signer=None, report=silent)
    except CapeError as error:
        sys.exit(json.dumps([str(error), error.hint]))


if __name__ == "__main__":
    _main()

"""The command line. Each command is a file here, loaded when it is asked for."""

import sys
from typing import NoReturn

__all__ = ["main"]

_INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line and exit with its status."""
    try:
        # Half of what a short command takes is importing: Ctrl-C meets that as well.
        from pycape.cli._main import main as run_and_exit  # noqa: PLC0415

        run_and_exit()
    except KeyboardInterrupt:
        sys.stderr.write("\ncape: error: interrupted\n")
        sys.exit(_INTERRUPTED)

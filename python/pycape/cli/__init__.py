"""The command line. Each command is a file here, loaded when it is asked for."""

from pycape.cli._main import main

__all__ = ["main"]

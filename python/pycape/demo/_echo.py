"""The echo function: nothing to download, so the first proof takes seconds."""

from pathlib import Path


def echo_folder() -> Path:
    """Return the folder of a function that returns its input. It has no dependencies."""
    return Path(__file__).parent / "_functions" / "echo"

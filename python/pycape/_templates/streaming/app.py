from collections.abc import Iterator
from typing import BinaryIO


def cape_handler(lines: BinaryIO) -> Iterator[str]:
    """Number lines. Each is taken as it comes, and given before the next one is there."""
    for number, line in enumerate(lines, 1):
        yield f"{number} {line.decode()}"

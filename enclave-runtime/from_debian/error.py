"""How a build ends that cannot go on, and what it says on the way."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class BuildError(Exception):
    """Says what is wrong, and with `hint` what to do about it."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def say(text: str) -> None:
    """Tell whoever waits; standard output has nothing but the result."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def run(main: Callable[[], Path]) -> None:
    """Print the path that a command comes to, or end the process with what went wrong."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        result = main()
    except BuildError as error:
        say(f"error: {error}")
        if error.hint is not None:
            say(f"hint: {error.hint}")
        sys.exit(1)
    except OSError as error:
        say(f"error: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        say("interrupted: nothing is half done")
        sys.exit(130)
    sys.stdout.write(f"{result}\n")


@contextmanager
def interrupts_later() -> Iterator[None]:
    """Hold back what interrupts the build until the end, so that nothing is begun unnoticed."""
    came: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in handlers:
        signal.signal(number, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt

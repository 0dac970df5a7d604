"""Several threads at the same work."""

import threading
from collections.abc import Callable


def in_threads(use: Callable[[int], object], count: int) -> None:
    """Run `use(number)` in threads, and raise what one of them raised."""
    raised = []

    def run(number: int) -> None:
        try:
            use(number)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]

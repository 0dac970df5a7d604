"""Parts of pages that are kept up to date: as many as may be, and given back."""

from contextlib import ExitStack

from tests.e2e.processes import wait_until

from pycape.console import Console
from pycape.console.streams import MOST_STREAMS

from .conftest import Visitor


def test_too_many_are_refused_until_some_are_given_back(home):
    with Console(config_dir=home) as console:
        visitor = Visitor(console)
        visitor.enter(console)

        def status() -> int:
            with visitor.http.stream("GET", "/calls/changes") as changes:
                return changes.status_code

        with ExitStack() as watching:
            watched = []
            for _ in range(MOST_STREAMS):
                changes = watching.enter_context(visitor.http.stream("GET", "/calls/changes"))
                watched.append(changes.iter_lines())
                assert next(watched[-1]) == "event: picture"
            assert status() == 503
        wait_until(lambda: status() == 200)
        visitor.http.close()

"""`verbose=True`: what is logged, where, and that text of others in it controls no terminal."""

import logging

import pytest

from pycape import AsyncCape, Cape

pytestmark = pytest.mark.usefixtures("folder")

HOSTILE = "before \x00\x07\x1b[2J\x1b]0;t\x07\x7f\x9b31m\r\u202e\u2028 after"


@pytest.fixture
def logger_of(monkeypatch):
    """Return the logger `pycape` with these handlers and no others; afterwards it is as it was."""
    logger = logging.getLogger("pycape")
    level = logger.level

    def of(*handlers: logging.Handler) -> logging.Logger:
        # In the test itself: before it, pytest would add a handler of its own.
        monkeypatch.setattr(logger, "handlers", list(handlers))
        monkeypatch.setattr(logger, "propagate", False)
        return logger

    yield of
    logger.setLevel(level)


@pytest.mark.parametrize("client", [Cape, AsyncCape])
def test_text_of_others_controls_no_terminal(logger_of, capsys, client):
    logger = logger_of()
    client(verbose=True)
    logger.debug("%s\n\tis new", HOSTILE)
    try:
        raise LookupError(HOSTILE)
    except LookupError:
        logger.exception("failed")
    told = capsys.readouterr().err
    assert told.count("before") == 2
    assert "after\n\tis new\nfailed\nTraceback" in told
    assert {c for c in told if not c.isprintable()} == {"\n", "\t"}


def test_it_is_told_once(logger_of, capsys):
    logger = logger_of()
    for _ in range(3):
        Cape(verbose=True)
    logger.debug("one line")
    assert capsys.readouterr().err == "one line\n"


def test_a_program_that_sees_to_logging_gets_what_was_logged(logger_of, capsys):
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = logger_of(handler)
    Cape(verbose=True)
    logger.debug("%s", HOSTILE)
    assert [record.getMessage() for record in records] == [HOSTILE]
    assert capsys.readouterr().err == ""

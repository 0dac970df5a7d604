"""What is logged, made fit for a terminal."""

from __future__ import annotations

import logging

from ._strangers import harmless


class HarmlessFormatter(logging.Formatter):
    """Leaves out of each line, and of its traceback, what would control a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return its text."""
        return harmless(super().format(record))

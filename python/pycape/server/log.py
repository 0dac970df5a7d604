"""The control plane's log: one JSON object a line, never a payload, a token or a key.

It goes to the standard library's logger `pycape.server`, and so by default nowhere but for its
warnings, which the standard library writes to stderr. `log_to` shows all of it.
"""

import logging
from typing import TextIO, TypeAlias

import structlog

Logger: TypeAlias = structlog.stdlib.BoundLogger

_root = logging.getLogger("pycape.server")


def get_logger() -> Logger:
    """Make a logger."""
    logger: Logger = structlog.wrap_logger(
        _root,
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return logger


def log_to(stream: TextIO, level: int = logging.INFO) -> logging.Handler:
    """Write the log to a stream; `stop_logging` takes the handler."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))
    _root.addHandler(handler)
    _root.setLevel(level)
    _root.propagate = False  # whoever shows the library's own log would show these lines again
    return handler


def stop_logging(handler: logging.Handler) -> None:
    """Undo `log_to`."""
    _root.removeHandler(handler)
    if not _root.handlers:
        _root.setLevel(logging.NOTSET)
        _root.propagate = True

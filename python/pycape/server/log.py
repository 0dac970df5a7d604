"""The control plane's log: one JSON object a line, never a payload, a token or a key.

It goes to the logger `pycape.server` of the standard library and is silent until that has a
handler: a library does not decide where its log goes.
"""

import logging
from typing import Any, TextIO

import structlog

_root = logging.getLogger("pycape")
_root.addHandler(logging.NullHandler())


def get_logger(name: str, **facts: Any) -> structlog.stdlib.BoundLogger:
    """Make a logger whose lines all carry `facts`."""
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return logger.bind(**facts)


def log_to(stream: TextIO, level: int = logging.INFO) -> logging.Handler:
    """Write the log to a stream; `stop_logging` takes the handler."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))
    _root.addHandler(handler)
    _root.setLevel(level)
    return handler


def stop_logging(handler: logging.Handler) -> None:
    """Undo `log_to`."""
    _root.removeHandler(handler)

"""What the library logs and warns of, as lines on stderr."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import TYPE_CHECKING, Any

from pycape._harmless_log import HarmlessFormatter
from pycape._strangers import harmless

if TYPE_CHECKING:
    from pycape.cli._context import Context


def log_to_stderr(context: Context) -> None:
    """Show the library's announcements, and with -v what it does, as lines on stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(HarmlessFormatter("cape: %(message)s"))
    logger = logging.getLogger("pycape")
    logger.handlers = [handler]
    logger.setLevel(logging.DEBUG if context.verbose else logging.WARNING)
    warnings.showwarning = _show_warning  # type: ignore[assignment]  # takes what it needs


def _show_warning(message: Warning | str, *_: Any) -> None:
    print(f"cape: warning: {harmless(str(message))}", file=sys.stderr)  # noqa: T201 - a command line

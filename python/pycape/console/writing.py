"""How pages are written: nothing that a template is given is ever more than text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pycape import __version__
from pycape._clock import show_time
from pycape._strangers import harmless
from pycape.cli._verdict import GENUINE
from pycape.console.forms import FORM_TOKEN, MOST_INPUT
from pycape.console.phases import PHASES
from pycape.local.runs import PHASES as RUN_PHASES


def create_environment() -> Environment:
    """Return what the templates of this package are written with."""
    environment = Environment(
        loader=PackageLoader("pycape.console"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "bytes": _bytes,
        "clock": _clock,
        "common_name": _common_name,
        "duration": _duration,
        "thousands": "{:,}".format,
        "time": show_time,
        "with_code": _with_code,
    }
    environment.globals |= {
        "GENUINE": GENUINE,
        "form_token_name": FORM_TOKEN,
        "most_input": MOST_INPUT,
        "phase_names": PHASES,
        "release": __version__,
        "run_phases": RUN_PHASES,
    }
    return environment


def _shown(value: Any) -> Any:
    """Show what anybody may have written, without what would control the reader's screen."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return harmless(value)


def _bytes(count: int) -> str:
    return f"{count:,} byte" if count == 1 else f"{count:,} bytes"


def _with_code(text: str) -> Markup:
    """Show what stands between backticks as code, as a hint has commands."""
    parts = harmless(text).split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part
        for place, part in enumerate(parts)
    )


def _clock(moment: datetime) -> str:
    """Return the time of the day in UTC."""
    return moment.astimezone(UTC).strftime("%H:%M:%SZ")


def _common_name(subject: str) -> str:
    """Return what tells a certificate's subject from others."""
    found = re.search(r"CN=([^,]+)", subject)
    return subject if found is None else found[1]


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:,.2f} s"

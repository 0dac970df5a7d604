"""How pages are written: nothing that a template is given is ever more than text."""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pycape import __version__
from pycape._clock import show_time
from pycape._strangers import harmless
from pycape.cli._verdict import GENUINE
from pycape.console.forms import FORM_TOKEN, MOST_INPUT
from pycape.console.phases import PHASES


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
        "common_name": _common_name,
        "duration": _duration,
        "thousands": "{:,}".format,
        "time": show_time,
    }
    environment.globals |= {
        "GENUINE": GENUINE,
        "form_token_name": FORM_TOKEN,
        "most_input": MOST_INPUT,
        "phase_names": PHASES,
        "release": __version__,
    }
    return environment


def _shown(value: Any) -> Any:
    """Show what anybody may have written, without what would control the reader's screen."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return harmless(value)


def _common_name(subject: str) -> str:
    """Return what tells a certificate's subject from others."""
    found = re.search(r"CN=([^,]+)", subject)
    return subject if found is None else found[1]


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:,.2f} s"

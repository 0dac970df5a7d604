"""What a check found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pycape.errors import CapeError

State = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """One check: its state, what was found in words and as facts, and what to do about it.

    `skipped` is what does not apply here, or could not be looked at since another check failed.
    """

    name: str
    state: State
    says: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    fix: str | None = None


Checks = Iterator[Finding]


def from_error(name: str, error: CapeError, *, fix: str) -> Finding:
    """Return what failed, with the error's own hint or else `fix`."""
    facts = {"code": error.code}
    return Finding(name, "failed", f"{error} ({error.code})", facts, error.hint or fix)


def attempted(name: str, check: Callable[[], Finding], *, fix: str) -> Finding:
    """Make a check for which any error of ours, or of the system, is a failure."""
    try:
        return check()
    except CapeError as error:
        return from_error(name, error, fix=fix)
    except OSError as error:
        return Finding(name, "failed", f"{error.filename}: {error.strerror}", fix=fix)

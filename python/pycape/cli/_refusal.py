"""A refusal of an attestation document or a receipt: the checks up to the one that failed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from pycape.cli._verdict import as_rows

if TYPE_CHECKING:
    from pycape._evidence import Check
    from pycape.cli._context import Context
    from pycape.errors import AttestationError


def tell_refused(
    context: Context, error: AttestationError, checks: list[Check], **facts: Any
) -> dict[str, Any]:
    """Show the checks up to the one that failed, and return that for programs.

    In JSON it is the data beside the error, with `facts`.
    """
    told = {**facts, "checks": [asdict(check) for check in checks], "mismatch": _mismatch(error)}
    context.found = told
    if checks and not (context.quiet or context.for_programs):
        click.echo(as_rows(checks))
    return told


def _mismatch(error: AttestationError) -> dict[str, Any] | None:
    """Return what differs where measurements do: of the release that came closest."""
    from pycape.errors import PcrMismatch  # noqa: PLC0415 - `cape --help` does without

    if not isinstance(error, PcrMismatch) or error.expected is None:
        return None
    return {
        "release": error.details.get("release"),
        "index": error.index,
        "expected": error.expected,
        "actual": error.actual,
    }

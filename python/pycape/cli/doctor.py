"""cape doctor."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

import pycape
from pycape._strangers import harmless
from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import ChecksFailed

if TYPE_CHECKING:
    from pycape.cli._doctor._finding import State
    from pycape.cli._doctor._groups import Group

_STATES: tuple[State, ...] = ("ok", "warning", "failed", "skipped")
_MARKS = {"ok": "ok", "warning": "WARNING", "failed": "FAILED", "skipped": "-"}
_MARK_WIDTH = 7
_NAME_WIDTH = 17


@click.command("doctor", cls=CapeCommand, example="cape doctor")
@click.option(
    "--host", is_flag=True, help="Look at what the agent of a host needs, as `cape host doctor`."
)
@pass_context
def command(context: Context, host: bool) -> None:
    """Look at everything that Cape needs, and say what to do about what is wrong.

    It looks at Python and the package, settings and who may change them, the network, clocks, an
    enclave's proof and the layers around functions, the tools for packaging, and at what local
    platforms and hosts of enclaves need. What does not apply here is skipped. Nothing is changed.

    The output has no secret in it, and no name of an account: it can be pasted. The status is 0
    when nothing failed, also where there are warnings; else 1.
    """
    from pycape.cli._doctor._groups import all_groups  # noqa: PLC0415 - `cape --help` does without
    from pycape.cli._doctor._machine import Machine  # noqa: PLC0415

    if host:
        from pycape.cli._host_agent import DEFAULT_CONFIGURATION, examine  # noqa: PLC0415

        examine(context, DEFAULT_CONFIGURATION)
        return
    tell(context, list(all_groups(context, Machine())))


def tell(context: Context, groups: list[Group]) -> None:
    """Tell what was found.

    Raises:
        ChecksFailed: something is wrong.
    """
    counts = Counter(finding.state for group in groups for finding in group.findings)
    data = _as_json(groups, counts)
    text = _as_text(groups, counts)
    if not counts["failed"]:
        context.result(data, text, "warning" if counts["warning"] else "ok")
        return
    context.found = data
    if not (context.quiet or context.for_programs):
        click.echo(harmless(text))
    names = [each.name for group in groups for each in group.findings if each.state == "failed"]
    raise ChecksFailed(
        f"{_count(counts['failed'], 'check')} failed: {', '.join(names)}",
        hint="each says above what to do, beside `fix`"
        if not context.quiet
        else "`cape doctor` says what to do",
    )


def _as_json(groups: list[Group], counts: Counter[State]) -> dict[str, Any]:
    return {
        "version": pycape.__version__,
        "counts": {state: counts[state] for state in _STATES},
        "checks": [
            {
                "group": group.name,
                "name": finding.name,
                "state": finding.state,
                "says": finding.says,
                "facts": dict(finding.facts),
                "fix": finding.fix,
            }
            for group in groups
            for finding in group.findings
        ],
    }


def _as_text(groups: list[Group], counts: Counter[State]) -> str:
    """Return it for a person, at a terminal of 80 columns."""
    from pycape.cli._text import LINE, wrapped  # noqa: PLC0415 - `cape --help` does without

    indent = 2 + _MARK_WIDTH + 2 + _NAME_WIDTH + 2
    lines = [f"cape {pycape.__version__}"]
    for group in groups:
        lines += ["", group.name]
        for finding in group.findings:
            beside = wrapped(finding.says, LINE - indent)
            if finding.fix is not None:
                beside += wrapped(f"fix: {finding.fix}", LINE - indent)
            first = f"  {_MARKS[finding.state]:{_MARK_WIDTH}}  {finding.name:{_NAME_WIDTH}}"
            lines.append(f"{first}  {beside[0]}".rstrip())
            lines += [f"{'':{indent}}{line}" for line in beside[1:]]
    told = [f"{counts[state]} {_word(state)}" for state in _STATES if counts[state]]
    return "\n".join([*lines, "", ", ".join(told)])


def _word(state: str) -> str:
    return "with a warning" if state == "warning" else state


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

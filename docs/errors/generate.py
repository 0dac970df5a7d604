"""Write a page for each error code: its class's docstring and hint, and `cape explain`'s text.

python docs/errors/generate.py
"""

from pathlib import Path

from pycape import errors
from pycape.cli._explanations import ErrorClass, classes, explanations, summary
from pycape.cli._failure import status_of

HERE = Path(__file__).parent
INDEX = """\
# Errors

Every error of `pycape` and of `cape` has a code, which never changes its meaning: in Python
`error.code`, beside `error.hint` and `error.docs_url`. `cape explain CODE` prints what its page
says. Errors of enclaves and control planes arrive under the same names. With `--json` a command
that fails prints `{"ok": false, "data", "error"}`; `error` has these members, whichever error it
is:

| member | what it is |
|---|---|
| `code` | the code, as in the table below |
| `message` | what `cape` says without `--json` |
| `hint` | what to do, or null |
| `docs` | the page of the code, a path in the project's repository |
| `type` | the class of an exception that a function raised, or its import; else null |
| `traceback` | of that exception, from the function's first frame on; else null |
| `details` | other facts by name, such as `limit`, `signal`, or `request_id` |

A `request_id` stands in the operator's log beside the error. Message, traceback and details of a
function's exception may hold the caller's data: whoever keeps this object keeps them.

These pages are written by `python docs/errors/generate.py`.

| code | class | what it says |
|---|---|---|
"""


def pages() -> dict[str, str]:
    """Return the content of each file of this folder that is generated, by its name."""
    prose = explanations()
    kinds = list(classes())
    if unused := prose.keys() - {kind.code for kind in kinds}:
        raise SystemExit(f"explanations.toml has codes of no class: {sorted(unused)}")
    written = {f"{kind.code}.md": page(kind, prose[kind.code]) for kind in kinds}
    written["README.md"] = index(kinds)
    return written


def page(kind: ErrorClass, prose: dict[str, str]) -> str:
    """Return the page about one class."""
    facts = {"Class": f"`{qualified(kind)}`", "Exit status of `cape`": str(status(kind))}
    if "check" in prose:
        facts["Check"] = f"{prose['check']} ([attestation](../spec/attestation.md))"
    if attributes := getattr(kind, "_facts", {}):
        facts["Attributes"] = ", ".join(f"`{name}`" for name in attributes)
    table = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    sections = [
        f"# {kind.code} {kind.__name__}",
        summary(kind),
        f"| | |\n|---|---|\n{table}",
        "## What happened",
        prose["happened"].strip(),
        "## What to do",
        prose["todo"].strip(),
    ]
    if hint := getattr(kind, "_hint", None):
        sections.append(f"Its hint: {hint}.")
    return "\n\n".join(sections) + "\n"


def index(kinds: list[ErrorClass]) -> str:
    """Return the page that lists all others."""
    rows = (
        f"| [{kind.code}]({kind.code}.md) | `{kind.__name__}` | {summary(kind)} |" for kind in kinds
    )
    return INDEX + "\n".join(rows) + "\n"


def qualified(kind: ErrorClass) -> str:
    """Return a class's name, with the classes above it."""
    above = [each.__name__ for each in kind.__mro__ if hasattr(each, "code")]
    return " < ".join(above)


def status(kind: ErrorClass) -> int:
    """Return what `cape` exits with."""
    if issubclass(kind, errors.CapeError):
        return status_of(kind)
    return kind.exit_code


if __name__ == "__main__":
    for name, text in pages().items():
        (HERE / name).write_text(text, "utf-8")

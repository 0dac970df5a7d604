"""The documentation's pages, as readers take them: what code prints, where links lead."""

import ast
import asyncio
import contextlib
import io
import re
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def blocks(page: Path, language: str) -> list[str]:
    """Return a page's blocks of code in one language, in their order."""
    fence = rf"^```{language}\n(.*?)^```"
    return re.findall(fence, page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def examples(page: Path) -> list[tuple[str, str]]:
    """Return a page's blocks of code with their languages, in their order."""
    fence = r"^```(\w+)\n(.*?)^```"
    return re.findall(fence, page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[tuple[str, str]]:
    """Return a page's links within the repository: path (empty for the page itself), anchor."""
    prose = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"\]\(([^)#:]*)(?:#([^):]*))?\)", prose)
    return [(path, anchor) for path, anchor in found if path or anchor]


def anchors(page: Path) -> set[str]:
    """Return what the headings of a page are called in links."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def file_of(block: str) -> Path | None:
    """Return the file that a block is to be put into, which its first line names in a comment."""
    named = re.match(r"# ([\w-]+/[\w-]+\.\w+)\n", block)
    return Path(named[1]) if named else None


def run_python(source: str, names: dict[str, Any]) -> list[str]:
    """Run a block where `names` are known and learned; return the lines that it prints.

    It may `await` at the top, as in a notebook.
    """
    code = compile(source, "a page", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        awaited = eval(code, names)  # noqa: S307 - it is of this repository
        if awaited is not None:
            asyncio.run(awaited)
    return printed.getvalue().splitlines()


def typed(session: str) -> list[tuple[str, str]]:
    """Return what is typed in a block of a terminal, behind `$`, each with what is shown then.

    `nora@work$` is the terminal of somebody else, with a configuration of her own.
    """
    people = re.split(r"^(?:([a-z]+)@work)?\$ ", session, flags=re.MULTILINE)[1:]
    found = []
    for person, command in zip(people[::2], people[1::2], strict=True):
        line, shown = command.split("\n", 1)
        found.append((f"export CAPE_CONFIG_DIR=$PWD/{person}; {line}" if person else line, shown))
    return found


def run_typed(command: str) -> str:
    """Run a command where nobody answers; return what it shows, stderr's as well."""
    ran = subprocess.run(
        ["bash", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    return ran.stdout


def is_shown(expected: str, shown: str) -> bool:
    """Compare what is shown with what a page says, where `...` is anything."""
    pattern = ".*".join(map(re.escape, expected.strip("\n").split("...")))
    return re.fullmatch(pattern, shown.strip("\n"), re.DOTALL) is not None


def promised(source: str) -> list[str]:
    """Return the lines that a block's comments say its calls of `print` print.

    A comment behind `print(...)` is a literal, or the text itself. One in a loop has all lines,
    with commas between them.
    """
    said = []
    for line in source.splitlines():
        call, _, comment = line.partition("  # ")
        if not call.lstrip().startswith("print("):
            continue
        said += [comment] if call.startswith("print(") else comment.split(", ")
    return [_printed(text) for text in said]


def _printed(text: str) -> str:
    try:
        return str(ast.literal_eval(text))
    except (SyntaxError, ValueError):
        return text

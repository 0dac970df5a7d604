"""Write the pages of the command line and of settings, from the program and from prose.toml.

python docs/reference/generate.py
"""

import inspect
import json
import re
import runpy
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from pycape.cli import _main
from pycape.cli._command import CapeCommand, CapeGroup
from pycape.cli._options import shared_options
from pycape.packaging._settings import FunctionSettings

HERE = Path(__file__).parent
ERRORS = runpy.run_path(str(HERE.parent / "errors" / "generate.py"))
WRITTEN_BY = "This page is written by `python docs/reference/generate.py`."


def pages() -> dict[str, str]:
    """Return the content of each page of this folder that is generated, by its name."""
    prose = tomllib.loads((HERE / "prose.toml").read_text("utf-8"))
    return {
        "command-line.md": command_line(prose),
        "configuration.md": configuration(prose),
    }


def command_line(prose: dict[str, Any]) -> str:
    """Return the page of all commands, with what they exit with and what they read."""
    names = [name for section in _main._SECTIONS.values() for name in section]
    return _joined(
        "# Command line",
        prose["command_line"]["intro"],
        WRITTEN_BY,
        "## Options of every command",
        prose["command_line"]["everywhere"],
        table(("option", "what it does"), map(option_row, shared_options([]))),
        *(
            section
            for name in names
            for section in command_sections(_command(name), f"cape {name}")
        ),
        "## Exit statuses",
        prose["command_line"]["statuses"],
        table(("status", "meaning", "errors"), status_rows(prose["status"])),
        "## Environment variables",
        table(("variable", "what it is"), code_rows(prose["variable"])),
        "Those of other programs that are heeded:",
        table(("variable", "what it is"), code_rows(prose["variable_of_others"])),
        "## Old spellings",
        prose["command_line"]["old_spellings"],
        table(("typed", "what happens"), old_spelling_rows()),
    )


def configuration(prose: dict[str, Any]) -> str:
    """Return the page of all settings and files."""
    texts = prose["configuration"]
    return _joined(
        "# Configuration",
        texts["intro"],
        WRITTEN_BY,
        "## Settings of the client",
        texts["client"],
        table(
            ("setting", "argument", "environment", "else"),
            (
                (name, each["argument"], each["environment"], each["default"])
                for name, each in prose["setting"].items()
            ),
        ),
        "## Files",
        texts["files"],
        table(("file", "what it holds"), code_rows(prose["file"])),
        "## Settings of a function",
        texts["function"],
        table(("setting", "default", "what it is"), function_rows(prose["function_setting"])),
        "## Settings of a host",
        texts["host"],
    )


def command_sections(command: CapeCommand, path: str, level: int = 2) -> Iterator[str]:
    """Yield what there is to say of a command and of those in its group."""
    context = click.Context(command, info_name=path, terminal_width=200)
    yield f"{'#' * level} {path}"
    yield f"```sh\n{command.example}\n```"
    yield f"`{command.get_usage(context).removeprefix('Usage: ')}`"
    yield from paragraphs(command.help or "")
    own = [each for each in command.params if each not in command._shared]
    if options := [each for each in own if isinstance(each, click.Option) and not each.hidden]:
        yield table(("option", "what it does"), map(option_row, options))
    if isinstance(command, CapeGroup):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert isinstance(inner, CapeCommand)  # noqa: S101 - for the type
            yield from command_sections(inner, f"{path} {name}", level + 1)


def option_row(option: click.Parameter) -> tuple[str, str]:
    """Return an option as it is typed, and what it does with its default."""
    assert isinstance(option, click.Option)  # noqa: S101 - for the type
    context = click.Context(click.Command("cape"))
    record = option.get_help_record(context)
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    value = "" if option.is_flag else f" `{option.make_metavar(context)}`"
    return (names + value).replace("|", "\\|"), prose_of(record[1] if record else "")


def status_rows(meanings: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield each status that `cape` ends with, what it means, and the errors that have it."""
    kinds: dict[int, list[str]] = {int(status): [] for status in meanings}
    for kind in ERRORS["classes"]():
        kinds[ERRORS["status"](kind)].append(f"[{kind.__name__}](../errors/{kind.code}.md)")
    for status in sorted(kinds):
        yield str(status), meanings[str(status)], ", ".join(kinds[status])


def function_rows(meanings: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield each setting of `cape.toml`, its default and what it is."""
    defaults = FunctionSettings()
    for each in fields(FunctionSettings):
        default = getattr(defaults, each.name)
        shown = "" if default in (None, {}) else f"`{json.dumps(default)}`"
        yield f"`{each.name}`", shown, meanings[each.name]


def old_spelling_rows() -> Iterator[tuple[str, str]]:
    """Yield each command of the first system that is still understood."""
    for name, (module, attribute) in sorted(_main._OLD_SPELLINGS.items()):
        command = _command(name)
        meant = f"as `cape {module} {attribute.strip('_')}`" if module != "_old" else ""
        yield f"`cape {name}`", meant or prose_of((command.help or "").split("\n\n")[0])


def paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs of a command's help; those not to be wrapped keep their lines."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        marked, _, lines = paragraph.partition("\b\n")
        if lines and not marked:
            yield f"```text\n{lines}\n```"
        else:
            yield prose_of(" ".join(paragraph.split()))


def prose_of(text: str) -> str:
    """Return text of the program as Markdown shows it, with options and variables as code."""
    text = text.replace("<", "&lt;").replace("|", "\\|").replace("*", "\\*")
    return re.sub(r"(?<![`\w])(--[a-z][a-z-]*|(?:CAPE_)[A-Z_]+)(?![`\w])", r"`\1`", text)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table of Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def code_rows(meanings: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield names, as code, with what they are."""
    return ((f"`{name}`", meaning) for name, meaning in meanings.items())


def _command(name: str) -> CapeCommand:
    command = _main.cape.get_command(click.Context(_main.cape), name)
    assert isinstance(command, CapeCommand)  # noqa: S101 - for the type
    return command


def _joined(*parts: str) -> str:
    return "\n\n".join(part.strip() for part in parts) + "\n"


if __name__ == "__main__":
    for name, text in pages().items():
        (HERE / name).write_text(text, "utf-8")

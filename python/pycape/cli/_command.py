"""Commands that share options, wherever on the line those stand, and load when they are used."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from pycape import Cape


@dataclass
class Context:
    """What the shared options said, and where results go: to stdout; everything else to stderr."""

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    profile: str | None = None
    url: str | None = None
    data: dict[str, Any] = field(default_factory=dict)

    def client(self) -> Cape:
        """Return a client with the options of the line."""
        from pycape import Cape  # noqa: PLC0415 - `cape --help` does without

        return Cape(self.url, self.verbose, profile=self.profile)

    def note(self, text: str) -> None:
        """Tell a person something beside the result."""
        if not self.quiet:
            click.echo(text, err=True)

    def result(self, data: dict[str, Any], text: str, identifier: str | None = None) -> None:
        """Give the command's result: as JSON, as an identifier only (-q), or as text."""
        if self.json:
            click.echo(json.dumps({"ok": True, "data": data, "error": None}))
        elif self.quiet and identifier is not None:
            click.echo(identifier)
        else:
            click.echo(text)

    def binary(self, data: bytes, output: str | None) -> None:
        """Write bytes to a file or to stdout; to a terminal only when asked for with `-o -`."""
        if output not in {None, "-"}:
            with click.open_file(str(output), "wb", atomic=True) as file:
                file.write(data)
            return
        if output is None and sys.stdout.isatty() and not _is_printable(data):
            raise click.UsageError(
                "the result is not text, and stdout is a terminal: -o FILE, or -o - to force"
            )
        sys.stdout.buffer.write(data)
        if sys.stdout.isatty():
            sys.stdout.buffer.write(b"\n")


def _is_printable(data: bytes) -> bool:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    return all(c.isprintable() or c in "\n\t" for c in text)


_SHARED: list[dict[str, Any]] = [
    {"decls": ["--json"], "is_flag": True, "help": "Print one JSON object."},
    {"decls": ["-q", "--quiet"], "is_flag": True, "help": "Print identifiers only."},
    {"decls": ["-v", "--verbose"], "is_flag": True, "help": "Say what is done."},
    {"decls": ["--profile"], "metavar": "NAME", "help": "The platform to use."},
    {"decls": ["--url"], "metavar": "URL", "help": "The control plane's address."},
]


def _shared_options() -> list[click.Option]:
    def keep(context: click.Context, option: click.Parameter, value: Any) -> None:
        if value and option.name is not None:
            setattr(context.ensure_object(Context), option.name, value)

    return [
        click.Option(
            shared["decls"],
            **{k: v for k, v in shared.items() if k != "decls"},
            expose_value=False,
            callback=keep,
        )
        for shared in _SHARED
    ]


class CapeCommand(click.Command):
    """A command with the shared options, and a help whose first line is an example."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _shared_options()


class CapeGroup(click.Group):
    """A group with the shared options, whose commands are modules that load when used.

    `commands_in` maps a command's name to the module in this package that holds it, under its own
    name.
    """

    command_class = CapeCommand
    group_class = type

    def __init__(
        self, *args: Any, commands_in: dict[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._modules = commands_in or {}
        self.params += _shared_options()

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, without loading one."""
        return sorted({*super().list_commands(ctx), *self._modules})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        if cmd_name in self._modules:
            module = import_module(f"pycape.cli.{self._modules[cmd_name]}")
            command: click.Command = module.command
            return command
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands; a module's summary is its docstring's first line."""
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                rows.append((name, command.get_short_help_str(limit=70)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def shared(function: Callable[..., Any]) -> Callable[..., Any]:
    """Pass the `Context` as a command's first argument."""
    return click.pass_obj(function)

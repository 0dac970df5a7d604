"""Commands with a help that begins with an example, and groups of them that load when used."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from pycape._nearest import nearest
from pycape.cli._completion import offer_files
from pycape.cli._context import Context
from pycape.cli._errors import UsageError
from pycape.cli._options import shared_options

if TYPE_CHECKING:
    from collections.abc import Mapping

pass_context = click.make_pass_decorator(Context)

_STANDARD = {"--help", "--version"}


class CapeCommand(click.Command):
    """A command with the shared options, and a help whose first line is `example`."""

    def __init__(self, *args: Any, example: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.example: str = example
        self._shared = shared_options(self.params)
        self.params.extend(self._shared)
        offer_files(self.params)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example, then what Click writes."""
        formatter.write(f"{self.example}\n\n")
        super().format_help(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options apart from those that every command has."""
        own: list[tuple[str, str]] = []
        everywhere: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                shared = parameter in self._shared or _STANDARD & {*parameter.opts}
                (everywhere if shared else own).append(record)
        if own:
            with formatter.section("Options"):
                formatter.write_dl(own)
        with formatter.section("Options of every command, anywhere on the line"):
            formatter.write_dl(everywhere)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, after what is logged has got its way to stderr."""
        from pycape.cli._log import log_to_stderr  # noqa: PLC0415 - help does without

        context = ctx.ensure_object(Context)
        context.command = ctx.command_path
        log_to_stderr(context)
        return super().invoke(ctx)


class CapeGroup(CapeCommand, click.Group):
    """A group of such commands."""

    command_class: type[click.Command] | None = CapeCommand

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands that are shown."""
        return [name for name in super().list_commands(ctx) if not self.commands[name].hidden]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, then the options."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, each with the first sentence of its help: whole, which Click cuts."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, each.get_short_help_str(sys.maxsize)) for name, each in commands if each]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; one that does not exist is a usage error that names the nearest."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            path, meant = ctx.command_path, nearest(name, self.list_commands(ctx))
            raise UsageError(
                f"there is no command `{path} {name}`",
                hint=f"did you mean `{path} {meant}`?" if meant else f"`{path} --help` lists them",
            )
        return super().resolve_command(ctx, args)


class LazyGroup(CapeGroup):
    """A group whose commands are modules of this package, loaded when they are used.

    `sections` are headings of the help, each with the commands under it in order and what is said
    of them; `old_spellings` are commands that are not listed: a name, and the module and attribute
    that have it.
    """

    def __init__(
        self,
        *args: Any,
        sections: Mapping[str, Mapping[str, str]],
        old_spellings: Mapping[str, tuple[str, str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._sections = sections
        self._homes = {name: (name, "command") for names in sections.values() for name in names}
        self._homes |= old_spellings

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click's signature
        """Return the names of all commands that are shown, without loading one."""
        return [name for names in self._sections.values() for name in names]

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - Click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """Load a command."""
        if cmd_name not in self._homes:
            return None
        module, attribute = self._homes[cmd_name]
        command: click.Command = getattr(import_module(f"pycape.cli.{module}"), attribute)
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - Click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the commands, section by section."""
        for heading, names in self._sections.items():
            with formatter.section(heading):
                formatter.write_dl([*names.items()])

"""cape init."""

from __future__ import annotations

from pathlib import Path

import click

from pycape._system_errors import reason, remedy
from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import NoOutput, UsageError

# Of each: what it begins with.
TEMPLATES = {
    "minimal": "bytes in, text out, nothing to install",
    "typed": "arguments and result are values",
    "streaming": "input and output pass while it runs",
    "onnx": "a model, trained here and run there",
}
_HELP = "What it begins with: " + "; ".join(f"{name}, {what}" for name, what in TEMPLATES.items())

# Git's own files would be left out of our package.
_NAMES = {"capeignore": ".capeignore"}


@click.command("init", cls=CapeCommand, example="cape init word-count")
@click.argument("folder", metavar="FOLDER")
@click.option(
    "--template", type=click.Choice([*TEMPLATES]), default="minimal", show_default=True, help=_HELP
)
@pass_context
def command(context: Context, folder: str, template: str) -> None:
    """Write a new function's folder: a handler, its test, and how to try both.

    What the README says works as it stands; the function is named after the folder.
    """
    path = Path(folder)
    _check_name(path)
    written = _write(path, template)
    lines = [f"{folder}/{name}" for name in written]
    context.note(f"{folder}/README.md says how to try it")
    context.result(
        {"folder": str(path), "template": template, "files": written}, "\n".join(lines), folder
    )


def _check_name(folder: Path) -> None:
    from pycape._function_names import check_function_name  # noqa: PLC0415 - help does without

    try:
        check_function_name(folder.resolve().name)
    except ValueError as error:
        raise UsageError(str(error), hint="the folder's name is the function's") from error


def _write(folder: Path, template: str) -> list[str]:
    """Write a template's files, all of them or none."""
    import tempfile  # noqa: PLC0415 - `cape --help` does without
    from importlib.resources import files  # noqa: PLC0415

    source = files("pycape") / "_templates" / template
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise NoOutput(f"{folder} is there already", hint="name a new folder; nothing was written")
    try:
        with tempfile.TemporaryDirectory(prefix=".cape-init-", dir=folder.parent) as beside:
            content = Path(beside) / "content"
            content.mkdir()
            for entry in source.iterdir():
                if entry.is_file():
                    text = entry.read_text("utf-8").replace("NAME", folder.resolve().name)
                    (content / _NAMES.get(entry.name, entry.name)).write_text(text, "utf-8")
            names = sorted(file.name for file in content.iterdir())
            content.rename(folder)
    except OSError as error:
        raise NoOutput(
            f"{folder} cannot be written: {reason(error)}", hint=remedy(folder, error)
        ) from error
    return names

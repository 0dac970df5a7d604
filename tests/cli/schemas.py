"""The schemas of what `--json` prints, and answers held against them."""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import click
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from pycape.cli._main import cape

SCHEMAS = {
    file.name.removesuffix(".json"): json.loads(file.read_text("utf-8"))
    for file in (files("pycape.cli") / "schemas").iterdir()
}
SHARED = {"answer", "common"}
_REGISTRY = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values()
)


def check(arguments: Sequence[str], answer: dict) -> None:
    """Hold what a command line printed with `--json` against its command's schema."""
    _validator("answer.json").validate(answer)
    if answer["ok"]:
        check_data(arguments, answer["data"])
    elif answer["data"] is not None:
        _validator(f"{schema_of(arguments)}.json#/$defs/beside_error").validate(answer["data"])


def check_data(arguments: Sequence[str], data: dict) -> None:
    """Hold a command's data, which `-o json` prints alone, against its schema."""
    _validator(f"{schema_of(arguments)}.json").validate(data)


def schema_of(arguments: Sequence[str]) -> str:
    """Return the name of the schema of the command that a line calls, by whatever name."""
    command: click.Command | None = cape
    for word in arguments:
        if isinstance(command, click.Group):
            command = command.get_command(click.Context(command), word) or command
    return _names()[command]


@cache
def _names() -> dict[click.Command, str]:
    names = dict(_commands(cape, ()))
    names[cape.get_command(click.Context(cape), "get-pcrs")] = "get-pcrs"
    return names


def _commands(command: click.Command, path: tuple[str, ...]):
    yield command, "-".join(path)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from _commands(command.get_command(context, name), (*path, name))


@cache
def _validator(reference: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": reference}, registry=_REGISTRY)

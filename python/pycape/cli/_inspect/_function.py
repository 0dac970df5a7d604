"""The JSON that names a deployed function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pycape.cli._errors import BadInput
from pycape.cli._files import display_name
from pycape.cli._inspect import _algorithms
from pycape.cli._inspect._explanation import Explanation

if TYPE_CHECKING:
    from pycape import FunctionRef
    from pycape.cli._inspect._source import Source
    from pycape.cli._inspect._surroundings import Surroundings

_MEMBERS = {"function_id", "function_name", "function_checksum"}
_JWT_BEGINS = "eyJ"


def explain_function(source: Source, surroundings: Surroundings) -> Explanation | None:
    """Tell of a function's JSON what it names, and how much of that is certain."""
    from pycape._functions import members_of_json, reference_of  # noqa: PLC0415 - help does without
    from pycape.errors import ChecksumMismatch  # noqa: PLC0415

    try:
        members = members_of_json(source.text or "")
    except ValueError:
        return None
    if not _MEMBERS & members.keys():
        return None
    try:
        ref = reference_of(members)
    except (ChecksumMismatch, TypeError, ValueError) as error:
        raise BadInput(
            f"{display_name(source.name)} is not the JSON of a function: {error}",
            hint="`cape deploy FOLDER -o json` and `cape function show FUNCTION -o json` write one",
        ) from error
    holds_token = any(_is_token(name, value) for name, value in members.items())
    return Explanation(
        "function",
        "a function's JSON: it names one that is deployed",
        None,
        {
            "function_id": ref.id,
            "name": ref.full_name,
            "checksum": ref.checksum,
            "account": None if ref.account is None else surroundings.called(ref.account),
            "holds_token": holds_token,
        },
        [
            _what_is_pinned(ref),
            "`cape run FILE` runs it, `cape function show FILE` shows what its account signed of "
            "it, and FunctionRef.from_json reads it.",
            *([_BESIDE] if holds_token else []),
            *([_algorithms.SHA_256] if ref.checksum else []),
        ],
    )


_BESIDE = (
    "A token is in it as well. It is not shown, and Cape passes it over. Whoever has it may run "
    "the function: keep it in a file of its own, for `cape run -t FILE`."
)


def _what_is_pinned(ref: FunctionRef) -> str:
    if ref.checksum is not None:
        return (
            "The checksum is pinned, and with it code, settings and account: that very function "
            "runs, or nothing."
        )
    if ref.id is not None:
        return (
            "The id is pinned: it is made of 20 of the 32 bytes of the function's checksum, so it "
            "is of one version, with its code, settings and account."
        )
    return "Nothing is pinned: the name is of whichever version its account deployed last."


def _is_token(name: str, value: Any) -> bool:
    return isinstance(value, str) and ("token" in name or value.startswith(_JWT_BEGINS))

"""What accounts sign: manifests, tokens, claims, records, lists, proofs, requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pycape._clock import show_time
from pycape.cli._inspect import _algorithms
from pycape.cli._inspect._explanation import Explanation

if TYPE_CHECKING:
    from pycape.cli._inspect._source import Source
    from pycape.cli._inspect._surroundings import Surroundings

_CHECKED = "its form and its account's signature were verified, nothing else"


def explain_statement(source: Source, surroundings: Surroundings) -> Explanation | None:
    """Tell of a signed statement (a compact JWS) what it says and what it is good for."""
    from pycape import _core  # noqa: PLC0415 - `cape --help` does without

    found = None if source.text is None else _core.read_statement(source.text)
    if found is None:
        return None
    statement_type, account, payload = found
    said: dict[str, Any] = json.loads(payload)
    for name in ("v", "account", "iss"):
        said.pop(name, None)
    title, words = _WORDS[statement_type]
    facts = {
        "type": statement_type,
        "signed_by": surroundings.called(account),
        **{name: _fact(name, value, surroundings) for name, value in said.items()},
        **(_of_manifest(source.text or "") if statement_type == "cape-manifest+jws" else {}),
    }
    return Explanation(
        statement_type.partition("+")[0].removeprefix("cape-"),
        title,
        _CHECKED,
        facts,
        [*words(said), _algorithms.ED25519],
    )


def _of_manifest(text: str) -> dict[str, Any]:
    from pycape import _core  # noqa: PLC0415 - `cape --help` does without

    manifest = _core.Manifest.verify(text)
    return {
        "checksum": manifest.checksum,
        "function_id": manifest.function_id,
        "opens_epochs": f"{manifest.min_epoch} to {manifest.max_epoch}",
    }


def _fact(name: str, value: Any, surroundings: Surroundings) -> Any:
    """Return a member as a person reads it; times are seconds since 1970."""
    if name in {"iat", "exp"}:
        try:
            time = show_time(datetime.fromtimestamp(value, UTC))
        except (OverflowError, ValueError, OSError):
            return value
        over = name == "exp" and value * 1000 <= surroundings.now_ms
        return f"{time} (over)" if over else time
    return value


def _manifest(_said: dict[str, Any]) -> list[str]:
    return [
        "A manifest says which code runs and how; an enclave runs what a manifest says and nothing "
        "else. Its checksum is what callers pin, and what tokens and use rules name. Manifests are "
        "public. `cape function verify FOLDER FUNCTION` compares a folder with it.",
        _algorithms.SHA_256,
    ]


def _token(_said: dict[str, Any]) -> list[str]:
    return [
        "Whoever has this text may run the function that it names, until it expires or is revoked: "
        "treat it as a secret. Whether it is revoked was not looked up; only an enclave decides, "
        "and it asks for the account's newest list where the function's settings demand one.",
    ]


def _revocations(_said: dict[str, Any]) -> list[str]:
    return [
        "Tokens (jtis) and functions (checksums) that count no more. A list replaces those with "
        "lower numbers; whether a newer one exists was not looked up.",
    ]


def _epoch(said: dict[str, Any]) -> list[str]:
    return [
        f"The account's encryption keys have come to epoch {said['epoch']}: what is encrypted for "
        "it now is for keys of that epoch. Functions go on opening older epochs from their "
        "min_epoch on. Whether a newer record exists was not looked up.",
    ]


def _owner(_said: dict[str, Any]) -> list[str]:
    return [
        "With this the account itself opened one session with an enclave. It is bound to that "
        "session's keys, and worth nothing anywhere else.",
    ]


def _name(said: dict[str, Any]) -> list[str]:
    return [
        f"The account wants to be known as {said['name']}. Whether it has the name, a platform's "
        "directory says, first come first served; a machine remembers what it was told first."
    ]


def _request(_said: dict[str, Any]) -> list[str]:
    return [
        "A request to a control plane, for this method and path. It counts once, and within two "
        "minutes of its time.",
    ]


_WORDS: dict[str, tuple[str, Callable[[dict[str, Any]], list[str]]]] = {
    "cape-epoch+jws": ("an epoch record: how far an account's keys have come", _epoch),
    "cape-manifest+jws": ("a function's manifest", _manifest),
    "cape-name+jws": ("a claim to a user name", _name),
    "cape-owner+jws": ("an owner proof", _owner),
    "cape-request+jws": ("a signed request to a control plane", _request),
    "cape-revocations+jws": ("an account's revocation list", _revocations),
    "cape-token+jwt": ("a token: the right to run one function", _token),
}

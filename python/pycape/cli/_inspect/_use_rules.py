"""Use rules of ciphertexts, judged as an enclave judges them.

Spec: docs/spec/envelope.md, use rules.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pycape._core import EnvelopeHeader, PublicKey
    from pycape.cli._inspect._surroundings import Surroundings

_RESERVED = "cape."
_REFUSED = "no enclave opens it"


def facts_of_rules(header: EnvelopeHeader, surroundings: Surroundings) -> dict[str, Any]:
    """Return the use rules; of those for which no enclave opens the envelope, that it is so."""
    facts: dict[str, Any] = {}
    not_known = []
    for key, value in header.context.items():
        text = value.decode("utf-8", "replace")
        match key:
            case "cape.functions":
                facts["only_for_functions"] = (
                    _functions(text, surroundings) if _holds(key, value) else _malformed(text)
                )
            case "cape.not_after":
                facts["not_after"] = (
                    _not_after(text, surroundings.now_ms)
                    if _holds(key, value)
                    else _malformed(text)
                )
            case _ if key.startswith(_RESERVED):
                not_known.append(f"{key}: {text} ({_REFUSED} that does not know this rule)")
    if not_known:
        facts["rules_not_known_here"] = not_known
    return facts


def is_rule(key: str) -> bool:
    """Whether a key of the context is a use rule's, known or not."""
    return key.startswith(_RESERVED)


def _functions(text: str, surroundings: Surroundings) -> list[str]:
    known = surroundings.known_functions
    return [f"{each} ({known[each]})" if each in known else each for each in text.split(" ")]


def _not_after(text: str, now_ms: int) -> str:
    end = datetime.fromisoformat(text)
    return f"{text} (over: {_REFUSED})" if end.timestamp() * 1000 < now_ms else text


def _malformed(text: str) -> str:
    return f"{text!r} (malformed: {_REFUSED})"


def _holds(key: str, value: bytes) -> bool:
    """Whether the core takes this rule: what it would not seal, it refuses in an enclave too."""
    from pycape import _core  # noqa: PLC0415 - `cape --help` does without

    try:
        _core.sealed_size(0, [_anybody()], {key: value.decode()})
    except ValueError:
        return False
    return True


@cache
def _anybody() -> PublicKey:
    from pycape.keys import PrivateKey  # noqa: PLC0415 - `cape --help` does without

    return PrivateKey.generate("x25519").public_key

"""Ciphertexts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pycape.cli._inspect import _algorithms
from pycape.cli._inspect._explanation import Explanation
from pycape.cli._inspect._use_rules import facts_of_rules, is_rule

if TYPE_CHECKING:
    from pycape._buffer import Buffer
    from pycape._core import EnvelopeHeader, Stanza
    from pycape.cli._inspect._source import Source
    from pycape.cli._inspect._surroundings import Surroundings

_ANONYMOUS = bytes(8)


def explain_envelope(source: Source, surroundings: Surroundings) -> Explanation | None:
    """Tell of an envelope, in text or binary form, who can open it and what protects it."""
    from pycape import _core, envelope  # noqa: PLC0415 - `cape --help` does without
    from pycape.cli._inspect._key_trial import opens  # noqa: PLC0415

    is_text = source.data[:5] == b"cape:"
    if not is_text and source.data[:4] != b"CAPE":
        return None
    if source.whole:
        header = envelope.inspect(_without_line_end(source.data) if is_text else source.data)
    else:
        header = _core.inspect_envelope_start(source.data)
    opening, who = _recipients(header, surroundings)
    facts = {
        "version": header.version,
        "form": "text" if is_text else "binary",
        **_sizes(header, whole=source.whole),
        "data": header.suite,
        "recipients": who,
        "opened_by_the_key_given": (opened := opens(source, header, surroundings.key)),
        "context": {
            key: value.decode("utf-8", "replace")
            for key, value in header.context.items()
            if not is_rule(key)
        }
        or None,
        **facts_of_rules(header, surroundings),
    }
    return Explanation(
        "envelope",
        f"a ciphertext of Cape (an envelope, version {header.version})",
        None,
        facts,
        [*_of_key(opened, surroundings), *opening, *_why(header)],
    )


def _without_line_end(data: Buffer) -> memoryview:
    """Return a text form without the end of line that editors and shells put behind it."""
    view = memoryview(data)
    line_end = len(bytes(view[-2:])) - len(bytes(view[-2:]).rstrip(b"\r\n"))
    return view[: len(view) - line_end]


def _sizes(header: EnvelopeHeader, *, whole: bool) -> dict[str, int | None]:
    """Return sizes in bytes; of a stream that was not read to its end only the header's."""
    sealed = {"size": header.size, "plaintext_size": header.plaintext_size} if whole else {}
    return {"header_size": header.header_size, **sealed}


def _recipients(
    header: EnvelopeHeader, surroundings: Surroundings
) -> tuple[list[str], list[dict[str, Any]]]:
    """Return who can open it, in words, and a fact for each recipient."""
    ids = {stanza.key_id for stanza in header.recipients}
    owners = surroundings.owners_of(ids - {_ANONYMOUS})
    names = {account: name for name, account in surroundings.known_accounts}
    facts, words = [], []
    for stanza in header.recipients:
        account = owners.get(stanza.key_id)
        who, word = _whose(stanza, account, names, surroundings)
        facts.append(
            {
                "kind": stanza.kind or f"0x{stanza.type:04x} (not known to this release)",
                "key_id": None if stanza.key_id == _ANONYMOUS else stanza.key_id.hex(),
                "who": who,
            }
        )
        words.append(word)
    return [*dict.fromkeys(words)], [_without_none(fact) for fact in facts]


def _whose(
    stanza: Stanza, account: str | None, names: dict[str, str], surroundings: Surroundings
) -> tuple[str, str]:
    from pycape.cli._inspect._key_trial import names as named  # noqa: PLC0415 - help does without
    from pycape.keys import PrivateKey  # noqa: PLC0415

    if stanza.key_id == _ANONYMOUS:
        return "not named", (
            "One recipient is not named: only who has the private key can tell, by trying it "
            "(`cape inspect FILE -k KEY`)."
        )
    key = surroundings.key
    public = key.public_key if isinstance(key, PrivateKey) else key
    if public is not None and named(stanza, public):
        return "the key given with --key", "The key that you gave is one of its recipients."
    if account is None:
        return "not known here", (
            "One recipient's key is not known on this machine. If it is your own key pair, "
            "`cape inspect FILE -k KEY` tells; whoever has the private key opens it."
        )
    if own := surroundings.is_own(account):
        return f"your account, {account}", (
            "It is for your account: it opens as input of your own functions, inside an enclave, "
            "and nowhere else. Not even you have that key (`cape run FUNCTION -f FILE`)."
        )
    name = f"{names[account]}, " if account in names else ""
    return f"{name}account {account}", (
        f"It is for {names.get(account, account)}: it opens as input of functions that this "
        "account signed, inside an enclave, and nowhere else. "
        + ("You cannot open it here." if own is False else " ".join(surroundings.doubts))
    )


def _of_key(opened: bool | None, surroundings: Surroundings) -> list[str]:
    """Return what is to be said of the key that was given, if one was."""
    if surroundings.key is None:
        return []
    match opened:
        case True:
            return ["The key that you gave opens it: `cape decrypt FILE -k KEY` on this machine."]
        case False:
            return ["The key that you gave does not open it."]
    return ["Whether the key that you gave opens it was not tried: that takes the private key."]


def _why(header: EnvelopeHeader) -> list[str]:
    """Return which algorithms protect it, and why these."""
    if header.version == 1:
        return [
            *_algorithms.ENVELOPE_1,
            _algorithms.RSA,
            _algorithms.AES_256_GCM,
            _algorithms.NO_SENDER,
            _algorithms.MORE,
        ]
    kinds = dict.fromkeys(stanza.kind for stanza in header.recipients)
    wrapping = [_algorithms.OF_KEYS[kind] for kind in kinds if kind in _algorithms.OF_KEYS]
    if not kinds.keys().isdisjoint(_algorithms.OF_HPKE):
        wrapping.append(_algorithms.HPKE)
    return [
        *wrapping,
        _algorithms.OF_SUITES[header.suite],
        *_algorithms.ENVELOPE,
        _algorithms.NO_SENDER,
        _algorithms.MORE,
    ]


def _without_none(fact: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fact.items() if value is not None}

"""What is recognised, and who explains it."""

from __future__ import annotations

from collections.abc import Callable

from pycape.cli._inspect._attestation import explain_document
from pycape.cli._inspect._bundle import explain_bundle
from pycape.cli._inspect._configuration import explain_policy, explain_profile
from pycape.cli._inspect._envelope import explain_envelope
from pycape.cli._inspect._explanation import Explanation
from pycape.cli._inspect._function import explain_function
from pycape.cli._inspect._image import explain_image
from pycape.cli._inspect._keys import (
    explain_account_id,
    explain_account_key,
    explain_private_key,
    explain_public_key,
)
from pycape.cli._inspect._lock import explain_lock
from pycape.cli._inspect._receipt import explain_receipt
from pycape.cli._inspect._source import Source
from pycape.cli._inspect._statement import explain_statement
from pycape.cli._inspect._surroundings import Surroundings

# None takes what belongs to another.
KINDS: dict[str, Callable[[Source, Surroundings], Explanation | None]] = {
    "an envelope": explain_envelope,
    "an attestation document": explain_document,
    "a receipt": explain_receipt,
    "a signed statement (manifest, token, name claim, epoch record, revocation list, owner proof, "
    "request)": explain_statement,
    "a public key": explain_public_key,
    "a private key": explain_private_key,
    "an account's key": explain_account_key,
    "an account id": explain_account_id,
    "a profile": explain_profile,
    "a policy": explain_policy,
    "a function's JSON": explain_function,
    "a function's lock file": explain_lock,
    "a function's zip": explain_bundle,
    "an enclave image": explain_image,
}


def explain(source: Source, surroundings: Surroundings) -> Explanation | None:
    """Return what the first that recognises it says; None if none does."""
    explanations = (of_kind(source, surroundings) for of_kind in KINDS.values())
    return next((each for each in explanations if each is not None), None)

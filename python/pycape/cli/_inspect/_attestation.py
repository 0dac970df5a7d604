"""Attestation documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycape._clock import show_time
from pycape.cli._inspect import _algorithms
from pycape.cli._inspect._explanation import Explanation
from pycape.errors import CapeError, DocumentMalformed

if TYPE_CHECKING:
    from pycape.cli._inspect._source import Source
    from pycape.cli._inspect._surroundings import Surroundings

# COSE_Sign1 (RFC 9052): an array, of four or of indefinite length, or its tag.
_BEGINS = (b"\x84", b"\x9f", b"\xd2")

# What breaks a rule of form is still a document if it has the field with which genuine ones begin.
_FIRST_FIELD = b"module_id"
_FIRST_BYTES = 64


def explain_document(source: Source, surroundings: Surroundings) -> Explanation | None:
    """Tell of an attestation document what it claims."""
    from pycape import attestation  # noqa: PLC0415 - `cape --help` does without

    if not source.data[:1].startswith(_BEGINS):
        return None
    try:
        document = attestation.inspect(source.data)
    except DocumentMalformed:
        if _FIRST_FIELD in source.data[:_FIRST_BYTES]:
            raise
        return None  # something else in CBOR
    pcrs = {index: value for index, value in document.pcrs.items() if any(value)}
    release = _release(document.pcrs, surroundings)
    return Explanation(
        "attestation",
        "an attestation document of a Nitro enclave's security module, or what looks like one",
        None,
        {
            "size": source.size,
            "module_id": document.module_id,
            "timestamp": show_time(document.timestamp),
            "looks_like_release": release,
            "pcrs": {f"PCR{index}": value.hex() for index, value in pcrs.items()},
            "debug_mode": not all(any(document.pcrs.get(index, b"")) for index in range(3)),
            "nonce": None if document.nonce is None else document.nonce.hex(),
            "public_key_size": None if document.public_key is None else len(document.public_key),
            "user_data_size": None if document.user_data is None else len(document.user_data),
        },
        [
            "PCR0 to PCR2 measure the image that the enclave was started from; if one of them is "
            "zero, or not told, that is debug mode, in which nothing is confidential. Neither "
            "signature nor chain were looked at: `cape attest --file FILE --at TIME` makes every "
            "check.",
            _algorithms.ES384,
        ],
    )


def _release(pcrs: dict[int, bytes], surroundings: Surroundings) -> str | None:
    """Return the release of this machine's policy that the measurements claimed are of."""
    try:
        return surroundings.platform.policy().matching(pcrs)
    except CapeError:
        return None  # no policy here

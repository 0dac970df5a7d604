"""How far this machine's clock is from the enclave's, where that may be why a document is refused.

A document that answers this very handshake was made a moment ago: the time that it claims is about
now, by the enclave's security module. Nothing has proved it where the document was refused, so it
is told and not used.
"""

from __future__ import annotations

from . import _core, errors

# What the judging of a time can raise.
_OF_TIMES = (errors.CertificateExpired, errors.DocumentTooOld)


def hint_of_skew(error: errors.AttestationError, document: bytes | None, now: int) -> str | None:
    """Return what to do about a fresh document that was refused for a time.

    None where the error is of another kind, or the document says no time. `now` is what it was
    judged by, in milliseconds since 1970.
    """
    if not isinstance(error, _OF_TIMES) or document is None:
        return None
    try:
        claimed = _core.inspect_document(document).timestamp
    except errors.AttestationError:
        return None
    seconds = round(now / 1000 - claimed.timestamp())
    if seconds == 0:
        return None
    side = "ahead of" if seconds > 0 else "behind"
    return (
        f"this machine's clock is {abs(seconds)} s {side} the time that the enclave's document "
        "claims: check it (NTP), then connect again; no skew is allowed for certificates. If the "
        "clock is right, somebody shows another document than the enclave's"
    )

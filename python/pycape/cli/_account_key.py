"""An account's key as it is shown: what it is called, and who vouches for it until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pycape._clock import show_time

if TYPE_CHECKING:
    from pycape import KeyRecord
    from pycape.policy import Policy

KEY_KINDS = {
    "xwing": "X-Wing (ML-KEM-768 with X25519)",
    "x25519": "X25519",
    "rsa": "RSA",
}


def vouched(policy: Policy, record: KeyRecord) -> dict[str, Any]:
    """Return what is known of an account's key: its epoch, and who vouches for it until when."""
    releases = {release.digest: release for release in policy.releases}
    release = releases.get(record.release or "")
    ends = [record.expires]
    if release is not None and release.not_after is not None:
        ends.append(release.not_after)
    return {
        "account": record.account,
        "epoch": record.epoch,
        "fetched": show_time(record.fetched),
        "release": None if release is None else release.name,
        "release_digest": record.release,
        "counts_until": show_time(min(ends)),
    }

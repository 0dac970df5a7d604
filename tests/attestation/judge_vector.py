"""A file of `tests/vectors/attestation/`, judged by the package as it says."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pycape import _core, attestation, policy

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def load(path: Path) -> dict:
    """Return the file's facts, the bytes decoded."""
    facts = {"name": path.stem, **json.loads(path.read_text())}
    for name in ("document", "trust_root"):
        facts[name] = base64.b64decode(facts[name])
    facts["nonce"] = None if facts["nonce"] is None else bytes.fromhex(facts["nonce"])
    return facts


def releases(vector: dict) -> policy.Policy:
    return policy.parse(vector["policy"], "the vector's policy")


def judge(
    vector: dict, cache: attestation.ChainCache | None = None
) -> attestation.VerifiedAttestation:
    roots = attestation.TrustRoots([vector["trust_root"]])
    if vector["purpose"] == "vault-birth":
        return _core.verify_birth_document(
            vector["document"], roots, releases(vector), vector["now_ms"]
        )
    return attestation.verify(
        vector["document"],
        policy=releases(vector),
        nonce=vector["nonce"],
        trust_roots=roots,
        now=EPOCH + timedelta(milliseconds=vector["now_ms"]),
        max_age=timedelta(milliseconds=vector["max_age_ms"]),
        purpose=vector["purpose"],
        cache=cache,
    )

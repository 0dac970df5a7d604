"""One file of `tests/vectors/attestation/`."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from .chain import NOW_MS, ROOT
from .document import NONCE, POLICY

FOLDER = Path(__file__).parents[2] / "vectors" / "attestation"


@dataclass(frozen=True)
class Case:
    """A document, what it is judged by, and the verdict: accepted, unless there is an `error`.

    `check` is the name that docs/spec/attestation.md gives to what is tried, `detail` the words in
    which the package tells what is wrong.
    """

    name: str
    check: str
    about: str
    document: bytes
    error: str | None = None
    detail: str | None = None
    trust_root: bytes = ROOT
    policy: str = POLICY
    purpose: str = "any"
    nonce: bytes | None = NONCE
    now_ms: int = NOW_MS
    max_age_ms: int = 300_000

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.name}.json"

    def as_json(self) -> str:
        fields = {
            "about": self.about,
            "check": self.check,
            "detail": self.detail,
            "document": base64.b64encode(self.document).decode(),
            "error": self.error,
            "max_age_ms": self.max_age_ms,
            "nonce": None if self.nonce is None else self.nonce.hex(),
            "now_ms": self.now_ms,
            "policy": self.policy,
            "purpose": self.purpose,
            "trust_root": base64.b64encode(self.trust_root).decode(),
        }
        return json.dumps(fields, indent=2) + "\n"


def malformed(name: str, check: str, about: str, document: bytes, detail: str, **judged_by) -> Case:
    """Return the case of a document that breaks a rule of form."""
    detail = f"attestation document out of form: {detail}"
    return Case(name, check, about, document, "DocumentMalformed", detail, **judged_by)


def invalid(
    name: str, check: str, about: str, document: bytes, place: int, detail: str, **judged_by
) -> Case:
    """Return the case of a chain whose certificate number `place`, from the root, is at fault."""
    detail = f"certificate {place} of the chain: {detail}"
    return Case(name, check, about, document, "ChainInvalid", detail, **judged_by)

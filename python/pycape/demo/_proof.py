"""`cape demo`: the whole way once, on a platform of its own, with every check told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pycape import _core
from pycape.demo._digits import Prediction, picture, predictions, train_digits
from pycape.demo._echo import echo_folder

if TYPE_CHECKING:
    from pycape import Cape, FunctionRef, Result
    from pycape._profile import Profile

_GREETING = b"hello from outside the enclave"
_MAX_AGE = timedelta(minutes=5)


@dataclass(frozen=True)
class Step:
    """Something that was done, and the seconds it took."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Check:
    """Something that has to hold, whether it does, and by what one sees it."""

    name: str
    held: bool
    evidence: str


@dataclass
class Proof:
    """What the demo did and found. `ok` is whether the class was right and every check held."""

    steps: list[Step] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    functions: dict[str, dict[str, str | None]] = field(default_factory=dict)
    picture: str = ""
    label: str = ""
    accuracy: float = 0.0
    trained_on: int = 0
    held_out: int = 0
    top: tuple[Prediction, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the image's class is right and every check held."""
        right = bool(self.top) and self.top[0].label == self.label
        return right and bool(self.checks) and all(check.held for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """Return all of it for `--json`."""
        return {
            "ok": self.ok,
            "steps": [asdict(step) for step in self.steps],
            "checks": [asdict(check) for check in self.checks],
            "functions": self.functions,
            "image": {"label": self.label, "picture": self.picture},
            "model": {
                "accuracy": self.accuracy,
                "trained_on": self.trained_on,
                "held_out": self.held_out,
            },
            "top": [asdict(prediction) for prediction in self.top],
        }


class Demo:
    """The two stages, told step by step to `tell`."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self.proof = Proof()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step, and tell it."""
        start = time.perf_counter()
        yield
        step = Step(name, time.perf_counter() - start)
        self.proof.steps.append(step)
        self._tell(f"  {step.name:<52} {step.seconds:8.3f} s")

    def first_proof(self, cape: Cape, profile: Profile) -> None:
        """Encrypt a greeting, and have an echo function open and return it."""
        with self.step("deploy a function that returns its input"):
            echo = cape.deploy(echo_folder(), name="echo")
        self._remember("echo", echo)
        with self.step("encrypt a greeting for its owner's functions"):
            sealed = cape.encrypt(_GREETING)
        with self.step("prove the enclave, and run the function on it"):
            result = cape.call(echo, None, sealed)
        self._evidence(result, profile)
        self._check(
            "only the enclave opened it",
            result.output == _GREETING and _GREETING not in sealed,
            f"{len(sealed)} characters went in, {result.output.decode(errors='replace')!r} came out",
        )

    def classify(self, cape: Cape, folder: Path) -> None:
        """Train, deploy and run an image classifier, on an image and on its ciphertext."""
        with self.step("train a classifier on scanned digits, export ONNX"):
            digits = train_digits(folder)
        proof = self.proof
        proof.picture, proof.label = picture(digits.image), digits.label
        proof.accuracy = digits.accuracy
        proof.trained_on, proof.held_out = digits.trained_on, digits.held_out
        with self.step("pack it with onnxruntime and numpy, and deploy it"):
            classifier = cape.deploy(digits.folder, name="digits")
        self._remember("digits", classifier)
        with self.step("make a token for it"):
            token = cape.create_token(classifier, name="demo", expires="1h")
        with self.step("encrypt an image that the model never saw"):
            sealed = cape.encrypt(digits.image, functions=[classifier])
        with self.step("run it on the plain image"):
            plain = cape.call(classifier, token, digits.image)
        with self.step("run it on the encrypted image"):
            secret = cape.call(classifier, token, sealed)
        proof.top = predictions(secret.output)
        self._check(
            "both answers are equal",
            plain.output == secret.output,
            "the enclave gave the same five classes for the image and its ciphertext",
        )
        self._check(
            "the code that ran is the code deployed",
            plain.checksum == secret.checksum == classifier.checksum,
            f"checksum {classifier.checksum}",
        )

    def _remember(self, name: str, ref: FunctionRef) -> None:
        self.proof.functions[name] = {
            "function_id": ref.id,
            "function_name": ref.full_name,
            "function_checksum": ref.checksum,
        }

    def _check(self, name: str, held: bool, evidence: str) -> None:
        self.proof.checks.append(Check(name, held, evidence))

    def _evidence(self, result: Result, profile: Profile) -> None:
        """Hold what the enclave proved against the profile once more, for a person to read."""
        verified = result.verified
        policy = _core.Policy.from_toml(profile.policy_toml)
        roots = _core.TrustRoots.development(list(profile.trust_roots))
        self._check(
            "trust root",
            verified.trust == "development" and verified.trust_root_digest in roots.digests,
            f"{verified.trust} root {verified.trust_root_digest}",
        )
        release = policy.matching(verified.pcrs)
        measured = ", ".join(f"PCR{i} {verified.pcrs[i].hex()[:16]}..." for i in range(3))
        self._check("measurements", release is not None, f"{measured}: release {release!r}")
        vaults = {pinned.vault for pinned in policy.releases}
        self._check(
            "vault",
            verified.vault in vaults,
            "none" if verified.vault is None else f"{verified.vault.hex()}, as the policy pins it",
        )
        self._check("nonce", verified.nonce_checked, "the document answers this session's challenge")
        age = datetime.now(timezone.utc) - verified.timestamp
        self._check("age", abs(age) <= _MAX_AGE, f"{age.total_seconds():.1f} s")

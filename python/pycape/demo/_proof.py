"""The whole way once, on a platform of its own, with every check told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pycape import _evidence
from pycape._evidence import Check
from pycape.demo._digits import Prediction, picture, predictions, train_digits
from pycape.demo._echo import echo_folder
from pycape.policy import Policy

if TYPE_CHECKING:
    from pycape import Cape, FunctionRef, Result
    from pycape._profile import Profile
    from pycape.packaging import Progress

    Packing = AbstractContextManager[Callable[[Progress], None]]

_GREETING = b"hello from outside the enclave"


@dataclass(frozen=True)
class Step:
    """Something that was done, and the seconds it took."""

    name: str
    seconds: float


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
        return self.is_right and bool(self.checks) and all(check.held for check in self.checks)

    @property
    def is_right(self) -> bool:
        """Whether the enclave's best class is what the image shows."""
        return bool(self.top) and self.top[0].label == self.label

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
    """The two stages; `tell` is given each step when it is done, `shades` are the image's."""

    def __init__(self, tell: Callable[[Step], None], shades: str) -> None:
        self._tell = tell
        self._shades = shades
        self.proof = Proof()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step, and tell it."""
        start = time.perf_counter()
        yield
        step = Step(name, time.perf_counter() - start)
        self.proof.steps.append(step)
        self._tell(step)

    def first_proof(self, cape: Cape, profile: Profile) -> None:
        """Encrypt a greeting, and have an echo function open and return it."""
        with self.step("deploy a function that returns its input"):
            echo = cape.deploy(echo_folder(), name="echo")
        self._remember("echo", echo)
        with self.step("encrypt a greeting for its owner's functions"):
            sealed = cape.encrypt(_GREETING)
        with self.step("have the enclave prove itself, and run it"):
            result = cape.call(echo, None, sealed)
        self.proof.checks += _judged(result, profile)
        self._check(
            "only the enclave opened it",
            result.output == _GREETING and _GREETING not in sealed,
            f"{len(sealed):,} characters of ciphertext went in, "
            f"{result.output.decode(errors='replace')!r} came out",
        )

    def classify(self, cape: Cape, folder: Path, packing: Packing) -> None:
        """Train, deploy and run an image classifier, on an image and on its ciphertext.

        `packing` is entered while the classifier is packed and sent, and told how far that is.
        """
        with self.step("train a classifier on scanned digits, export ONNX"):
            digits = train_digits(folder)
        proof = self.proof
        proof.picture, proof.label = picture(digits.image, self._shades), digits.label
        proof.accuracy = digits.accuracy
        proof.trained_on, proof.held_out = digits.trained_on, digits.held_out
        with self.step("pack it with onnxruntime and numpy, deploy it"), packing as progress:
            classifier = cape.deploy(digits.folder, name="digits", progress=progress)
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
            "the same five classes for the image and for its ciphertext",
        )
        self._check(
            "the code that ran is the code deployed",
            plain.checksum == secret.checksum == classifier.checksum,
            f"checksum {str(classifier.checksum)[:16]}..., for each of the calls",
        )

    def _remember(self, name: str, ref: FunctionRef) -> None:
        self.proof.functions[name] = {
            "function_id": ref.id,
            "function_name": ref.full_name,
            "function_checksum": ref.checksum,
        }

    def _check(self, name: str, held: bool, evidence: str) -> None:
        self.proof.checks.append(Check(name, held, evidence))


def _judged(result: Result, profile: Profile) -> list[Check]:
    """Hold what the enclave proved against the profile once more, for a person to read."""
    return _evidence.checks(
        result.verified,
        policy=Policy.from_toml(profile.policy_toml),
        trust_roots=profile.roots(),
        now=datetime.now(UTC),
    )

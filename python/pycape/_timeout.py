"""How long each phase may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timeout:
    """Seconds that each phase may take; None is no limit.

    `connect` is for one HTTP request to the control plane, and for opening the connection to the
    enclave; `attest` for the enclave's document; `request` for a call from its last byte sent to
    its end; `idle` for the pause between two messages of an answer.
    """

    connect: float | None = 10.0
    attest: float | None = 10.0
    request: float | None = 300.0
    idle: float | None = 60.0

    def __post_init__(self) -> None:
        for phase, seconds in vars(self).items():
            if seconds is not None and not seconds > 0:
                raise ValueError(f"timeout `{phase}` is {seconds}: seconds above zero, or None")

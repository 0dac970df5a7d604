"""How long each phase may take."""

from __future__ import annotations

from dataclasses import dataclass

# What operating systems count milliseconds with ends after 24 days.
_LONGEST = 1_000_000


@dataclass(frozen=True)
class Timeout:
    """Seconds that each phase may take; None is no limit.

    `connect` is for one request to the control plane, and for opening the connection to the
    enclave; `attest` for the enclave's document; `request` for a call, from its last byte sent to
    the first of its answer; `idle` for any pause while an input or an answer is on its way.

    Raises:
        TypeError: a limit is neither a number nor None.
        ValueError: a limit is not above zero, or of more than 1,000,000 seconds.
    """

    connect: float | None = 10.0
    attest: float | None = 10.0
    request: float | None = 300.0
    idle: float | None = 60.0

    def __post_init__(self) -> None:
        for phase, seconds in vars(self).items():
            if not isinstance(seconds, int | float | None):
                raise TypeError(
                    f"timeout `{phase}` is a number of seconds or None, "
                    f"not {type(seconds).__name__}"
                )
            if seconds is not None and not 0 < seconds <= _LONGEST:
                raise ValueError(
                    f"timeout `{phase}` is {seconds}: above zero and at most {_LONGEST}, or None"
                )

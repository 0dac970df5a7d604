"""What an operation asks the outside for.

Operations are generators without I/O: they yield one of these, and are sent its result. The sync
and the async client differ only in who performs them (`_drive.py`, `_async_drive.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from ._json import parse_object
from .errors import ProtocolError

if TYPE_CHECKING:
    from ._input_stream import InputStream

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request to the control plane; the result is an `HttpResponse`, whatever its status."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What the control plane answered."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object.

        Raises:
            ProtocolError: it is none.
        """
        try:
            return parse_object(self.content)
        except ValueError as error:
            raise ProtocolError(f"the control plane's answer is no JSON object: {error}") from error


@dataclass(frozen=True, slots=True)
class Send:
    """Send one binary message over the connection."""

    message: bytes


@dataclass(frozen=True, slots=True)
class Receive:
    """Wait for one binary message; `phase` names what it is for, should the time run out."""

    phase: str


@dataclass(frozen=True, slots=True)
class TakePending:
    """Take a binary message that has come already; the result is None when there is none."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ReadInput:
    """Read the next piece of an input; the result is None at its end.

    With `listening` it is `Came` when a message came before the piece, which is read on then: who
    gives the piece may wait for what comes of those before.
    """

    stream: InputStream
    listening: bool = False


@dataclass(frozen=True, slots=True)
class Came:
    """A binary message that came while an input was read."""

    message: bytes


@dataclass(frozen=True, slots=True)
class Give:
    """Give a piece of the output to whoever takes it, who may raise `GivenUpError`."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell what a function printed."""

    receiver: Callable[[str], Any]
    text: str


class GivenUpError(Exception):
    """Whoever takes the output of a call wants no more of it."""


Effect = HttpRequest | Send | Receive | TakePending | Sleep | ReadInput | Give | Tell
Operation = Generator[Effect, Any, T]

"""How long the files of each kind may be: no more of them is read, and what is longer is refused.

The core has the same limits for documents, receipts, salts, tokens and policies; but it has to have
all bytes to look at them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pycape._key_size import MOST_OF_KEY
from pycape.cli._files import display_name, read_bytes, utf_8

if TYPE_CHECKING:
    from pycape.errors import CapeError

_SIZE = {"reason": "size"}


@dataclass(frozen=True)
class Limit:
    """The bytes that a file of one kind may have, and how a longer one is told of.

    `error` is the name of a class of `pycape.errors`, and `words` what it says before the size.
    """

    most: int
    error: str
    words: str
    details: Mapping[str, str] = field(default_factory=dict)

    def read(self, name: str) -> bytes:
        """Return a file's bytes; `-` is stdin."""
        return self.checked(self.read_some(name), name)

    def read_text(self, name: str) -> str:
        """Return a file's text without the white space around it; `-` is stdin."""
        return utf_8(self.read(name), name).strip()

    def read_some(self, name: str) -> bytes:
        """Return the same, or the beginning of a file that is too long."""
        return read_bytes(name, self.most + 1)

    def checked(self, data: bytes, name: str) -> bytes:
        """Return what was read, unless that is more than there may be."""
        if len(data) > self.most:
            raise self._exceeded(name)
        return data

    def _exceeded(self, name: str) -> CapeError:
        from pycape.errors import from_wire  # noqa: PLC0415 - `cape --help` does without

        words = self.words.format(display_name(name))
        error = from_wire(self.error, f"{words}: more than {self.most} bytes", self.details)
        error.hint = error.hint or "is it the right file?"
        return error


DOCUMENT = Limit(32 << 10, "DocumentMalformed", "attestation document out of form", _SIZE)
RECEIPT = Limit(36 << 10, "ReceiptInvalid", "receipt out of form", _SIZE)
SALTS = Limit(1 << 10, "ReceiptInvalid", "salts out of form", {"reason": "salts"})
TOKEN = Limit(64 << 10, "TokenInvalid", "{}: this is no token")
KEY = Limit(MOST_OF_KEY, "KeyInvalid", "{}: this is no key")
POLICY = Limit(1 << 20, "ConfigError", "{}: policy file")
# A policy, the roots and the birth document are in it.
PROFILE = Limit(2 << 20, "ConfigError", "profile {}")

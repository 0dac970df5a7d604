"""The end of a run whose input or output nobody has as a whole.

Spec: docs/spec/receipt.md, what a client checks.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import deque
from typing import TYPE_CHECKING, Any

from . import _core, errors
from ._readings import NONCE_BYTES, Proof, ReceiptReading

if TYPE_CHECKING:
    from ._buffer import Buffer

_CIPHERTEXT_BEGINS = b"cape:"
_SALT_BYTES = 32

# Spec: docs/spec/session.md, CREDIT.
_INITIAL_CREDIT = 1 << 20


class StreamReading(ReceiptReading):
    """As `RunReading`, of a run whose data is digested as it passes."""

    def __init__(self, session: _core.ClientSession, checksum: bytes, *, after: int) -> None:
        self.checksum = checksum
        self.call_nonce = secrets.token_bytes(NONCE_BYTES)
        self.salts = (secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_SALT_BYTES))
        self._session = session
        self._after = after
        self._input = _InputDigest(self.salts[0])
        self._output = hashlib.sha256(self.salts[1])

    def sent(self, data: Buffer, sendable: int) -> None:
        """Take note of input that was sent, after which so many bytes more may be."""
        self._input.add(data)
        self._input.taken(self._input.size + sendable - _INITIAL_CREDIT)

    def took(self, data: bytes) -> None:
        """Take note of output that came."""
        self._output.update(data)

    def _verify_proof(
        self, proof: Proof, *, output: bytes | None, error: str | None
    ) -> _core.VerifiedReceipt:
        digest, sealed = self._input.finish(proof.input_taken)
        return self._session.verify_stream_receipt(
            proof.receipt,
            proof.key,
            self.salts,
            checksum=self.checksum,
            call_nonce=self.call_nonce,
            after=self._after,
            input_digest=digest,
            sealed=sealed,
            output_digest=None if output is None else self._output.digest(),
            error=error,
        )


class _InputDigest:
    """The digest of an input's first bytes, as many as the enclave says in the end.

    It has taken at least what it granted again, so no more is kept here than it grants at a time.
    """

    def __init__(self, salt: bytes) -> None:
        self.size = 0
        self._salt = salt
        self._begin = b""
        self._hash: Any = None
        self._hashed = 0
        self._kept: deque[memoryview] = deque()

    def add(self, data: Buffer) -> None:
        view = memoryview(data)
        # What is sent may be the caller's own buffer, to be used again.
        kept = view if isinstance(view.obj, bytes) else memoryview(bytes(view))
        self._begin += kept[: len(_CIPHERTEXT_BEGINS) - len(self._begin)]
        self._kept.append(kept)
        self.size += kept.nbytes

    def taken(self, size: int) -> None:
        """Digest up to so many bytes from the beginning."""
        while self._kept and self._hashed < size:
            first = self._kept.popleft()
            part = first[: size - self._hashed]
            if rest := first[len(part) :]:
                self._kept.appendleft(rest)
            self._running(size).update(part)
            self._hashed += len(part)

    def finish(self, size: int | None) -> tuple[bytes, bool]:
        """Return the digest of so many bytes, or of all, and whether they are a ciphertext's.

        Raises:
            ReceiptInvalid: the enclave cannot have taken so many.
        """
        if size is not None and not self._hashed <= size <= self.size:
            raise errors.ReceiptInvalid(
                f"the receipt is about {size} bytes of input, of which {self.size} were sent",
                reason="input",
            )
        taken = self.size if size is None else size
        self.taken(taken)
        return self._running(taken).digest(), self._is_sealed(taken)

    def _running(self, size: int) -> Any:
        if self._hash is None:
            self._hash = hashlib.sha256(b"" if self._is_sealed(size) else self._salt)
        return self._hash

    def _is_sealed(self, size: int) -> bool:
        return self._begin[:size] == _CIPHERTEXT_BEGINS

"""What a call's receipt says, as it comes to be known. Spec: docs/spec/receipt.md."""

from __future__ import annotations

import hashlib
import os
import time

from pycape import _core, errors
from pycape._clock import now_ms
from pycape.testing._call import Call

_SALT_BYTES = 32


class RunRecord:
    """The digests of a run, for the receipt of a call that asked for one."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._salts = call.opened.salts or (os.urandom(_SALT_BYTES), os.urandom(_SALT_BYTES))
        self._input, self._output = map(hashlib.sha256, self._salts)
        self._ciphertext: bytes | None = None
        self._taken = 0
        self._began: tuple[int, float] | None = None
        self.input_is_whole = False

    @property
    def duration_us(self) -> int:
        """How long the handler has run, in microseconds."""
        return 0 if self._began is None else int((time.monotonic() - self._began[1]) * 1e6)

    def sent_ciphertext(self, data: bytes) -> None:
        """Note an input as it was sent, which is a ciphertext."""
        self._ciphertext = hashlib.sha256(data).digest()

    def given(self, data: bytes) -> None:
        """Note what the handler is given."""
        self._taken += len(data)
        self._input.update(data)

    def output(self, data: bytes) -> bytes:
        """Note what the handler gives; return it."""
        self._output.update(data)
        return data

    def begin(self) -> None:
        """Note that the handler begins."""
        self._began = (now_ms(), time.monotonic())

    def succeeded(self, enclave: _core.InsecureEnclave) -> _core.IssuedReceipt | None:
        """Return the receipt of a run that succeeded, if one is wanted."""
        return self._issued(enclave, self._output.digest(), None)

    def failed(
        self, enclave: _core.InsecureEnclave, error: errors.CapeError
    ) -> _core.IssuedReceipt | None:
        """Return the receipt of a run that failed after its handler had begun, if one is wanted."""
        return self._issued(enclave, None, type(error).__name__)

    def _issued(
        self, enclave: _core.InsecureEnclave, output: bytes | None, error: str | None
    ) -> _core.IssuedReceipt | None:
        if not self._call.opened.receipt or self._began is None:
            return None
        return self._call.session.sign_receipt(
            enclave,
            self._call.opened,
            salts=self._salts,
            input_digest=self._input.digest(),
            ciphertext_digest=self._ciphertext,
            input_taken=None if self.input_is_whole else self._taken,
            output_digest=output,
            error=error,
            started_ms=self._began[0],
            duration_us=self.duration_us,
        )

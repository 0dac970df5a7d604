"""The operation `run`, in the order of enclave-runtime/src/operations/run.rs."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from pycape import _core, errors
from pycape.testing._call import Call, CallOverError
from pycape.testing._record import RunRecord
from pycape.testing._seats import Seat, Seats
from pycape.testing._shim import shim
from pycape.testing._worker import failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pycape.testing._host import Host

_MARK = b"cape:"

# Bytes of an input that is taken whole, and of an output.
MAX_INPUT = 64 * 2**20
_MAX_OUTPUT = 2**30


def run(host: Host, seats: Seats, call: Call) -> None:
    """Run a function on a client's input.

    Raises:
        NotFound: no such function was deployed.
        PermissionDenied: the caller may not run it.
        DecryptFailed: the input is a ciphertext for other keys.
        FunctionError: it raised, took too long or too much, or died.
    """
    found = host.functions.get(call.opened.checksum or "")
    if found is None:
        raise errors.NotFound(f"no function has the checksum {call.opened.checksum}")
    manifest, folder = found
    account = call.session.authorize(host.core, call.opened, manifest.text, host.now_ms())
    with seats.take(call, manifest, folder, account) as seat:
        _Run(host, call, manifest, account, seat).run()


class _Run:
    def __init__(
        self,
        host: Host,
        call: Call,
        manifest: _core.Manifest,
        account: str | None,
        seat: Seat,
    ) -> None:
        self._host = host
        self._call = call
        self._manifest = manifest
        self._account = account
        self._seat = seat
        self._worker = seat.loaded.worker
        self._record = RunRecord(call)
        self._seconds = host.seconds_of(manifest)

    def run(self) -> None:
        try:
            last = self._streamed() if self._seat.loaded.takes_stream else self._whole()
        except errors.CapeError as error:
            if type(error) is errors.FunctionError:  # it raised, and lives
                self._seat.give_back()
            self._call.fail(error, self._record.failed(self._host.core, error))
            return
        self._seat.give_back()
        output = self._record.output(last)
        receipt = self._record.succeeded(self._host.core)
        call = self._call
        call.end(
            lambda: call.session.end(
                call.opened.call,
                output,
                duration_us=self._record.duration_us,
                cold=self._seat.cold,
                receipt=receipt,
            )
        )

    def _whole(self) -> bytes:
        sent = bytearray()
        for data in self._call.input():
            sent += data
            if len(sent) > MAX_INPUT:
                raise errors.TooLarge(
                    f"input is over the limit of {MAX_INPUT} bytes",
                    details={"what": "input", "limit": str(MAX_INPUT)},
                )
        given = self._opened(bytes(sent))
        self._record.begin()
        self._begin()
        self._worker.send(shim().INPUT, given)
        return self._answer()

    def _streamed(self) -> bytes:
        parts = self._given()
        first = next(parts, None)  # the handler begins with it
        self._record.begin()
        self._begin()
        failed: list[BaseException] = []
        feeder = threading.Thread(target=self._feed, args=(first, parts, failed), daemon=True)
        feeder.start()
        try:
            return self._answer()
        except BaseException as error:
            if type(error) is not errors.FunctionError:
                self._worker.kill()  # it may read no more, and the feeder waits for that
            if failed:
                raise failed[0] from None
            raise
        finally:
            self._call.cut_input()
            feeder.join()

    def _feed(
        self, first: bytes | None, parts: Iterator[bytes], failed: list[BaseException]
    ) -> None:
        """Pass a stream on to the handler, and end it there whatever becomes of it here."""
        frames = shim()
        try:
            if first is not None:
                self._worker.send(frames.INPUT, first)
                for part in parts:
                    self._worker.send(frames.INPUT, part)
        except (CallOverError, errors.CapeError) as error:
            failed.append(error)
            self._worker.kill()
            return
        self._worker.send(frames.INPUT_END, b"")

    def _given(self) -> Iterator[bytes]:
        """Give a stream's parts to the handler; a ciphertext once all of it is there."""
        held = b""
        parts = self._call.input()
        for data in parts:
            held += data
            if len(held) >= len(_MARK):
                break
        if held.startswith(_MARK):
            yield self._opened(held + b"".join(parts))
            return
        if held:
            self._record.given(held)
            yield held
        for data in parts:
            self._record.given(data)
            yield data
        self._record.input_is_whole = not self._call.input_was_cut

    def _opened(self, sent: bytes) -> bytes:
        """Return what the handler is given of an input that is whole."""
        given = sent
        if sent.startswith(_MARK):
            now = self._host.now_ms()
            given = self._host.core.open_input(self._manifest.text, sent, now)
            self._record.sent_ciphertext(sent)
        self._record.given(given)
        self._record.input_is_whole = True
        return given

    def _begin(self) -> None:
        opened, manifest = self._call.opened, self._manifest
        shared = manifest.isolation == "function"
        log = ("shared" if shared else "own") if opened.log else ""
        deadline = time.time() + manifest.timeout_s
        fields = (manifest.function_id, manifest.checksum, self._account or "", f"{deadline}", log)
        self._worker.send(shim().CALL, shim().fields(*fields))

    def _answer(self) -> bytes:
        """Pass on what the function gives; its last bytes."""
        frames, sent = shim(), 0
        end = None if self._seconds is None else time.monotonic() + self._seconds
        while True:
            kind, payload = self._receive(end)
            if kind == frames.LOG:
                self._call.log(payload)
                continue
            if kind in {frames.RAISED, frames.OUT_OF_MEMORY}:
                raise failure(kind, payload, self._manifest)
            sent += len(payload)
            if sent > _MAX_OUTPUT:
                raise errors.TooLarge(
                    f"the function gave more than {_MAX_OUTPUT} bytes",
                    details={"what": "output", "limit": str(_MAX_OUTPUT)},
                )
            if kind == frames.RESULT:
                return payload
            self._call.data(self._record.output(payload))

    def _receive(self, end: float | None) -> tuple[int, bytes]:
        left = None if end is None else max(0.0, end - time.monotonic())
        try:
            return self._worker.receive(left)
        except TimeoutError:
            raise errors.FunctionTimeout(
                f"the function took longer than {self._seconds:g} s",
                details={"timeout_s": f"{self._seconds:g}"},
            ) from None
        except EOFError:
            self._call.check()
            raise self._worker.crash() from None

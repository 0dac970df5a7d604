"""Stand-ins for the core's session and for the connection that it is on.

The core's own state machine is tested where it is; here messages are the events that it would make
of them.
"""

from dataclasses import dataclass, field

from pycape import errors


@dataclass
class DataEvent:
    data: bytes


@dataclass
class EndEvent:
    output: bytes = b""
    usage: dict = field(default_factory=dict)
    account_key = None
    description = None
    receipt: bytes | None = b"receipt"
    receipt_key: bytes | None = b"key"
    salts: bytes | None = b"salts"
    input_taken: int | None = None


@dataclass
class ErrorEvent:
    name: str
    call: int = 1
    message: str = "because"
    details: dict = field(default_factory=dict)
    receipt: bytes | None = None
    receipt_key: bytes | None = b"key"
    salts: bytes | None = b"salts"
    input_taken: int | None = None


@dataclass
class CloseEvent:
    code: int = 1001


class CreditEvent:
    pass


@dataclass
class LogEvent:
    data: bytes


@dataclass
class VerifiedReceipt:
    sequence: int


@dataclass
class Violation:
    """What the core finds wrong with a message."""

    error: errors.CapeError


class Core:
    """Messages are events here; what is sent is named."""

    attestation = owner_session = None
    DataEvent, EndEvent, ErrorEvent, CloseEvent = DataEvent, EndEvent, ErrorEvent, CloseEvent
    LogEvent = LogEvent

    def __init__(self, credit: int = 1 << 20) -> None:
        self.credit = credit
        self.nonces = []
        self.expected = []

    def open_run(self, checksum, *, call_nonce, **_fields):
        self.nonces.append(call_nonce)
        return 1, "open"

    def verify_receipt(self, receipt, key, salts, **expected):
        """Take every receipt but one, and number them from 1."""
        if receipt == b"forged":
            raise errors.ReceiptInvalid("it does not hold", reason="signature")
        assert (key, salts) == (b"key", b"salts")
        self.expected.append(expected)
        return VerifiedReceipt(len(self.expected))

    def open_describe(self):
        return 1, "open"

    def open_deploy(self, manifest, owner_proof, *, zstd):
        return 1, "open"

    def sendable(self, call):
        return self.credit

    def data(self, call, part):
        self.credit -= part.nbytes
        return part.nbytes

    def end(self, call):
        return "end"

    def consumed(self, call, size):
        return f"credit {size}"

    def receive(self, message):
        if isinstance(message, Violation):
            raise message.error
        if isinstance(message, CreditEvent):
            self.credit += 1 << 20
        return message


class Enclave:
    """A connection: `early` has come before the call, `answers` come as they are waited for."""

    def __init__(self, *answers, early=()) -> None:
        self.answers = list(answers)
        self.early = list(early)
        self.sent = []
        self.waits = []

    def send(self, message, timeout) -> None:
        self.sent.append(message)

    def receive(self, timeout, phase):
        self.waits.append((phase, timeout))
        if not self.answers:
            raise errors.StreamTruncated("the connection closed")
        return given(self.answers.pop(0))

    def pending(self):
        return given(self.early.pop(0)) if self.early else None


def given(message):
    if isinstance(message, BaseException):
        raise message
    return message

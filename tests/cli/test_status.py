"""The status that each error ends a command with: those of sysexits.h."""

import inspect
import re
import signal
from pathlib import Path

import pytest

from pycape import errors
from pycape.cli import _errors
from pycape.cli._failure import status_of

STATUS = {
    1: {
        "CapeError",
        "Cancelled",
        "Conflict",
        "FunctionCrashed",
        "FunctionError",
        "FunctionOutOfMemory",
        "FunctionTimeout",
        "NotFound",
        "ServiceError",
    },
    65: {
        "ArchiveRefused",
        "BundleTooLarge",
        "ChecksumMismatch",
        "CryptoError",
        "DecryptFailed",
        "FileRefused",
        "FunctionCorrupted",
        "HandlerMissing",
        "ImageError",
        "ImageMalformed",
        "ImageNotReproduced",
        "KeyInvalid",
        "NoWheelForPlatform",
        "PackagingError",
        "RecipientUnknown",
        "TooLarge",
        "Truncated",
        "UnsupportedFormat",
    },
    69: {"ConnectFailed"},
    75: {"Overloaded", "TimeoutExpired"},
    76: {"ProtocolError", "StreamTruncated", "TransportError"},
    77: {
        "AttestationError",
        "CertificateExpired",
        "ChainInvalid",
        "DebugModeEnclave",
        "DocumentMalformed",
        "DocumentTooOld",
        "NonceMismatch",
        "PcrMismatch",
        "PermissionDenied",
        "ReceiptInvalid",
        "RecipientChanged",
        "SignatureInvalid",
        "TokenExpired",
        "TokenInvalid",
        "TokenRevoked",
        "TokenWrongFunction",
        "TrustRootMismatch",
        "UseForbidden",
        "VaultMismatch",
    },
    78: {"ConfigError", "PolicyRequired"},
}


@pytest.mark.parametrize("status", STATUS)
def test_each_error_has_the_status_of_its_kind(status):
    kinds = [getattr(errors, name) for name in STATUS[status]]
    assert {kind.__name__: status_of(kind) for kind in kinds} == dict.fromkeys(
        STATUS[status], status
    )


def test_no_error_is_left_out():
    kinds = inspect.getmembers(errors, inspect.isclass)
    ours = {name for name, kind in kinds if issubclass(kind, errors.CapeError)}
    assert ours == set().union(*STATUS.values())


def test_the_guide_lists_every_status():
    """Each is seen to come of what is typed in test_wrong_uses*.py, test_streams.py and others."""
    page = Path(__file__).parents[2] / "docs" / "guide" / "json.md"
    listed = {int(number) for number in re.findall(r"^\| (\d+) \|", page.read_text("utf-8"), re.M)}
    own = {
        kind.exit_code
        for _, kind in inspect.getmembers(_errors, inspect.isclass)
        if issubclass(kind, _errors.CommandError)
    }
    assert listed == {0, 128 + signal.SIGPIPE} | STATUS.keys() | own

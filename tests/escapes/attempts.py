"""What the function in this folder can attempt, as it declares it."""

import errno
import sys
from pathlib import Path

import pytest

from pycape.errors import FunctionError, FunctionOutOfMemory

_FUNCTION = str(Path(__file__).parent / "function")
sys.path.insert(0, _FUNCTION)
try:
    import app
finally:
    sys.path.remove(_FUNCTION)

ATTEMPTS = app.ATTEMPTS
TENANTS = app.TENANTS


def refusal(attempt) -> str:
    """Make an attempt that has to fail; the name of the error that it ended with."""
    with pytest.raises(FunctionError) as caught:
        print(attempt())
    error = caught.value
    if isinstance(error, FunctionOutOfMemory):
        return type(error).__name__
    number = error.message.removeprefix("[Errno ").split("]")[0]
    assert number.isdecimal(), f"{error.type}: {error.message}\n{error.traceback}"
    return errno.errorcode[int(number)]

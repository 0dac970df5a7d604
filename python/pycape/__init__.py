"""Confidential functions: encrypt data, deploy a Python function, run it with proof."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._async_client import AsyncCape
    from ._client import Cape
    from ._functions import FunctionRef
    from ._key_cache import KeyRecord
    from ._result import Result, Timing
    from ._timeout import Timeout
    from ._typed_function import function
    from .packaging import Bundle, package
    from .tokens import Token

__version__ = "4.0.0"

__all__ = [
    "AsyncCape",
    "Bundle",
    "Cape",
    "FunctionRef",
    "KeyRecord",
    "Result",
    "Timeout",
    "Timing",
    "Token",
    "__version__",
    "function",
    "package",
]

# Loaded when first asked for: `import pycape` alone, and `cape --help`, stay quick.
_HOME = {
    "AsyncCape": "._async_client",
    "Bundle": ".packaging",
    "Cape": "._client",
    "FunctionRef": "._functions",
    "KeyRecord": "._key_cache",
    "Result": "._result",
    "Timeout": "._timeout",
    "Timing": "._result",
    "Token": ".tokens",
    "function": "._typed_function",
    "package": ".packaging",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'pycape' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

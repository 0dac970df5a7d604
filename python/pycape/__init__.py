"""Confidential functions: encrypt data, deploy a Python function, run it with proof."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._async_client import AsyncCape
    from ._async_function_context import AsyncFunctionContext
    from ._async_function_context_manager import AsyncFunctionContextManager
    from ._async_remote_function import AsyncRemoteFunction
    from ._client import Cape
    from ._core import Description, IsolationLayer, Manifest, RuntimeDescription, RuntimeLimits
    from ._function_context import FunctionContext
    from ._function_context_manager import FunctionContextManager
    from ._functions import FunctionRef
    from ._key_cache import KeyRecord
    from ._output_stream import AsyncOutputStream, OutputStream
    from ._remote_function import RemoteFunction
    from ._result import Result, Timing
    from ._timeout import Timeout
    from ._typed_function import FunctionDecorator, TypedFunction, function
    from ._value_stream import AsyncValueStream, ValueStream
    from .packaging import Bundle, package
    from .tokens import Token

__version__ = "4.0.0"

__all__ = [
    "AsyncCape",
    "AsyncFunctionContext",
    "AsyncFunctionContextManager",
    "AsyncOutputStream",
    "AsyncRemoteFunction",
    "AsyncValueStream",
    "Bundle",
    "Cape",
    "Description",
    "FunctionContext",
    "FunctionContextManager",
    "FunctionDecorator",
    "FunctionRef",
    "IsolationLayer",
    "KeyRecord",
    "Manifest",
    "OutputStream",
    "RemoteFunction",
    "Result",
    "RuntimeDescription",
    "RuntimeLimits",
    "Timeout",
    "Timing",
    "Token",
    "TypedFunction",
    "ValueStream",
    "__version__",
    "function",
    "package",
]

# Loaded when first asked for: `import pycape` alone, and `cape --help`, stay quick.
_HOME = {
    "AsyncCape": "._async_client",
    "AsyncFunctionContext": "._async_function_context",
    "AsyncFunctionContextManager": "._async_function_context_manager",
    "AsyncOutputStream": "._output_stream",
    "AsyncRemoteFunction": "._async_remote_function",
    "AsyncValueStream": "._value_stream",
    "Bundle": ".packaging",
    "Cape": "._client",
    "Description": "._core",
    "FunctionContext": "._function_context",
    "FunctionContextManager": "._function_context_manager",
    "FunctionDecorator": "._typed_function",
    "FunctionRef": "._functions",
    "IsolationLayer": "._core",
    "KeyRecord": "._key_cache",
    "Manifest": "._core",
    "OutputStream": "._output_stream",
    "RemoteFunction": "._remote_function",
    "Result": "._result",
    "RuntimeDescription": "._core",
    "RuntimeLimits": "._core",
    "Timeout": "._timeout",
    "Timing": "._result",
    "Token": ".tokens",
    "TypedFunction": "._typed_function",
    "ValueStream": "._value_stream",
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

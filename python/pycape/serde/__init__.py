"""Typed values as bytes, for functions whose arguments and results are more than bytes.

The format is MessagePack, with what it lacks of Python's own types; it is that of serdio 3.1.1, so
functions and programs of the first system go on as they are. Arrays of numpy are added. Nothing
that is read names code: there is no pickle in it. Spec: docs/spec/serde.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._decoder import deserialize
from ._encoder import serialize

if TYPE_CHECKING:
    from ._hooks import Hooks, SerdeHookBundle, bundle_serde_hooks

__all__ = [
    "Hooks",
    "SerdeHookBundle",
    "bundle_serde_hooks",
    "deserialize",
    "serialize",
]


def __getattr__(name: str) -> Any:
    """Load hooks when they are asked for: a cold call does without."""
    if name not in __all__:
        raise AttributeError(f"module 'pycape.serde' has no attribute {name!r}")
    value = getattr(import_module("._hooks", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Typed values as bytes, for functions whose arguments and results are more than bytes.

The format is MessagePack, with what it lacks of Python's own types; it is that of serdio 3.1.1, so
functions and programs of the first system go on as they are. Arrays of numpy are added. Nothing
that is read names code: there is no pickle in it. Spec: docs/spec/serde.md.
"""

from ._decoder import deserialize
from ._encoder import serialize
from ._hooks import Hooks, SerdeHookBundle, bundle_serde_hooks

__all__ = [
    "Hooks",
    "SerdeHookBundle",
    "bundle_serde_hooks",
    "deserialize",
    "serialize",
]

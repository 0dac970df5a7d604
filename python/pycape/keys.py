"""Keys that a person or a service holds itself. Spec: docs/spec/envelope.md, keys in text."""

from ._core import PrivateKey, PublicKey

__all__ = ["PrivateKey", "PublicKey"]

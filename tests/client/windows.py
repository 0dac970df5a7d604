"""Data of some windows, as streams and files are read, and a key to seal it for."""

from pycape import keys
from pycape._envelope_streams import CHUNK, SEALED_WINDOW, WINDOW

__all__ = ["CHUNK", "KEY", "PUBLIC", "SEALED_WINDOW", "WINDOW", "octets"]

KEY = keys.PrivateKey.generate("x25519")
PUBLIC = KEY.public_key


def octets(size: int) -> bytes:
    """Return bytes of which no two windows are the same."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]

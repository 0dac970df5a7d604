"""Return what came."""


def cape_handler(input_bytes: bytes) -> bytes:
    """Any bytes; the same bytes."""
    return input_bytes

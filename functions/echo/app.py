def cape_handler(input_bytes: bytes) -> bytes:
    return input_bytes

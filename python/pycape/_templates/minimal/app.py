def cape_handler(input_bytes: bytes) -> str:
    """Count the words of a text. An input that begins with cape: was opened before it is here."""
    words = input_bytes.decode().split()
    return f"{len(words)} words"

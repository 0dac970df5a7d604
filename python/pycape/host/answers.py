"""What is read of answers over HTTP, whoever gives them."""

import httpx


def beginning(answer: httpx.Response, most: int) -> bytes:
    """Return what an answer says; of one with more than `most` bytes, a little more than that."""
    read = b""
    for piece in answer.iter_raw():
        read += piece
        if len(read) > most:
            break
    return read

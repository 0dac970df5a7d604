"""pycape, as a function in an enclave sees it: `pycape/__init__.py` of its bundle.

The client is not there. Nor is its version: a bundle changes with what runs in it only.
"""

from ._typed_function import function

__all__ = ["function"]


def __getattr__(name: str) -> object:
    raise AttributeError(
        f"pycape.{name} is not in enclaves: a function has pycape.function and pycape.serde"
    )

"""What is said where `with` and `async with` are taken for one another.

Type checkers see none of it: they tell by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn


class WithOnly:
    """Of the sync client: what is not entered by `async with`."""

    if not TYPE_CHECKING:

        def __aenter__(self) -> NoReturn:
            raise TypeError(
                "`async with` takes an AsyncCape, or what its function_context gives, not"
                f" {type(self).__name__}"
            )

        __aexit__ = __aenter__  # Python looks for both before it calls the first


class AsyncWithOnly:
    """Of the async client: what is not entered by `with`."""

    if not TYPE_CHECKING:

        def __enter__(self) -> NoReturn:
            raise TypeError(f"{type(self).__name__} is entered by `async with`, not by `with`")

        __exit__ = __enter__

"""References to deployed functions."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from . import _core

_HEX = set("0123456789abcdef")
_CHECKSUM_DIGITS = 64


class FunctionRef:
    """What names a deployed function: its id, its name, its checksum, or several of them.

    Args:
        id: The function's id (27 or 28 characters of Base58), as `cape deploy` prints it.
        name: `user/name`, where `user` is an account id or a claimed user name.
        checksum: 64 hexadecimal digits. It covers code, settings and account; a reference that
            has one runs that very function or nothing.
        account: The account id of the owner, where it is known.
        policy: Which enclaves may run it, where that is not the platform's policy.

    Raises:
        TypeError: an argument is not text.
        ValueError: neither id nor name is given, or one breaks its form, or the id is not the
            checksum's.
    """

    def __init__(
        self,
        id: str | None = None,  # noqa: A002 - the name that users know
        name: str | None = None,
        checksum: str | None = None,
        *,
        account: str | None = None,
        policy: _core.Policy | None = None,
    ) -> None:
        if id is None and name is None:
            raise ValueError("a function is named by its id or by user/name: both are missing")
        for what, value in {"id": id, "name": name, "checksum": checksum}.items():
            if not isinstance(value, str | None):
                raise TypeError(f"a function's {what} is text, not {type(value).__name__}")
        self._user: str | None = None
        self._name: str | None = None
        if name is not None:
            self._user, self._name = _split(name)
        if checksum is not None:
            if len(checksum) != _CHECKSUM_DIGITS or set(checksum) - _HEX:
                raise ValueError(f"a checksum has 64 lower-case hexadecimal digits: {checksum!r}")
            derived = _core.function_id(checksum)
            if id is not None and id != derived:
                raise ValueError(f"function {id} does not have the checksum {checksum}")
        self._id = id
        self._checksum = checksum
        self._account = account
        self._policy = policy

    @property
    def id(self) -> str | None:
        """The function's id."""
        return self._id

    @property
    def name(self) -> str | None:
        """The name without its user."""
        return self._name

    @property
    def user(self) -> str | None:
        """The account id or user name in front of the name."""
        return self._user

    @property
    def full_name(self) -> str | None:
        """`user/name`."""
        return None if self._name is None else f"{self._user}/{self._name}"

    @property
    def checksum(self) -> str | None:
        """The function's checksum: 64 hexadecimal digits."""
        return self._checksum

    @property
    def account(self) -> str | None:
        """The owner's account id."""
        return self._account

    @property
    def policy(self) -> _core.Policy | None:
        """Which enclaves may run it, where that is not the platform's policy."""
        return self._policy

    @classmethod
    def from_json(cls, function_json: str | os.PathLike[str]) -> FunctionRef:
        """Read a reference from a JSON file or JSON text.

        Raises:
            TypeError: the argument is neither text nor a path.
            ValueError: there is no such file, or it holds no reference.
        """
        if not isinstance(function_json, str | os.PathLike):
            raise TypeError(f"JSON text or a path, not {type(function_json).__name__}")
        text = _text_of(function_json)
        try:
            fields: dict[str, Any] = json.loads(text)
            return cls(
                fields.get("function_id"),
                fields.get("function_name"),
                fields.get("function_checksum"),
                account=fields.get("account"),
            )
        except (json.JSONDecodeError, AttributeError) as error:
            raise ValueError(f"this is not the JSON of a function: {text[:80]!r}") from error

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """Return the reference as JSON text, or write it to `path` and return None."""
        fields = {
            "function_id": self.id,
            "function_name": self.full_name,
            "function_checksum": self.checksum,
            "account": self.account,
        }
        text = json.dumps({key: value for key, value in fields.items() if value is not None})
        if path is None:
            return text
        Path(path).write_text(text, "utf-8")
        return None

    def __repr__(self) -> str:
        shown = {"id": self.id, "name": self.full_name, "checksum": self.checksum}
        fields = ", ".join(f"{key}={value!r}" for key, value in shown.items() if value is not None)
        return f"FunctionRef({fields})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FunctionRef):
            return NotImplemented
        mine = (self.id, self.full_name, self.checksum)
        return mine == (other.id, other.full_name, other.checksum)

    def __hash__(self) -> int:
        return hash((self.id, self.full_name, self.checksum))


def to_function_ref(
    identifier: str | os.PathLike[str] | FunctionRef, checksum: str | None = None
) -> FunctionRef:
    """Make a reference of an id, `user/name`, the path of a JSON file, or a reference.

    Raises:
        ValueError: the text is none of these, or contradicts `checksum`.
    """
    if isinstance(identifier, FunctionRef):
        if checksum is None or checksum == identifier.checksum:
            return identifier
        if identifier.checksum is not None:
            raise ValueError(
                f"the checksum {checksum} contradicts the reference's {identifier.checksum}"
            )
        return FunctionRef(
            identifier.id,
            identifier.full_name,
            checksum,
            account=identifier.account,
            policy=identifier.policy,
        )
    if isinstance(identifier, os.PathLike) or Path(identifier).is_file():
        return to_function_ref(FunctionRef.from_json(Path(identifier)), checksum)
    if "/" in identifier:
        return FunctionRef(name=identifier, checksum=checksum)
    if _core.is_function_id(identifier):
        return FunctionRef(id=identifier, checksum=checksum)
    raise ValueError(f"{identifier!r} is no function's id, no user/name, and no file here")


def _split(name: str) -> tuple[str, str]:
    user, slash, function = name.partition("/")
    if not (user and slash and function) or "/" in function:
        raise ValueError(f"a function's name has the form user/name, not {name!r}")
    return user, function


def _text_of(function_json: str | os.PathLike[str]) -> str:
    path = Path(function_json)
    try:
        is_file = path.is_file()
    except OSError:
        is_file = False
    if is_file:
        return path.read_text("utf-8")
    if isinstance(function_json, str):
        return function_json
    raise ValueError(f"there is no file {path}")

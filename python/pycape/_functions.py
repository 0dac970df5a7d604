"""References to deployed functions."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from typing import Any, TypeAlias

from . import _core
from ._arguments import only_path
from ._checksum import only_checksum
from ._files import is_file, no_file, read_bytes, write_output
from ._html import box, code
from ._json import parse_object
from ._strangers import named
from .errors import ChecksumMismatch


class NoReferenceError(ValueError):
    """What was taken for a function's JSON is none."""


class FunctionRef:
    """What names a deployed function: its id, its name, its checksum, or several of them.

    Args:
        id: The function's id (27 or 28 characters of Base58), as `cape deploy` prints it.
        name: `user/name`, where `user` is an account id or a claimed user name.
        checksum: 64 hexadecimal digits. It covers code, settings and account; a reference that
            has one runs that very function or nothing.
        account: The account id of the owner, where it is known.

    Raises:
        TypeError: an argument is not text.
        ValueError: neither id nor name is given, or one breaks its form.
        ChecksumMismatch: the id is that of another checksum.
    """

    def __init__(
        self,
        id: str | None = None,  # noqa: A002 - the name that users know
        name: str | None = None,
        checksum: str | None = None,
        *,
        account: str | None = None,
    ) -> None:
        given = {"id": id, "name": name, "checksum": checksum, "account": account}
        for what, value in given.items():
            if not isinstance(value, str | None):
                raise TypeError(f"a function's {what} is text, not {type(value).__name__}")
        if id is None and name is None:
            raise ValueError("a function is named by its id or by user/name: both are missing")
        if id is not None and not _core.is_function_id(id):
            raise ValueError(f"{named(id)} is no function's id")
        self._user: str | None = None
        self._name: str | None = None
        if name is not None:
            self._user, self._name = _split(name)
        if checksum is not None:
            only_checksum(checksum)
            if id is not None and id != _core.function_id(checksum):
                raise ChecksumMismatch(f"function {id} does not have the checksum {checksum}")
        self._id = id
        self._checksum = checksum
        self._account = account

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

    @classmethod
    def from_json(cls, function_json: str | os.PathLike[str]) -> FunctionRef:
        """Read a reference from a JSON file or JSON text, as `cape deploy -o json` writes it.

        What `--json` prints is read as well.

        Raises:
            TypeError: the argument is neither text nor a path.
            ValueError: the text or the file is no reference.
            ConfigError: there is no such file, or it cannot be read.
        """
        if not isinstance(function_json, str | os.PathLike):
            raise TypeError(
                f"function_json is JSON text or a path, not {type(function_json).__name__}"
            )
        content, name = _content_of(function_json)
        try:
            text = content if isinstance(content, str) else _decoded(content)
            return reference_of(members_of_json(text))
        except (ChecksumMismatch, TypeError, ValueError) as error:
            # What is in the file is not repeated: it may be a key that was taken for it.
            refused = NoReferenceError(f"{name} is not the JSON of a function: {error}")
            refused.add_note("`cape deploy FOLDER -o json` writes such a file, and deploys first")
            raise refused from error

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """Return the reference as JSON text, or write it to `path` and return None.

        Raises:
            ConfigError: the file cannot be written.
        """
        fields = {
            "function_id": self.id,
            "function_name": self.full_name,
            "function_checksum": self.checksum,
            "account": self.account,
        }
        text = json.dumps({key: value for key, value in fields.items() if value is not None})
        if path is None:
            return text
        write_output(only_path("path", path), text.encode())
        return None

    def __repr__(self) -> str:
        shown = {"id": self.id, "name": self.full_name, "checksum": self.checksum}
        fields = ", ".join(f"{key}={value!r}" for key, value in shown.items() if value is not None)
        return f"FunctionRef({fields})"

    def _repr_html_(self) -> str:
        """Return what notebooks show."""
        named: dict[str, str | None] = {
            "id": self.id,
            "checksum": self.checksum,
            "account": self.account,
        }
        codes = {name: None if text is None else code(text) for name, text in named.items()}
        return box("Function", {"name": self.full_name, **codes})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FunctionRef):
            return NotImplemented
        mine = (self.id, self.full_name, self.checksum)
        return mine == (other.id, other.full_name, other.checksum)

    def __hash__(self) -> int:
        return hash((self.id, self.full_name, self.checksum))


Function: TypeAlias = str | os.PathLike[str] | FunctionRef


def members_of_json(text: str) -> dict[str, Any]:
    """Return the members of a reference, which are `data` in what the command line answers.

    Raises:
        ValueError: the text is no JSON object.
    """
    members = parse_object(text)
    data = members.get("data")
    return data if isinstance(data, dict) else members


def reference_of(members: Mapping[str, Any]) -> FunctionRef:
    """Make a reference of the members of its JSON; others are passed over.

    Raises:
        As `FunctionRef`.
    """
    return FunctionRef(
        members.get("function_id"),
        members.get("function_name"),
        members.get("function_checksum"),
        account=members.get("account"),
    )


def to_function_ref(identifier: Function, checksum: str | None = None) -> FunctionRef:
    """Make a reference of an id, `user/name`, the path of a JSON file, or a reference.

    Raises:
        TypeError: it is none of these.
        ValueError: the text is none of these, or `checksum` is none.
        ChecksumMismatch: the function named so has another checksum than `checksum`.
    """
    if checksum is not None:
        only_checksum(checksum)
    if isinstance(identifier, FunctionRef):
        if checksum is None or checksum == identifier.checksum:
            return identifier
        if identifier.checksum is not None:
            raise ChecksumMismatch(
                f"the checksum {checksum} contradicts the reference's {identifier.checksum}"
            )
        return FunctionRef(
            identifier.id, identifier.full_name, checksum, account=identifier.account
        )
    if not isinstance(identifier, str | os.PathLike):
        raise TypeError(
            f"a function is named by text, a path or a FunctionRef, not {type(identifier).__name__}"
        )
    if isinstance(identifier, os.PathLike) or is_file(identifier):
        return to_function_ref(FunctionRef.from_json(only_path("function", identifier)), checksum)
    if os.path.isdir(identifier):  # noqa: PTH112 - as `is_file`
        error = ValueError(f"{named(identifier)} is a folder here, and no deployed function")
        error.add_note(f"`cape deploy {shlex.quote(identifier)}` deploys it, and prints its id")
        raise error
    if "/" in identifier:
        return FunctionRef(name=identifier, checksum=checksum)
    if _core.is_function_id(identifier):
        return FunctionRef(id=identifier, checksum=checksum)
    error = ValueError(f"{named(identifier)} is no function's id, no user/name, and no file here")
    error.add_note("`cape function list` shows yours")
    raise error


def _split(name: str) -> tuple[str, str]:
    user, slash, function = name.partition("/")
    if not (user and slash and function) or "/" in function:
        error = ValueError(f"a function's name has the form user/name, not {name!r}")
        error.add_note("`cape function list` shows yours")
        raise error
    return user, function


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8") from None


def _content_of(function_json: str | os.PathLike[str]) -> tuple[str | bytes, str]:
    """Return a text or what a file has, and what messages call it."""
    if isinstance(function_json, str) and not (
        function_json.endswith(".json") or is_file(function_json)
    ):
        return function_json, "the text, which names no file here,"
    file = only_path("function_json", function_json)
    content = read_bytes(file)
    if content is None:
        raise no_file("file", file)
    return content, str(file)

"""Profiles: what a platform is called, where it is, what proves it. Files that are handed on.

Spec: docs/spec/profile.md.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import _address
from ._core import Policy, TrustRoots
from ._files import read_text, write_atomically
from .errors import CapeError, ConfigError

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_KEYS = {"name", "url", "development", "trust_roots", "birth", "enclave", "release"}
_ENCLAVE_KEYS = {"python", "platform"}


@dataclass(frozen=True)
class Profile:
    """One platform, as a client sees it.

    `trust_roots` are DER certificates, empty for AWS's own; `birth` is the vault's birth document;
    `policy_toml` is the text of a policy file, empty for none; `python` and `platform` are what
    functions are packed for (`3.11`, `x86_64-manylinux_2_28`).

    Raises:
        ConfigError: the name is none.
    """

    name: str
    url: str
    development: bool
    trust_roots: tuple[bytes, ...]
    birth: bytes | None
    python: str
    platform: str
    policy_toml: str

    def __post_init__(self) -> None:
        check_profile_name(self.name)

    @classmethod
    def load(cls, path: Path) -> Profile:
        """Read a profile file; `ConfigError` says what is wrong with it and where."""
        text = read_text(path)
        if text is None:
            raise ConfigError(
                f"there is no profile {path}",
                hint=f"it was looked for in {path.absolute().parent}",
            )
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, where: str) -> Profile:
        """Read a profile's text; `where` names it in errors."""
        try:
            table = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            raise _malformed(f"profile {where} is not TOML: {error}") from error
        fields = _Fields(table, where)
        fields.refuse_unknown(_KEYS)
        enclave = _Fields(fields.table("enclave"), f"{where}, enclave")
        enclave.refuse_unknown(_ENCLAVE_KEYS)
        development = fields.flag("development")
        trust_roots = tuple(fields.base64_list("trust_roots"))
        if bool(trust_roots) != development:
            raise _malformed(
                f"profile {where}: trust roots of its own are for development platforms, "
                "and those need one"
            )
        _roots(trust_roots, where)
        return cls(
            name=fields.text("name"),
            url=fields.address("url"),
            development=development,
            trust_roots=trust_roots,
            birth=fields.base64("birth") if "birth" in table else None,
            python=enclave.text("python"),
            platform=enclave.text("platform"),
            policy_toml=_policy_toml(table.get("release", []), where),
        )

    def roots(self) -> TrustRoots:
        """Return where chains of this platform may end."""
        return _roots(self.trust_roots, self.name)

    def is_same_platform(self, other: Profile) -> bool:
        """Tell whether both are of one platform: its vault and its roots, wherever it is now."""
        return (self.birth, self.trust_roots) == (other.birth, other.trust_roots)

    def dump(self) -> str:
        """Return the text of the profile's file."""
        lines = [
            f"name = {_quoted(self.name)}",
            f"url = {_quoted(self.url)}",
            f"development = {'true' if self.development else 'false'}",
            "trust_roots = [",
            *(f"    {_quoted(_base64(root))}," for root in self.trust_roots),
            "]",
        ]
        if self.birth is not None:
            lines.append(f"birth = {_quoted(_base64(self.birth))}")
        lines += [
            "",
            "[enclave]",
            f"python = {_quoted(self.python)}",
            f"platform = {_quoted(self.platform)}",
            "",
        ]
        return "\n".join(lines) + "\n" + self.policy_toml

    def save(self, path: Path) -> None:
        """Write the file; one that is there is replaced at once or not at all."""
        write_atomically(path, self.dump().encode(), mode=0o644)


def check_profile_name(name: str) -> str:
    """Return the name of a profile, which is also that of a file.

    Raises:
        ConfigError: it has another form.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} is no profile's name",
            hint="it has up to 32 lower-case letters, digits and hyphens, a letter first",
        )
    return name


def _malformed(message: str) -> ConfigError:
    return ConfigError(
        message, hint="the platform's owner has it whole: `cape config export > FILE` writes it"
    )


class _Fields:
    """A TOML table whose values are asked for by name and type."""

    def __init__(self, table: dict[str, Any], where: str) -> None:
        self._table = table
        self._where = where

    def refuse_unknown(self, known: set[str]) -> None:
        if unknown := sorted(self._table.keys() - known):
            raise ConfigError(
                f"profile {self._where}: {unknown[0]!r} is not known",
                hint=f"known are {', '.join(sorted(known))}",
            )

    def text(self, key: str) -> str:
        value: str = self._typed(key, str, "text")
        return value

    def address(self, key: str) -> str:
        try:
            return _address.control_plane(self.text(key))
        except ValueError as error:
            raise _malformed(f"profile {self._where}: {key!r}: {error}") from error

    def flag(self, key: str) -> bool:
        value: bool = self._typed(key, bool, "true or false")
        return value

    def table(self, key: str) -> dict[str, Any]:
        value: dict[str, Any] = self._typed(key, dict, "a table")
        return value

    def base64(self, key: str) -> bytes:
        return self._decoded(key, self.text(key))

    def base64_list(self, key: str) -> list[bytes]:
        return [self._decoded(key, item) for item in self._typed(key, list, "a list")]

    def _typed(self, key: str, kind: type[Any], expected: str) -> Any:
        value = self._table.get(key)
        if not isinstance(value, kind):
            raise _malformed(f"profile {self._where}: {key!r} has to be {expected}")
        return value

    def _decoded(self, key: str, value: object) -> bytes:
        try:
            return base64.b64decode(value, validate=True)  # type: ignore[arg-type]
        except (binascii.Error, TypeError, ValueError) as error:
            raise _malformed(f"profile {self._where}: {key!r} is not base64") from error


def _roots(certificates: tuple[bytes, ...], where: str) -> TrustRoots:
    try:
        return TrustRoots.development(list(certificates)) if certificates else TrustRoots.aws()
    except ValueError as error:
        raise _malformed(f"profile {where}: {error}") from error


def _policy_toml(releases: object, where: str) -> str:
    """Return the releases as the text of a policy file, judged by the core's own reader."""
    if not isinstance(releases, list) or not all(isinstance(table, dict) for table in releases):
        raise _malformed(f"profile {where}: 'release' has to be tables ([[release]])")
    text = "\n".join(_release_toml(table) for table in releases)
    if text:
        try:
            Policy.from_toml(text)
        except CapeError as error:
            raise _malformed(f"profile {where}: {error}") from error
    return text


def _release_toml(table: dict[str, Any]) -> str:
    fields = (f"{_toml_key(key)} = {_toml_value(value)}" for key, value in table.items())
    return "\n".join(("[[release]]", *fields, ""))


def _toml_key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _quoted(key)


def _toml_value(value: object) -> str:
    if isinstance(value, datetime.date):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    return str(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()

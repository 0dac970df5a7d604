"""Profiles: what a platform is called, where it is, what proves it. Files that are handed on.

Spec: docs/spec/profile.md.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import json
import os
import re
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import ConfigError

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_KEYS = {"name", "url", "development", "trust_roots", "birth", "enclave", "release"}
_ENCLAVE_KEYS = {"python", "platform"}


@dataclass(frozen=True)
class Profile:
    """One platform, as a client sees it.

    `trust_roots` are DER certificates, empty for AWS's own; `birth` is the vault's birth document;
    `policy_toml` is the text of a policy file; `python` and `platform` are what functions are
    packed for (`3.11`, `x86_64-manylinux_2_28`).
    """

    name: str
    url: str
    development: bool
    trust_roots: tuple[bytes, ...]
    birth: bytes | None
    python: str
    platform: str
    policy_toml: str

    @classmethod
    def load(cls, path: Path) -> Profile:
        """Read a profile file; `ConfigError` says what is wrong with it and where."""
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"profile {path} cannot be read: {error}") from error
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, where: str) -> Profile:
        """Read a profile's text; `where` names it in errors."""
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"profile {where} is not TOML: {error}") from error
        fields = _Fields(table, where)
        fields.refuse_unknown(_KEYS)
        name = fields.text("name")
        if not _NAME.fullmatch(name):
            raise ConfigError(f"profile {where}: the name {name!r} is not a lower-case word")
        enclave = _Fields(fields.table("enclave"), f"{where}, enclave")
        enclave.refuse_unknown(_ENCLAVE_KEYS)
        development = fields.flag("development")
        trust_roots = tuple(fields.base64_list("trust_roots"))
        if bool(trust_roots) != development:
            raise ConfigError(
                f"profile {where}: trust roots of its own are for development platforms, "
                "and those need one"
            )
        return cls(
            name=name,
            url=fields.text("url").rstrip("/"),
            development=development,
            trust_roots=trust_roots,
            birth=fields.base64("birth") if "birth" in table else None,
            python=enclave.text("python"),
            platform=enclave.text("platform"),
            policy_toml=_policy_toml(table.get("release", []), where),
        )

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


def write_atomically(path: Path, content: bytes, *, mode: int) -> None:
    """Replace the file at `path` by `content`, whole or not at all, with these permissions."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}") from error


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
            raise ConfigError(f"profile {self._where}: {key!r} has to be {expected}")
        return value

    def _decoded(self, key: str, value: object) -> bytes:
        try:
            return base64.b64decode(value, validate=True)  # type: ignore[arg-type]
        except (binascii.Error, TypeError, ValueError) as error:
            raise ConfigError(f"profile {self._where}: {key!r} is not base64") from error


def _policy_toml(releases: object, where: str) -> str:
    """Return the releases as the text of a policy file, to be judged by the core's own reader."""
    if not isinstance(releases, list) or not all(isinstance(table, dict) for table in releases):
        raise ConfigError(f"profile {where}: 'release' has to be tables ([[release]])")
    lines = []
    for table in releases:
        lines.append("[[release]]")
        lines += [f"{key} = {_toml_value(value)}" for key, value in table.items()]
        lines.append("")
    return "\n".join(lines)


def _toml_value(value: object) -> str:
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    return str(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()

"""Releases that a client approves. docs/spec/attestation.md, policy and policy file."""

import hashlib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from . import cbor
from .errors import ConfigError, PcrMismatch, VaultMismatch

HIGHEST_REGISTER = 31
PCR_SIZE = 48
ZERO = bytes(PCR_SIZE)


@dataclass(frozen=True)
class Release:
    """Measurements that are approved.

    Raises:
        ConfigError: they do not pin the code.
    """

    name: str
    pcrs: dict[int, bytes]
    vault: bytes | None = None
    not_after: int | None = None

    def __post_init__(self):
        def pins(index: int) -> bool:
            return self.pcrs.get(index, ZERO) != ZERO

        if not (pins(0) or (pins(1) and pins(2)) or pins(8)):
            raise ConfigError(f"the release {self.name!r} does not pin the code")

    @property
    def digest(self) -> bytes:
        """What a client remembers of a release that it approved. Name and date do not count."""
        content: dict[str, Any] = {"pcrs": self.pcrs}
        if self.vault is not None:
            content["vault"] = self.vault
        return hashlib.sha256(b"cape/2 release" + cbor.encode(content)).digest()

    def differing(self, pcrs: dict[int, bytes]) -> list[int]:
        return sorted(index for index, value in self.pcrs.items() if pcrs.get(index) != value)


def judge(
    releases: Sequence[Release],
    pcrs: dict[int, bytes],
    vault: bytes | None,
    now_ms: int,
    *,
    needs_vault: bool = True,
) -> Release:
    """Return the first release that a document fits, which names this vault or none.

    Raises:
        PcrMismatch: no release has these measurements, or its date has passed.
        VaultMismatch: the measurements are approved, with another vault.
    """
    if not releases:
        raise ConfigError("a policy without a release")
    # The nearest release explains best why none fits: its date, then its vault, then the fewest
    # registers that differ.
    refusals = []
    for release in releases:
        differing = release.differing(pcrs)
        if differing:
            message = f"PCR{differing[0]} is not that of {release.name!r}"
            refusals.append((2, len(differing), PcrMismatch(message)))
        elif release.vault != vault and (needs_vault or release.vault is not None):
            refusals.append((1, 0, VaultMismatch(f"the vault is not that of {release.name!r}")))
        elif release.not_after is not None and now_ms // 1000 > release.not_after:
            refusals.append((0, 0, PcrMismatch(f"the date of {release.name!r} has passed")))
        else:
            return release
    raise min(refusals, key=lambda refusal: refusal[:2])[2]


def read(text: str) -> list[Release]:
    """Read a policy file.

    Raises:
        ConfigError: it makes no policy.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"no TOML: {error}") from error
    if table.keys() != {"release"} or not isinstance(table["release"], list):
        raise ConfigError("a policy file has releases, and nothing else")
    return [read_release(release) for release in table["release"]]


def read_release(table: dict[str, Any]) -> Release:
    """Read one `[[release]]`.

    Raises:
        ConfigError: a key that is not known, or a value of another form.
    """
    table = dict(table)
    try:
        name = table.pop("name")
        vault = table.pop("vault", None)
        not_after = table.pop("not_after", None)
        pcrs = {register(key): hexadecimal(value, PCR_SIZE) for key, value in table.items()}
        return Release(
            name,
            pcrs,
            None if vault is None else hexadecimal(vault, 32),
            None if not_after is None else last_second(not_after),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise ConfigError(f"a release: {error}") from error


def register(key: str) -> int:
    match = re.fullmatch("pcr(0|[1-9][0-9]?)", key, re.ASCII)
    if not match or int(match[1]) > HIGHEST_REGISTER:
        raise ValueError(f"{key} is not known")
    return int(match[1])


def hexadecimal(text: str, size: int) -> bytes:
    if not re.fullmatch(f"[0-9a-fA-F]{{{2 * size}}}", text):
        raise ValueError(f"{2 * size} hexadecimal digits were expected")
    return bytes.fromhex(text)


def last_second(value: date | datetime) -> int:
    """Return the last second at which a release is approved; a date counts to its end in UTC."""
    if not isinstance(value, datetime):
        value = datetime.combine(value, time(23, 59, 59), UTC)
    if value.utcoffset() != timedelta(0) or value.microsecond:
        raise ValueError("not_after is a date, or a time in UTC of whole seconds")
    return int(value.timestamp())

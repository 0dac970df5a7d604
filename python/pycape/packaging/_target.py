"""The interpreter and platform that a bundle is made for."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PYTHON = re.compile(r"3\.(0|[1-9]\d{0,2})")
_PLATFORM = re.compile(r"(x86_64|aarch64)-manylinux_2_(\d{1,3})")

# The C library versions that uv has a platform for; wheels for an older one run on a newer.
_GLIBC_OF_UV = (17, 28, *range(31, 41))


@dataclass(frozen=True)
class Target:
    """An enclave's Python ("3.11") and platform ("x86_64-manylinux_2_28")."""

    python: str
    platform: str
    minor: int
    machine: str
    glibc: int

    @classmethod
    def parse(cls, python: str, platform: str) -> Target:
        """Parse both.

        Raises:
            TypeError: one is no text.
            ValueError: one is not of these forms.
        """
        for what, value in (("python", python), ("platform", platform)):
            if not isinstance(value, str):
                raise TypeError(f"{what} is text, not {type(value).__name__}")
        version = _PYTHON.fullmatch(python)
        if not version:
            raise ValueError(f"python is {python!r}; expected a version like '3.11'")
        parts = _PLATFORM.fullmatch(platform)
        if not parts or int(parts[2]) < _GLIBC_OF_UV[0]:
            raise ValueError(
                f"platform is {platform!r}; expected one like 'x86_64-manylinux_2_28'"
                " or 'aarch64-manylinux_2_28'"
            )
        return cls(python, platform, int(version[1]), parts[1], int(parts[2]))

    @property
    def uv_platform(self) -> str:
        """The newest platform known to uv whose wheels run on this one."""
        glibc = max(known for known in _GLIBC_OF_UV if known <= self.glibc)
        return f"{self.machine}-manylinux_2_{glibc}"

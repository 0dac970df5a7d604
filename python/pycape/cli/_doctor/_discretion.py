"""What `cape doctor` tells is pasted where everybody reads it: it gives nothing away.

The checks tell no secret of themselves. This goes over all that they tell once more, since they
repeat paths, addresses and errors, and somebody may have put a token where a name belongs.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pycape.cli._doctor._finding import Finding

_HIDDEN = "(hidden)"
_SHORTEST_SECRET = 6

# Variables whose value is a secret, unless it is the path of one.
_SECRET_NAMES = re.compile(r"TOKEN|SECRET|PASS|KEY|CREDENTIAL|AUTH|COOKIE")
_PATH_NAMES = re.compile(r"_(FILE|FILENAME|DIR|PATH|SOCK|HOME)$")

_PATTERNS = [
    # Private keys: ours, and those of others.
    (re.compile(r"cape(account)?sk1[a-z0-9]*", re.IGNORECASE), _HIDDEN),
    (
        re.compile(r"-----BEGIN [^-]*-----.*?(-----END [^-]*-----|$)", re.DOTALL | re.IGNORECASE),
        _HIDDEN,
    ),
    # Tokens: three parts in base64url, of which the first is a JSON object's (RFC 7515, 3.1).
    (re.compile(r"eyJ[\w-]*\.[\w-]*\.[\w-]*", re.IGNORECASE), _HIDDEN),
    # Whatever an address has beside host and path.
    (re.compile(r"[^/\s@'\"]+:[^/\s@'\"]*@"), f"{_HIDDEN}@"),
    (re.compile(r"[?#][^\s'\"]+"), f"?{_HIDDEN}"),
    # Keys, ids and digests, of which the beginning tells them apart.
    (re.compile(r"([A-Za-z0-9+_=-]{8})[A-Za-z0-9+_=-]{32,}"), r"\1..."),
    # Homes of others.
    (re.compile(r"(/home|/Users)/[^/\s'\"]+"), r"\1/..."),
]


class Discretion:
    """Takes out of texts what identifies or authorises the user.

    Args:
        environment: The process's; secrets in it are known by the names of their variables.
        homes: Folders that are called `~`.
    """

    def __init__(self, environment: Mapping[str, str], homes: Iterable[Path]) -> None:
        self._secrets = sorted(_secrets(environment), key=len, reverse=True)
        # `/` is the home of a user that has none.
        self._homes = [str(home) for home in homes if len(home.parts) > 1]

    @classmethod
    def of_this_user(cls) -> Discretion:
        """Return the one for whoever runs this."""
        return cls(os.environ, _homes())

    def finding(self, finding: Finding) -> Finding:
        """Return a finding that can be told."""
        return replace(
            finding,
            says=self.text(finding.says),
            facts=self.anything(finding.facts),
            fix=None if finding.fix is None else self.text(finding.fix),
        )

    def anything(self, told: Any) -> Any:
        """Return the same without secrets, in a text or anywhere in lists and mappings."""
        match told:
            case str():
                return self.text(told)
            case Mapping():
                return {self.anything(key): self.anything(value) for key, value in told.items()}
            case list() | tuple():
                return [self.anything(each) for each in told]
        return told

    def text(self, text: str) -> str:
        """Return a text without secrets; it is not in lines yet, which would cut them in two."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        for home in self._homes:
            text = re.sub(rf"{re.escape(home)}(?=/|\W|$)", "~", text)
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        return text


def _secrets(environment: Mapping[str, str]) -> Iterable[str]:
    for name, value in environment.items():
        upper = name.upper()
        named_so = _SECRET_NAMES.search(upper) and not _PATH_NAMES.search(upper)
        if named_so and len(value) >= _SHORTEST_SECRET:
            yield value


def _homes() -> Iterable[Path]:
    try:
        yield Path.home()
        yield Path(pwd.getpwuid(os.getuid()).pw_dir)
    except (KeyError, RuntimeError):  # a user that the system does not know
        return

"""Errors of an index that uv cannot reach, or that lets nobody in. None repeats a password."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pycape.errors import ConnectFailed, PackagingError
from pycape.packaging._causes import last_cause, lowered

if TYPE_CHECKING:
    from pycape.errors import CapeError

_STATUS = re.compile(r"HTTP status \w+ error \((\d+ [^)]*)\)")
_NUMBER = re.compile(r" \(os error \d+\)$")
_NOT_THERE = ("404 ", "410 ")
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_LOCKED = "what cape.lock names and was fetched once needs no network"


def kept_off(details: dict[str, str]) -> ConnectFailed:
    """Return the error of a uv that is told to ask no index."""
    return ConnectFailed(
        "uv is told to keep off the network, and its cache lacks some of the dependencies",
        hint="UV_OFFLINE says so, or `offline` in uv's own settings",
        details=details,
    )


def refused(index: str, status: str, details: dict[str, str]) -> PackagingError:
    """Return the error of an index at an address that answered with 401 or 403."""
    return PackagingError(
        f"the package index at {_host(index)} refuses: {status}",
        hint="UV_DEFAULT_INDEX=https://USER:PASSWORD@HOST/simple names it with user and password",
        details=details,
    )


def no_answer(url: str, error: str, details: dict[str, str]) -> CapeError:
    """Return the error of an index, or of a file there, that could not be had."""
    file = urlsplit(url).path.rpartition("/")[2]
    where = f"{file or 'the package index'} at {_host(url)}"
    status = _STATUS.search(error)
    if status and status[1].startswith(_NOT_THERE):
        return PackagingError(f"there is no {where}", hint="look at its address", details=details)
    cause = lowered(_NUMBER.sub("", last_cause(error)))
    reason = f"it answers {status[1]}" if status else cause
    return ConnectFailed(
        f"{where} cannot be reached: {reason}", hint=_way_out(reason), details=details
    )


def _way_out(reason: str) -> str:
    if "certificate" in reason:
        return "SSL_CERT_FILE names a file with the certificates of authorities of your own"
    if any(os.environ.get(name) for name in _PROXIES):
        return f"is the proxy of HTTPS_PROXY or ALL_PROXY the right one? {_LOCKED}"
    return (
        "check the network; HTTPS_PROXY names a proxy, and UV_DEFAULT_INDEX another index;"
        f" {_LOCKED}"
    )


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2] or url

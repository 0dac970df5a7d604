"""Addresses of control planes and enclaves."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

LOOPBACK = ("127.0.0.1", "::1", "localhost")

_SECURE = {"https", "wss"}
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)


def control_plane(url: str) -> str:
    """Return the address of a control plane, without a slash at its end.

    Raises:
        ValueError: it is none, or not encrypted on its way.
    """
    return _checked(url, {"http", "https"}).rstrip("/")


def enclave(url: str) -> str:
    """Return the address of an enclave's WebSocket.

    Raises:
        ValueError: it is none, or not encrypted on its way.
    """
    return _checked(url, {"ws", "wss"})


def metadata_service(url: str) -> str:
    """Return the address of an instance's metadata service, which is always without TLS.

    Raises:
        ValueError: it is none.
    """
    _parsed(url, {"http"})
    return url.rstrip("/")


def is_loopback(url: str) -> bool:
    """Tell whether an address is of this machine, which no proxy on the way shall see."""
    return urlsplit(url).hostname in LOOPBACK


def is_host(host: str | None) -> bool:
    """Tell whether it is a name or an address of the form that hosts have.

    Raises:
        ValueError: it begins like an address, and is none.
    """
    if host is None:
        return False
    if ":" in host:
        return isinstance(ipaddress.ip_address(host), ipaddress.IPv6Address)
    return all(_LABEL.fullmatch(label) for label in host.removesuffix(".").split("."))


def shown(url: str) -> str:
    """Return host and port, for messages."""
    return urlsplit(url).netloc


def _checked(url: str, schemes: set[str]) -> str:
    return _encrypted(url, _parsed(url, schemes))


def _parsed(url: str, schemes: set[str]) -> SplitResult:
    try:
        parts = urlsplit(url)
        valid = is_host(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ValueError(f"{url!r} is no address: {error}") from error
    if parts.scheme not in schemes or not valid or not url.isascii() or not url.isprintable():
        raise ValueError(f"{url!r} is no address of the form {'/'.join(sorted(schemes))}://host")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("an address has no user, no query and no fragment")
    return parts


def _encrypted(url: str, parts: SplitResult) -> str:
    if parts.scheme not in _SECURE and parts.hostname not in LOOPBACK:
        raise ValueError(
            f"{url} is not encrypted on its way: {parts.scheme}: is for this machine only"
        )
    return url

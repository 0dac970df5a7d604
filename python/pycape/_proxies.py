"""Which proxy the environment names for an address: one answer, for HTTP and for WebSockets.

HTTPS_PROXY, else ALL_PROXY, unless NO_PROXY has the address; of either case, and on macOS and
Windows also what the system's settings say. A proxy passes on bytes of TLS, and sees host and port.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from . import errors
from ._address import is_host, is_loopback

_DEFAULT_PORT = 80
_FORM = "http://HOST:PORT or http://USER:PASSWORD@HOST:PORT"


@dataclass(frozen=True)
class Proxy:
    """A proxy that takes CONNECT, and the setting that names it.

    `url` may have a password in it, which is for nobody to see.
    """

    url: str = field(repr=False)
    address: str
    setting: str

    def __str__(self) -> str:
        return self.address


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy to go by; None to go there directly.

    What is not encrypted on its way does not leave this machine by way of a proxy either.

    Raises:
        ConfigError: what the environment names is none.
    """
    if is_loopback(url):
        return None
    named = proxies_named()
    if not named or _is_exempt(url, getproxies().get("no", "")):
        return None
    return next(iter(named.values()))


def proxies_named() -> dict[str, Proxy]:
    """Return the proxies that the environment names, by the variable; the first one counts.

    Raises:
        ConfigError: what it names is none.
    """
    proxies = getproxies()
    variables = {"HTTPS_PROXY": proxies.get("https"), "ALL_PROXY": proxies.get("all")}
    return {name: _parsed(text, _setting(name)) for name, text in variables.items() if text}


def _setting(variable: str) -> str:
    """Return where a proxy comes from: the variable as it is written, or the system's settings."""
    # Of both spellings, `getproxies` takes this one.
    written = [name for name in (variable.lower(), variable) if os.environ.get(name)]
    return written[0] if written else "this system's settings"


def _is_exempt(url: str, exemptions: str) -> bool:
    """Tell whether an address is one that goes by no proxy: a name, a domain, or a network."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if proxy_bypass(host if parts.port is None else f"{host}:{parts.port}"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(_is_in(address, each.strip()) for each in exemptions.split(","))


def _is_in(address: ipaddress.IPv4Address | ipaddress.IPv6Address, network: str) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _parsed(text: str, setting: str) -> Proxy:
    """Read what a setting says; it is never shown, for the password that may be in it."""
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port or _DEFAULT_PORT
        valid = is_host(parts.hostname)
    except ValueError:
        raise _no_proxy(setting) from None
    if parts.scheme != "http":
        raise errors.ConfigError(
            f"{setting} names a proxy by {parts.scheme}:, and only those by http: can be used",
            hint=f"name one in {setting} by {_FORM}: what passes is encrypted all the same",
        )
    if not valid or parts.path.strip("/") or parts.query or parts.fragment:
        raise _no_proxy(setting)
    address = f"{parts.netloc.rpartition('@')[2].removesuffix(f':{port}')}:{port}"
    if parts.username is None:
        return Proxy(f"http://{address}", address, setting)
    user, password = (
        quote(unquote(each or ""), safe="") for each in (parts.username, parts.password)
    )
    return Proxy(f"http://{user}:{password}@{address}", address, setting)


def _no_proxy(setting: str) -> errors.ConfigError:
    return errors.ConfigError(f"{setting} names no proxy", hint=f"it has the form {_FORM}")

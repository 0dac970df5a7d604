"""What goes wrong on networks, as errors of this package."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
from websockets.exceptions import (
    ConnectionClosed,
    InvalidProxyStatus,
    InvalidStatus,
    ProxyError,
    WebSocketException,
)

from . import errors
from ._address import is_loopback, shown
from ._certificates import is_refused_certificate
from ._retry import retry_after
from ._strangers import explanation

if TYPE_CHECKING:
    from websockets.http11 import Response

    from ._proxies import Proxy

_NUMBER = re.compile(r"\[Errno -?\d+\] ")
_PROXY_WANTS_A_PASSWORD = 407

_ELSEWHERE = (
    "check the network and the address; HTTPS_PROXY names a proxy, CAPE_URL or a profile another "
    "platform"
)


@contextmanager
def http_errors(url: str, proxy: Proxy | None, timeout: float | None) -> Iterator[None]:
    """Tell why a request had no answer."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise no_answer(url, proxy, timeout) from error
    except httpx.ProxyError as error:
        status = str(error).partition(" ")[0]
        raise _refused_by_proxy(url, proxy, int(status) if status.isdecimal() else None) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _failed("no answer from", url, proxy, error) from error


@contextmanager
def connect_errors(url: str, proxy: Proxy | None, timeout: float | None) -> Iterator[None]:
    """Tell why there is no connection."""
    try:
        yield
    except InvalidStatus as error:
        raise _refused(error.response, url) from error
    except TimeoutError as error:
        raise no_answer(url, proxy, timeout) from error
    except InvalidProxyStatus as error:
        raise _refused_by_proxy(url, proxy, error.response.status_code) from error
    except ProxyError as error:
        raise _refused_by_proxy(url, proxy, None) from error
    except (OSError, WebSocketException) as error:
        raise _failed("no connection to", url, proxy, error) from error


def no_answer(url: str, proxy: Proxy | None, seconds: float | None) -> errors.CapeError:
    """Return the error of an answer that did not come in time."""
    # Without a limit here it is the system that gave up.
    within = "in time" if seconds is None else f"within {seconds:g} s"
    return errors.TimeoutExpired(
        f"no answer from {shown(url)}{_by(proxy)} {within} (connect)", phase="connect"
    )


def closed(error: ConnectionClosed) -> errors.CapeError:
    """Return the error of a connection that ended too early."""
    return errors.StreamTruncated(f"the connection closed before the end of the answer: {error}")


def expired(phase: str, seconds: float | None) -> errors.CapeError:
    """Return the error of a message that did not come, or was not taken, in time."""
    return errors.TimeoutExpired(f"nothing happened for {seconds:g} s ({phase})", phase=phase)


def _failed(what: str, url: str, proxy: Proxy | None, error: Exception) -> errors.CapeError:
    hint = _hint_of(proxy) or (None if is_loopback(url) else _ELSEWHERE)
    if is_refused_certificate(error):
        hint = (
            "where a company's own authority signs certificates, name its file: ca_file=, "
            "CAPE_CA_FILE or SSL_CERT_FILE"
        )
    return errors.ConnectFailed(f"{what} {shown(url)}{_by(proxy)}: {_said_of(error)}", hint=hint)


def _said_of(error: Exception) -> str:
    """Return what the system or a library says, without the system's numbers and in our voice."""
    said = _NUMBER.sub("", str(error))
    return said[:1].lower() + said[1:]


def _refused_by_proxy(url: str, proxy: Proxy | None, status: int | None) -> errors.CapeError:
    """Tell what the proxy said, which never gets to the platform then."""
    said = "gave no answer of HTTP" if status is None else f"answered {status}"
    hint = _hint_of(proxy)
    if status == _PROXY_WANTS_A_PASSWORD and proxy is not None:
        hint = f"it wants another password than {proxy.setting} has: http://USER:PASSWORD@HOST:PORT"
    return errors.ConnectFailed(
        f"no connection to {shown(url)}: the proxy {proxy} {said}", hint=hint
    )


def _by(proxy: Proxy | None) -> str:
    return "" if proxy is None else f" by way of the proxy {proxy}"


def _hint_of(proxy: Proxy | None) -> str | None:
    if proxy is None:
        return None
    return f"{proxy.setting} names this proxy; what NO_PROXY lists is reached without"


def _refused(response: Response, url: str) -> errors.CapeError:
    """Tell why the enclave's host answered the upgrade with an ordinary response."""
    said = explanation(bytes(response.body or b""))
    match response.status_code:
        case 429 | 503:
            return errors.Overloaded(
                f"{shown(url)} has no room: {said}",
                status=response.status_code,
                retry_after=retry_after(response.headers),
            )
        case 400:
            return errors.ProtocolError(f"{shown(url)} refused the handshake: {said}")
        case status:
            return errors.ConnectFailed(f"{shown(url)} answered {status}: {said}")

"""The ways to the control plane, and this machine's clock."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from pycape._address import shown
from pycape._config import Config
from pycape._effects import HttpRequest
from pycape._proxies import proxies_named
from pycape.cli._doctor._finding import Checks, Finding, from_error
from pycape.errors import CapeError

_CERTIFICATES = ("CAPE_CA_FILE", "SSL_CERT_FILE", "SSL_CERT_DIR")
_SECONDS = 10.0

# Spec: docs/spec/session.md, times. A Date is told in whole seconds, and was on its way.
_NOTABLE_SECONDS = 5
_TOLERABLE_SECONDS = 60
_SET_THE_CLOCK = "let the system set its clock: timedatectl set-ntp true"
_BOTH_WAYS = "is the address right, is the platform running, does a firewall stand between?"


@dataclass
class Reached:
    """Whether the control plane answered, for the checks that come after."""

    url: str | None = None
    because: str = "no platform is configured"


def network_checks(config: Config, reached: Reached) -> Checks:
    """Look at proxies and certificates, ask the control plane how it does, and what time it is."""
    yield _proxies()
    yield _certificates()
    try:
        address = config.url.value
    except CapeError:
        address, reached.because = None, "the configuration is broken"
    if address is None:
        for name in ("control plane", "clock"):
            yield Finding(name, "skipped", reached.because)
        return
    try:
        url = config.require_url()
    except CapeError as error:
        reached.because = "the platform's address is none"
        yield from_error("control plane", error, fix="`cape config` shows where it comes from")
        yield Finding("clock", "skipped", reached.because)
        return
    yield from _asked(url, reached)


def _asked(url: str, reached: Reached) -> Checks:
    from pycape._network import NetworkTransport  # noqa: PLC0415 - `cape --help` does without

    transport = NetworkTransport()
    began, started = datetime.now(UTC), time.monotonic()
    try:
        response = transport.request(HttpRequest("GET", f"{url}/healthz"), _SECONDS)
    except CapeError as error:
        reached.because = "the control plane does not answer"
        yield from_error("control plane", error, fix=_BOTH_WAYS)
        yield Finding("clock", "skipped", reached.because)
        return
    finally:
        transport.close()
    took = time.monotonic() - started
    facts = {"url": url, "status": response.status, "milliseconds": round(1000 * took)}
    says = f"{shown(url)} answers in {facts['milliseconds']} ms"
    if response.status == 200:  # noqa: PLR2004 - HTTP's own number
        reached.url = url
        yield Finding("control plane", "ok", says, facts)
    else:
        reached.because = "the control plane is not well"
        says = f"{shown(url)} answers with status {response.status}, where 200 belongs"
        fix = "is it a control plane's address? `cape config` shows where it comes from"
        yield Finding("control plane", "failed", says, facts, fix)
    yield clock_by_date(response.headers.get("date"), began, took)


def clock_by_date(date: str | None, began: datetime, took: float) -> Finding:
    """Compare this machine's clock with an answer's Date, asked for at `began`, `took` s before."""
    try:
        theirs = parsedate_to_datetime(date or "").astimezone(UTC)
    except (ValueError, OverflowError):
        return Finding("clock", "skipped", "the control plane does not say what time it is")
    early = (began - theirs).total_seconds() - 1
    late = early + 1 + took
    ahead = max(early, 0) + min(late, 0)
    return clock_finding("clock", ahead, "the control plane's")


def clock_finding(name: str, ahead: float, whose: str) -> Finding:
    """Judge by how many seconds this machine's clock is ahead of somebody's."""
    facts = {"ahead_seconds": round(ahead)}
    if abs(ahead) <= _NOTABLE_SECONDS:
        return Finding(name, "ok", f"agrees with {whose}", facts)
    side = "ahead of" if ahead > 0 else "behind"
    says = f"this machine's clock is {abs(round(ahead))} s {side} {whose}"
    if abs(ahead) <= _TOLERABLE_SECONDS:
        return Finding(name, "warning", says, facts, _SET_THE_CLOCK)
    return Finding(name, "failed", says, facts, _SET_THE_CLOCK)


def _proxies() -> Finding:
    """Look at the variables that name proxies; of those only host and port are told."""
    try:
        found = {name: str(proxy) for name, proxy in proxies_named().items()}
    except CapeError as error:
        return from_error("proxies", error, fix="HTTPS_PROXY=http://HOST:PORT, or unset it")
    if not found:
        return Finding("proxies", "ok", "none", {})
    says = ", ".join(f"{name} {address}" for name, address in found.items())
    facts = {**found, "no_proxy": bool(os.environ.get("no_proxy") or os.environ.get("NO_PROXY"))}
    return Finding("proxies", "ok", f"{says}; this machine's own addresses go without", facts)


def _certificates() -> Finding:
    for name in _CERTIFICATES:
        value = os.environ.get(name)
        if value and not Path(value).exists():
            says = f"{name} names {value}, which is not there"
            return Finding("certificates", "failed", says, {name: value}, f"unset {name}")
    named = {name: os.environ[name] for name in _CERTIFICATES if os.environ.get(name)}
    says = ", ".join(f"{name} {value}" for name, value in named.items())
    return Finding("certificates", "ok", says or "those that Python's packages bring", named)

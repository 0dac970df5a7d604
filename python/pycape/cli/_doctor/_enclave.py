"""An enclave's proof, and what it says of itself: the way that every call goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pycape
from pycape import attestation
from pycape.cli import _isolation
from pycape.cli._doctor._finding import Checks, Finding, from_error
from pycape.cli._doctor._network import Reached, clock_finding
from pycape.errors import AttestationError, CapeError, DocumentMalformed

if TYPE_CHECKING:
    from pycape import Cape, _core

_CHECKS = ("attestation", "module clock", "runtime", "isolation")
_ALL_OF_IT = "`cape attest` shows each check with its evidence"
_NAMESPACES = "let users have namespaces (below: this machine), and start the runtime again"
_FIXES = {
    "control_group": "start the runtime in a control group of version 2 that is its own: "
    "systemd's Delegate=yes (docs/operate/running.md); where version 1 has the controllers, "
    "boot with version 2 alone",
    "landlock": "a kernel with Landlock 6 (Linux 6.12), and landlock among its lsm=",
    "own_user": "start the runtime as root, or by systemd as docs/operate/running.md says; where "
    "mounts are refused, with a Python that every user may read",
    "private_storage": "start the runtime as root, or let users have namespaces",
    "system_calls": "a kernel with seccomp filters",
}
_ANY = "docs/security/isolation.md says what this layer takes from the machine"


def enclave_checks(client: Callable[[], Cape], reached: Reached) -> Checks:
    """Let an enclave of the platform prove itself, once the control plane was reached."""
    if reached.url is None:
        for name in _CHECKS:
            yield Finding(name, "skipped", reached.because)
        return
    began, started = datetime.now(UTC), time.monotonic()
    try:
        with client() as cape:
            verified, description = cape.attest()
    except CapeError as error:
        yield _refused(error)
        yield _claimed_clock(error, began, time.monotonic() - started)
        for name in _CHECKS[2:]:
            yield Finding(name, "skipped", "no enclave proved itself")
        return
    took = time.monotonic() - started
    yield _approved(verified, took)
    yield document_clock(verified.timestamp, began, took)
    if description.runtime is None:
        for name in _CHECKS[2:]:
            yield Finding(name, "skipped", "the enclave describes itself in a form not known here")
        return
    yield _runtime(description.runtime)
    yield from isolation_findings(description.runtime)


def document_clock(timestamp: datetime, began: datetime, took: float) -> Finding:
    """Compare this machine's clock with that of the enclave's security module.

    The document answers a challenge of this handshake: it was made between `began` and `took`
    seconds later, if both clocks are right.
    """
    early = (began - timestamp).total_seconds()
    ahead = max(early, 0) + min(early + took, 0)
    return clock_finding("module clock", ahead, "that of the enclave's security module")


def isolation_findings(runtime: _core.RuntimeDescription) -> Checks:
    """Judge the layers around functions: a line for all, and one for each that is off."""
    layers = runtime.isolation
    off = _isolation.missing(layers)
    facts = {"layers": _isolation.as_json(layers), "mode": runtime.mode}
    says = _isolation.summary(layers)
    warning = _isolation.insecure(layers)
    if warning is not None:
        fix = "take insecure_off out of the enclave's settings; trust it with nothing meanwhile"
        yield Finding("isolation", "failed", warning, facts, fix)
    elif off:
        needed = " (production refuses to start so)" if runtime.mode == "development" else ""
        yield Finding("isolation", "warning", f"{says}{needed}", facts)
    else:
        yield Finding("isolation", "ok", says, facts)
    switched_off = _isolation.switched_off(layers)
    for layer in off:
        if layer.name not in switched_off:
            fix = _NAMESPACES if layer.name.endswith("_namespace") else _FIXES.get(layer.name, _ANY)
            yield Finding(layer.name, "warning", f"off: {layer.off_because}", {}, fix)


def _approved(verified: _core.VerifiedAttestation, took: float) -> Finding:
    facts = {
        "release": verified.release,
        "trust": verified.trust,
        "milliseconds": round(1000 * took),
    }
    says = (
        f"an approved enclave of release {verified.release!r}, trust root {verified.trust}, "
        f"in {facts['milliseconds']} ms"
    )
    return Finding("attestation", "ok", says, facts)


def _refused(error: CapeError) -> Finding:
    refused = isinstance(error, AttestationError)
    fix = _ALL_OF_IT if refused else "is the enclave running? The operator's log says more"
    return from_error("attestation", error, fix=fix)


def _claimed_clock(error: CapeError, began: datetime, took: float) -> Finding:
    """Compare with the time that a refused document claims: that may be why it was refused."""
    document = error.document if isinstance(error, AttestationError) else None
    try:
        claimed = None if document is None else attestation.inspect(document).timestamp
    except DocumentMalformed:
        claimed = None
    if claimed is None:
        return Finding("module clock", "skipped", "no enclave proved itself")
    return document_clock(claimed, began, took)


def _runtime(runtime: _core.RuntimeDescription) -> Finding:
    facts = {
        "version": runtime.version,
        "mode": runtime.mode,
        "python": runtime.python,
        "platform": runtime.platform,
    }
    says = f"version {runtime.version}, {runtime.mode}, functions in Python {runtime.python}"
    if runtime.version.partition(".")[0] != pycape.__version__.partition(".")[0]:
        fix = f"this pycape is {pycape.__version__}: use the one that fits"
        return Finding("runtime", "warning", says, facts, fix)
    return Finding("runtime", "ok", says, facts)

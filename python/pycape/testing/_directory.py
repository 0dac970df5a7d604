"""The control plane, in memory: what `pycape.server` answers to the client's requests.

Spec: docs/spec/control-plane.md.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from pycape import _core, errors
from pycape._clock import now_ms
from pycape._effects import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from pycape.testing._host import Host

T = TypeVar("T")

# The top-level domain that nobody has (RFC 6761): an address that escapes leads nowhere.
URL = "https://cape.test"
# Of this machine, for which no bundle is compressed; and a port that nobody serves.
SESSION_URL = "ws://localhost:1/v2/session"

# Seconds for which a client remembers where the enclave is.
_PLACE_SECONDS = 300

_STATUS: dict[type[errors.CapeError], int] = {
    errors.Conflict: 409,
    errors.NotFound: 404,
    errors.Overloaded: 503,
    errors.PermissionDenied: 403,
    errors.ProtocolError: 400,
}


@dataclass(frozen=True)
class _Rising:
    """A statement that is replaced by those with a higher number only."""

    number: int
    text: str


class Directory:
    """Keeps what accounts sign, and answers as the control plane does."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._functions: dict[str, _core.Manifest] = {}
        self._last_versions: dict[tuple[str, str], int] = {}
        self._names: dict[str, tuple[str, str]] = {}
        self._epochs: dict[str, _Rising] = {}
        self._revocations: dict[str, _Rising] = {}

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer a request; a refusal is problem details (RFC 9457)."""
        url = urlsplit(request.url)
        try:
            body = self._answer(request, [unquote(part) for part in url.path.split("/")[2:]])
        except errors.CapeError as error:
            return _problem(error)
        return _json(200, body)

    def _answer(  # noqa: PLR0911 - one a request
        self, request: HttpRequest, path: list[str]
    ) -> dict[str, Any]:
        text = (request.content or b"").decode("ascii", "replace")
        match request.method, path:
            case "POST", ["placements"]:
                return self._place(json.loads(text)["function"])
            case "POST", ["functions"]:
                return self._register(text)
            case "GET", ["functions"]:
                return self._list(parse_qs(urlsplit(request.url).query))
            case "GET", ["functions", key]:
                return {"manifest": self._function(key).text}
            case "DELETE", ["functions", key]:
                return self._delete(key, request)
            case "PUT", ["names", name]:
                return self._claim(name, text)
            case "GET", ["names", name]:
                return {"claim": _found(self._names, name, "no account has the name")[1]}
            case "PUT", ["accounts", account, "epoch"]:
                return _raise(self._epochs, account, *_core.verify_epoch_record(text), text)
            case "GET", ["accounts", account, "epoch"]:
                return {"record": _found(self._epochs, account, "no epoch record of").text}
            case "PUT", ["revocations", account]:
                revocations = _core.RevocationList.verify(text)
                kept = self._revocations
                return _raise(kept, account, revocations.account, revocations.number, text)
            case "GET", ["revocations", account]:
                return {"list": _found(self._revocations, account, "no revocation list of").text}
        raise errors.NotFound(f"there is nothing at {request.method} {urlsplit(request.url).path}")

    def _place(self, function: str | None) -> dict[str, Any]:
        if function is not None:
            self._function(function)
        return {"url": SESSION_URL, "expires": now_ms() // 1000 + _PLACE_SECONDS}

    def _register(self, text: str) -> dict[str, Any]:
        manifest = _core.Manifest.verify(text)
        if manifest.checksum not in self._host.functions:
            raise errors.Conflict(
                f"no enclave has taken in the function with the checksum {manifest.checksum}"
            )
        name = (manifest.account, manifest.name)
        known = self._functions.get(manifest.function_id)
        if known is None and manifest.version <= self._last_versions.get(name, 0):
            raise errors.Conflict(f"version {manifest.version} of {manifest.name} is not the next")
        if known is not None and known.checksum != manifest.checksum:
            raise errors.Conflict(f"{manifest.function_id} is another function")
        self._functions[manifest.function_id] = manifest
        self._last_versions[name] = max(self._last_versions.get(name, 0), manifest.version)
        return {"manifest": text}

    def _function(self, key: str) -> _core.Manifest:
        for manifest in self._functions.values():
            if key in {manifest.function_id, manifest.checksum}:
                return manifest
        raise errors.NotFound(
            f"no function has the id or checksum {key}",
            hint="it was deleted, or is on another platform; `cape function list` shows yours",
        )

    def _list(self, query: dict[str, list[str]]) -> dict[str, Any]:
        account, name = query["account"][0], query.get("name", [None])[0]
        found = sorted(
            (
                each
                for each in self._functions.values()
                if each.account == account and name in {None, each.name}
            ),
            key=lambda each: (each.name, -each.version),
        )
        answer: dict[str, Any] = {"functions": [{"manifest": each.text} for each in found]}
        if name is not None:
            answer["last_version"] = self._last_versions.get((account, name), 0)
        return answer

    def _delete(self, key: str, request: HttpRequest) -> dict[str, Any]:
        manifest = self._function(key)
        signed = request.headers.get("Authorization", "").removeprefix("Cape ")
        path = urlsplit(request.url).path
        account, _nonce = _core.verify_request(signed, "DELETE", path, now_ms())
        if account != manifest.account:
            raise errors.PermissionDenied(
                f"{account} signed the request, {manifest.account} owns the function"
            )
        del self._functions[manifest.function_id]
        self._host.functions.pop(manifest.checksum, None)
        return {}

    def _claim(self, name: str, text: str) -> dict[str, Any]:
        account, claimed = _core.verify_name_claim(text)
        if claimed != name:
            raise errors.PermissionDenied(f"the claim is for {claimed}, not for {name}")
        holder, _ = self._names.setdefault(name, (account, text))
        if holder != account:
            raise errors.Conflict(f"the name {name} belongs to {holder}")
        return {"claim": text}


def _found(kept: dict[str, T], key: str, missing: str) -> T:
    if key not in kept:
        raise errors.NotFound(f"{missing} {key}")
    return kept[key]


def _raise(
    kept: dict[str, _Rising], account: str, signer: str, number: int, text: str
) -> dict[str, Any]:
    if signer != account:
        raise errors.PermissionDenied(
            f"the statement is of {signer}, the path names another account"
        )
    known = kept.get(account)
    if known is not None and number <= known.number and text != known.text:
        raise errors.Conflict(f"number {known.number} is there already, this is number {number}")
    kept[account] = _Rising(number, text)
    return {"number": number}


def _problem(error: errors.CapeError) -> HttpResponse:
    status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)
    problem = {
        "name": type(error).__name__,
        "detail": str(error),
        "status": status,
        "details": dict(error.details),
    }
    return _json(status, {**problem, **({"hint": error.hint} if error.hint else {})})


def _json(status: int, body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(status, {"Content-Type": "application/json"}, json.dumps(body).encode())

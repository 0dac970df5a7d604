"""The control plane as a client sees it: a directory whose answers prove themselves or nothing.

Spec: docs/spec/control-plane.md.
"""

from __future__ import annotations

import json
import logging
from typing import Any
from urllib.parse import quote

from . import _address, errors
from ._effects import HttpRequest, HttpResponse, Operation
from ._json import parse_object
from ._placements import Place, placed
from ._retry import retry_after
from ._strangers import in_brief

_log = logging.getLogger("pycape")

_JOSE = {"Content-Type": "application/jose"}
_NOT_FOUND = 404
_OK = range(200, 300)

# Of an answer that is no problem of ours (RFC 9457).
_NOT_OURS = (
    "no control plane of Cape says that: another server has this address, or a proxy answered; "
    "`cape config` shows where the address comes from"
)

# Versions are JSON integers. Spec: docs/spec/trust.md, function.
_MAX_VERSION = 2**53 - 1

# JSON integers as well.
_MAX_SECONDS = 2**53 - 1

# Of 50 functions each: what an account has, or a directory that would never end.
_MAX_PAGES = 1000


class Directory:
    """Requests to one control plane."""

    def __init__(self, url: str) -> None:
        self._url = url

    def place(self, function_id: str | None) -> Operation[Place]:
        """Return where an enclave takes a session."""
        answer = yield from self._json("POST", "/v2/placements", {"function": function_id})
        try:
            url = _address.enclave(_text(answer, "url"))
        except ValueError as error:
            raise errors.ProtocolError(f"the control plane names an enclave: {error}") from error
        return placed(url, self.purpose(function_id), _expires(answer))

    def purpose(self, function_id: str | None) -> tuple[str, str | None]:
        """Return what a place is kept for: a function, or None, on this platform."""
        return self._url, function_id

    def manifest(self, function: str) -> Operation[str]:
        """Return the manifest of a function, named by its id or checksum."""
        answer = yield from self._json("GET", f"/v2/functions/{_segment(function)}")
        return _text(answer, "manifest")

    def manifests(self, account: str) -> Operation[list[str]]:
        """Return the manifests of all of an account's functions, the newest of each name first."""
        found: list[str] = []
        query = f"account={_segment(account)}"
        for _ in range(_MAX_PAGES):
            answer = yield from self._json("GET", f"/v2/functions?{query}")
            found += _manifests(answer)
            if answer.get("cursor") is None:
                return found
            cursor = _segment(_text(answer, "cursor"))
            query = f"account={_segment(account)}&cursor={cursor}"
        raise errors.ProtocolError(f"the control plane's list has more than {_MAX_PAGES} pages")

    def newest(self, account: str, name: str) -> Operation[tuple[str | None, int]]:
        """Return the newest manifest of a name, and the highest version it ever had; 0 for none."""
        query = f"account={_segment(account)}&name={_segment(name)}&limit=1"
        answer = yield from self._json("GET", f"/v2/functions?{query}")
        return next(iter(_manifests(answer)), None), _last_version(answer)

    def register(self, manifest: str) -> Operation[None]:
        """Enter a function that an enclave has taken over."""
        yield from self._signed("POST", "/v2/functions", manifest)

    def delete(self, function_id: str, request: str) -> Operation[None]:
        """Delete a function; `request` is the account's signed request."""
        path = f"/v2/functions/{_segment(function_id)}"
        yield from self._send("DELETE", path, {"Authorization": f"Cape {request}"}, None)

    def name_claim(self, name: str) -> Operation[str | None]:
        """Return the claim on a user name; None when nobody has it."""
        answer = yield from self._json_or_none(f"/v2/names/{_segment(name)}")
        return None if answer is None else _text(answer, "claim")

    def claim_name(self, name: str, claim: str) -> Operation[None]:
        """Claim a user name."""
        yield from self._signed("PUT", f"/v2/names/{_segment(name)}", claim)

    def epoch_record(self, account: str) -> Operation[str | None]:
        """Return an account's epoch record; None for epoch 0."""
        answer = yield from self._json_or_none(f"/v2/accounts/{_segment(account)}/epoch")
        return None if answer is None else _text(answer, "record")

    def publish_epoch(self, account: str, record: str) -> Operation[None]:
        """Publish a new epoch record."""
        yield from self._signed("PUT", f"/v2/accounts/{_segment(account)}/epoch", record)

    def revocation_list(self, account: str) -> Operation[str | None]:
        """Return an account's revocation list; None when it never published one."""
        answer = yield from self._json_or_none(f"/v2/revocations/{_segment(account)}")
        return None if answer is None else _text(answer, "list")

    def publish_revocations(self, account: str, revocations: str) -> Operation[None]:
        """Publish a revocation list."""
        yield from self._signed("PUT", f"/v2/revocations/{_segment(account)}", revocations)

    def _json(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> Operation[dict[str, Any]]:
        content = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        response = yield from self._send(method, path, headers, content)
        return response.json()

    def _json_or_none(self, path: str) -> Operation[dict[str, Any] | None]:
        try:
            return (yield from self._json("GET", path))
        except errors.NotFound:
            return None

    def _signed(self, method: str, path: str, statement: str) -> Operation[HttpResponse]:
        return (yield from self._send(method, path, _JOSE, statement.encode()))

    def _send(
        self, method: str, path: str, headers: dict[str, str], content: bytes | None
    ) -> Operation[HttpResponse]:
        response: HttpResponse = yield HttpRequest(method, self._url + path, headers, content)
        _log.debug("%s %s: %d", method, path.partition("?")[0], response.status)
        if response.status not in _OK:
            raise _problem(response)
        return response


def _problem(response: HttpResponse) -> errors.CapeError:
    """Turn problem details (RFC 9457) into an error; only a `ServiceError` may come of it."""
    try:
        problem = parse_object(response.content)
    except ValueError:
        problem = {}  # It is an error all the same, of whichever server on the way.
    said = _texts(problem)
    ours = said.get("detail") or said.get("title")
    detail = in_brief(ours or f"the control plane answered {response.status}")
    error = errors.from_wire(said.get("name", ""), detail, _texts(problem.get("details")))
    if not isinstance(error, errors.ServiceError):
        missing = response.status == _NOT_FOUND
        error = (errors.NotFound if missing else errors.ServiceError)(detail)
    error.status = response.status
    error.hint = in_brief(said["hint"]) if "hint" in said else error.hint
    if not ours:
        error.hint = _NOT_OURS
    error.request_id = response.headers.get("X-Request-Id")
    if isinstance(error, errors.Overloaded):
        error.retry_after = retry_after(response.headers)
    return error


def _texts(members: object) -> dict[str, str]:
    """Return those members of an object that are text."""
    items = members.items() if isinstance(members, dict) else ()
    return {key: value for key, value in items if isinstance(value, str)}


def _segment(text: str) -> str:
    """Return text as one segment of a path, or one value of a query."""
    return quote(text, safe="")


def _last_version(answer: dict[str, Any]) -> int:
    version = answer.get("last_version")
    if version is None:
        return 0
    if isinstance(version, int) and 0 <= version < _MAX_VERSION:
        return version
    raise errors.ProtocolError(f"the control plane's answer names version {version!r:.30}")


def _expires(answer: dict[str, Any]) -> int | None:
    expires = answer.get("expires")
    if expires is None or (type(expires) is int and 0 <= expires <= _MAX_SECONDS):
        return expires
    raise errors.ProtocolError(f"the control plane's placement expires at {expires!r:.30}")


def _manifests(answer: dict[str, Any]) -> list[str]:
    functions = answer.get("functions")
    if not isinstance(functions, list) or not all(isinstance(each, dict) for each in functions):
        raise errors.ProtocolError("the control plane's answer lacks 'functions'")
    return [_text(function, "manifest") for function in functions]


def _text(answer: dict[str, Any], key: str) -> str:
    value = answer.get(key)
    if not isinstance(value, str):
        raise errors.ProtocolError(f"the control plane's answer lacks {key!r}")
    return value

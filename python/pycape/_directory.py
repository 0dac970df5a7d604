"""The control plane as a client sees it: a directory whose answers prove themselves or nothing.

Spec: docs/spec/control-plane.md.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from . import errors
from ._effects import HttpRequest, HttpResponse, Operation
from ._transport import retry_after

_JOSE = {"Content-Type": "application/jose"}
_NOT_FOUND = 404
_OK = range(200, 300)


class Directory:
    """Requests to one control plane."""

    def __init__(self, url: str) -> None:
        self._url = url

    def place(self, function_id: str | None) -> Operation[str]:
        """Return the address of an enclave that takes a session."""
        answer = yield from self._json("POST", "/v2/placements", {"function": function_id})
        return _text(answer, "url")

    def manifest(self, function: str) -> Operation[str]:
        """Return the manifest of a function, named by its id or checksum."""
        answer = yield from self._json("GET", f"/v2/functions/{quote(function, safe='')}")
        return _text(answer, "manifest")

    def manifests(self, account: str) -> Operation[list[str]]:
        """Return the manifests of all of an account's functions, the newest of each name first."""
        found: list[str] = []
        cursor = ""
        while True:
            answer = yield from self._json("GET", f"/v2/functions?account={account}{cursor}")
            found += _manifests(answer)
            if not answer.get("cursor"):
                return found
            cursor = f"&cursor={quote(str(answer['cursor']))}"

    def newest(self, account: str, name: str) -> Operation[tuple[str | None, int]]:
        """Return the newest manifest of a name, and the highest version it ever had; 0 for none."""
        query = f"account={account}&name={quote(name, safe='')}&limit=1"
        answer = yield from self._json("GET", f"/v2/functions?{query}")
        last_version = answer.get("last_version")
        manifest = next(iter(_manifests(answer)), None)
        return manifest, last_version if isinstance(last_version, int) else 0

    def register(self, manifest: str) -> Operation[None]:
        """Enter a function that an enclave has taken over."""
        yield from self._signed("POST", "/v2/functions", manifest)

    def delete(self, function_id: str, request: str) -> Operation[None]:
        """Delete a function; `request` is the account's signed request."""
        path = f"/v2/functions/{quote(function_id, safe='')}"
        yield from self._send("DELETE", path, {"Authorization": f"Cape {request}"}, None)

    def name_claim(self, name: str) -> Operation[str | None]:
        """Return the claim on a user name; None when nobody has it."""
        answer = yield from self._json_or_none(f"/v2/names/{quote(name, safe='')}")
        return None if answer is None else _text(answer, "claim")

    def claim_name(self, name: str, claim: str) -> Operation[None]:
        """Claim a user name."""
        yield from self._signed("PUT", f"/v2/names/{quote(name, safe='')}", claim)

    def epoch_record(self, account: str) -> Operation[str | None]:
        """Return an account's epoch record; None for epoch 0."""
        answer = yield from self._json_or_none(f"/v2/accounts/{account}/epoch")
        return None if answer is None else _text(answer, "record")

    def publish_epoch(self, account: str, record: str) -> Operation[None]:
        """Publish a new epoch record."""
        yield from self._signed("PUT", f"/v2/accounts/{account}/epoch", record)

    def revocation_list(self, account: str) -> Operation[str | None]:
        """Return an account's revocation list; None when it never published one."""
        answer = yield from self._json_or_none(f"/v2/revocations/{account}")
        return None if answer is None else _text(answer, "list")

    def publish_revocations(self, account: str, revocations: str) -> Operation[None]:
        """Publish a revocation list."""
        yield from self._signed("PUT", f"/v2/revocations/{account}", revocations)

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
        if response.status not in _OK:
            raise _problem(response)
        return response


def _problem(response: HttpResponse) -> errors.CapeError:
    """Turn problem details (RFC 9457) into an error; only a `ServiceError` may come of it."""
    try:
        problem = json.loads(response.content)
        name, detail = str(problem["name"]), str(problem.get("detail") or problem["title"])
        details = {str(key): str(value) for key, value in problem.get("details", {}).items()}
        hint = problem.get("hint")
    except (ValueError, KeyError, TypeError, AttributeError):
        name, detail, details, hint = "", f"the control plane answered {response.status}", {}, None
    error = errors.from_wire(name, detail, details)
    if not isinstance(error, errors.ServiceError):
        missing = response.status == _NOT_FOUND
        error = (errors.NotFound if missing else errors.ServiceError)(detail)
    error.status = response.status
    error.hint = error.hint if hint is None else str(hint)
    error.request_id = response.headers.get("X-Request-Id")
    if isinstance(error, errors.Overloaded):
        error.retry_after = retry_after(response.headers)
    return error


def _manifests(answer: dict[str, Any]) -> list[str]:
    functions = answer.get("functions")
    if not isinstance(functions, list):
        raise errors.ProtocolError("the control plane's answer lacks 'functions'")
    return [_text(function, "manifest") for function in functions]


def _text(answer: dict[str, Any], key: str) -> str:
    value = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(value, str):
        raise errors.ProtocolError(f"the control plane's answer lacks {key!r}")
    return value

"""The directory: who signed what, and where an enclave is. docs/spec/control-plane.md.

It is believed in nothing. What it answers is verified by whoever asks (statements.py).
"""

from typing import Any
from urllib.parse import quote

import httpx

from . import statements
from .errors import Refused
from .jws import Account

STATEMENT = {"Content-Type": "application/jose"}


class ControlPlane:
    """A control plane by its address."""

    def __init__(self, url: str):
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=30)

    def close(self) -> None:
        self._http.close()

    def placement(self, function: str | None = None) -> str:
        """Return the address of an enclave's WebSocket."""
        return self._json("POST", "/v2/placements", json={"function": function})["url"]

    def manifest(self, function: str) -> str:
        """Return the manifest of a function, by its id or checksum, not verified."""
        return self._json("GET", f"/v2/functions/{quote(function)}")["manifest"]

    def manifests(self, account: str, name: str) -> list[str]:
        """Return the manifests of that name, the newest first, not verified."""
        answer = self._json("GET", "/v2/functions", params={"account": account, "name": name})
        return [function["manifest"] for function in answer["functions"]]

    def last_version(self, account: str, name: str) -> int:
        query = {"account": account, "name": name, "limit": 1}
        return self._json("GET", "/v2/functions", params=query)["last_version"] or 0

    def register(self, manifest: str) -> None:
        self._json("POST", "/v2/functions", content=manifest, headers=STATEMENT)

    def delete(self, account: Account, function_id: str) -> None:
        path = f"/v2/functions/{function_id}"
        request = statements.sign_request(account, "DELETE", path)
        self._request("DELETE", path, headers={"Authorization": f"Cape {request}"})

    def put_epoch(self, account_id: str, record: str) -> None:
        self._put(f"/v2/accounts/{account_id}/epoch", record)

    def epoch(self, account_id: str) -> str | None:
        return self._json_or_none(f"/v2/accounts/{account_id}/epoch", "record")

    def put_revocations(self, account_id: str, record: str) -> None:
        self._put(f"/v2/revocations/{account_id}", record)

    def revocations(self, account_id: str) -> str | None:
        return self._json_or_none(f"/v2/revocations/{account_id}", "list")

    def put_name(self, name: str, claim: str) -> None:
        self._put(f"/v2/names/{name}", claim)

    def name(self, name: str) -> str:
        """Return the claim of a user name, not verified."""
        return self._json("GET", f"/v2/names/{quote(name)}")["claim"]

    def _put(self, path: str, statement: str) -> None:
        self._request("PUT", path, content=statement, headers=STATEMENT)

    def _json(self, method: str, path: str, **arguments: Any) -> Any:
        return self._request(method, path, **arguments).json()

    def _json_or_none(self, path: str, member: str) -> str | None:
        try:
            return self._json("GET", path)[member]
        except Refused as error:
            if error.name == "NotFound":
                return None
            raise

    def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        answer = self._http.request(method, path, **arguments)
        if not answer.is_success:
            problem = answer.json()
            raise Refused(problem["name"], problem["detail"], problem.get("details"))
        return answer

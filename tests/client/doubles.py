"""Stand-ins for the outside: a control plane that answers as it is told, and no enclave."""

import json
from collections.abc import Callable

from pycape import Token, _core, errors, policy
from pycape._clock import now_ms
from pycape._effects import HttpRequest, HttpResponse

URL = "http://127.0.0.1:1"

Answer = Callable[[HttpRequest], HttpResponse]


def answer(status: int = 200, body: object = None, **headers: str) -> HttpResponse:
    """Return an answer with a JSON body; bytes are taken as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status, {key.replace("_", "-"): headers[key] for key in headers}, content)


def problem(status: int, name: str, detail: str = "because", **members: object) -> HttpResponse:
    """Return problem details (RFC 9457)."""
    return answer(status, {"title": name, "detail": detail, "name": name, **members})


class Script:
    """Answers by method and path, the query left out; what is not in it is not found."""

    def __init__(self, answers: dict[str, HttpResponse | Answer] | None = None) -> None:
        self.answers = answers or {}
        self.requests: list[HttpRequest] = []

    def __call__(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        path = request.url.removeprefix(URL).partition("?")[0]
        found = self.answers.get(f"{request.method} {path}", problem(404, "NotFound"))
        return found(request) if callable(found) else found


class ScriptedTransport:
    """A transport to a control plane that follows a script, and to no enclave."""

    def __init__(self, script: Answer) -> None:
        self.script = script
        self.connects: list[str] = []
        self.timeouts: list[float | None] = []
        self.closed = False

    def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        self.timeouts.append(timeout)
        return self.script(request)

    def connect(self, url: str, timeout: float | None):
        self.timeouts.append(timeout)
        self.connects.append(url)
        raise errors.ConnectFailed("no enclave here")

    def close(self) -> None:
        self.closed = True


class AsyncScriptedTransport(ScriptedTransport):
    """The same, with await."""

    async def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        return super().request(request, timeout)

    async def connect(self, url: str, timeout: float | None):
        return super().connect(url, timeout)

    async def close(self) -> None:
        super().close()


def run(operation, script: Answer):
    """Run an operation that only asks a control plane."""
    from pycape._drive import drive
    from pycape._timeout import Timeout

    return drive(operation, ScriptedTransport(script), Timeout())


def any_policy() -> policy.Policy:
    """Return a policy of one release."""
    return policy.Policy([release()])


def release(fill: int = 1, vault: int = 2, **changes) -> policy.Release:
    """Return a release whose measurements and vault are told apart by two numbers."""
    fields = {"pcrs": {0: bytes([fill]) * 48}, "vault": bytes([vault]) * 32, "name": "a release"}
    return policy.Release(**{**fields, **changes})


def manifest(account: _core.Account, name: str = "echo", version: int = 1, **changes) -> str:
    """Return a manifest's text."""
    fields = {
        "bundle_sha256": "ab" * 32,
        "bundle_size": 1,
        "python": "3.11",
        "platform": "x86_64-manylinux_2_28",
        "handler": "app:cape_handler",
        "isolation": "session",
        "memory_mib": 64,
        "timeout_s": 1,
        "env": {},
    }
    return account.sign_manifest(name=name, version=version, **{**fields, **changes})


def token(account: _core.Account, checksum: str = "ab" * 32, name: str | None = None) -> Token:
    """Return a token that holds for a minute."""
    return Token(account.sign_token(checksum, 60, name, now_ms()))

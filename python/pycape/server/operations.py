"""An operation: one method of one path, as a value.

The application's routes are made from these values, and so can be its OpenAPI document: they say
what goes in and what comes out.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from pycape.errors import ProtocolError, TimeoutExpired, TooLarge
from pycape.server.services import Services
from pycape.server.statements import MAX_STATEMENT_BYTES, StatementType

BODY_SECONDS = 30
MAX_BODY_BYTES = MAX_STATEMENT_BYTES
BEARER: Literal["Bearer"] = "Bearer"  # a secret that both sides have (RFC 6750)
STATEMENT_MEDIA_TYPE = "application/jose"

T = TypeVar("T", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Call:
    """A request, read to its end. `target` is its path as sent, without the query."""

    path: Mapping[str, str]
    query: list[tuple[str, str]]
    headers: Headers
    body: bytes
    target: str

    def path_value(self, name: str, kind: object) -> str:
        """Return a part of the path, of this form."""
        try:
            return str(msgspec.convert(self.path[name], kind))
        except msgspec.ValidationError as error:
            raise ProtocolError(f"the {name} in the path is malformed: {error}") from error

    def statement(self) -> str:
        """Return the body as the text of a JWS."""
        return _ascii(self.body)

    def json(self, kind: type[T]) -> T:
        """Parse the body as JSON of this form."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.DecodeError as error:
            raise ProtocolError(f"the body is malformed: {error}") from error

    def parameters(self, kind: type[T]) -> T:
        """Parse the query; each parameter comes at most once."""
        given = dict(self.query)
        if len(given) != len(self.query):
            raise ProtocolError("a query parameter is repeated")
        try:
            return msgspec.convert(given, kind, strict=False)
        except msgspec.ValidationError as error:
            raise ProtocolError(f"the query is malformed: {error}") from error


@dataclass(frozen=True, slots=True)
class Document:
    """A body that is written already."""

    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler says; None is an empty body."""

    body: msgspec.Struct | Document | None
    status: int = 200


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `handler` runs in a thread and may block.

    `body` is what the request carries: nothing, a signed statement, or JSON. `authorization` is
    what its `Authorization` header carries: a signed statement, or a secret. `answers` are the
    successful ones by status: a form of JSON, the media type of a document, or nothing. Every other
    answer is a problem; `refusals` are the statuses of those that not every operation has.
    """

    method: Literal["DELETE", "GET", "POST", "PUT"]
    path: str
    summary: str
    handler: Callable[[Services, Call], Answer]
    answers: Mapping[int, type[msgspec.Struct] | str | None]
    body: type[msgspec.Struct] | StatementType | None = None
    query: type[msgspec.Struct] | None = None
    authorization: StatementType | Literal["Bearer"] | None = None
    refusals: Sequence[int] = ()

    def route(self, services: Services) -> Route:
        """Make the route of an application that serves this."""

        async def endpoint(request: Request) -> Response:
            request.state.operation = self
            call = await self._read(request)
            answer = await run_in_threadpool(self.handler, services, call)
            if answer.body is None:
                return Response(status_code=answer.status)
            if isinstance(answer.body, Document):
                content, media_type = answer.body.content, answer.body.media_type
                return Response(content, status_code=answer.status, media_type=media_type)
            return Response(
                msgspec.json.encode(answer.body),
                status_code=answer.status,
                media_type="application/json",
            )

        return Route(self.path, endpoint, methods=[self.method])

    async def _read(self, request: Request) -> Call:
        body = await _body(request)
        expected = _body_type(self.body)
        if expected is not None and _media_type(request) != expected:
            raise ProtocolError(f"the body has to be {expected}", details={"expected": expected})
        return Call(
            path=request.path_params,
            query=request.query_params.multi_items(),
            headers=request.headers,
            body=body,
            target=request.url.path,
        )


def _body_type(kind: type[msgspec.Struct] | StatementType | None) -> str | None:
    if kind is None:
        return None
    return STATEMENT_MEDIA_TYPE if isinstance(kind, StatementType) else "application/json"


async def _body(request: Request) -> bytes:
    _check_size(int(request.headers.get("Content-Length", "0")))
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                _check_size(len(body))
    except TimeoutError as error:
        raise TimeoutExpired(f"the body did not come within {BODY_SECONDS} s") from error
    except ClientDisconnect as error:
        raise ProtocolError("the body did not come to its end") from error
    return bytes(body)


def _check_size(size: int) -> None:
    limit = MAX_BODY_BYTES
    if size > limit:
        raise TooLarge(
            f"the body has more than {limit} bytes",
            size=size,
            limit=limit,
            details={"size": str(size), "limit": str(limit)},
        )


def _media_type(request: Request) -> str:
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _ascii(body: bytes) -> str:
    try:
        return body.decode("ascii")
    except UnicodeDecodeError as error:
        raise ProtocolError("the body is not the text of a JWS") from error

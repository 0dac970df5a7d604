"""The blobs over HTTP/1.1, for the runtime and nobody else; docs/spec/blobs.md.

It is served on a Unix socket in a folder that only its owner may enter: see
`pycape.server.blobs` for why there is no other authentication.
"""

from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from pycape.server.blobs import MAX_BLOB_BYTES, BlobName, Blobs, blob_name
from pycape.server.log import Logger, get_logger

log: Logger = get_logger()


def create_blob_service(blobs: Blobs, *, max_blob_bytes: int = MAX_BLOB_BYTES) -> Starlette:
    """Make the application: GET, PUT and DELETE /blobs/{name}, GET /blobs?prefix=."""
    service = _BlobService(blobs, max_blob_bytes)
    return Starlette(
        routes=[
            Route("/blobs", service.list, methods=["GET"]),
            Route("/blobs/{name}", service.get, methods=["GET"]),
            Route("/blobs/{name}", service.put, methods=["PUT"]),
            Route("/blobs/{name}", service.delete, methods=["DELETE"]),
        ],
        exception_handlers={
            _BadNameError: _bad_name,
            _NotStoredError: _not_stored,
            _TooLargeError: _too_large,
        },
    )


class _BadNameError(Exception):
    pass


class _NotStoredError(Exception):
    pass


class _TooLargeError(Exception):
    pass


class _BlobService:
    def __init__(self, blobs: Blobs, max_blob_bytes: int) -> None:
        self._blobs = blobs
        self._max_blob_bytes = max_blob_bytes

    async def list(self, request: Request) -> Response:
        prefix = request.query_params.get("prefix", "")
        if prefix:
            _name(prefix)
        return JSONResponse({"names": await self._blobs.names(prefix)})

    async def get(self, request: Request) -> Response:
        found = await self._blobs.get(_name(request.path_params["name"]))
        if found is None:
            return Response(status_code=404)
        size, content = found
        headers = {"Content-Length": str(size)}
        return StreamingResponse(content, media_type="application/octet-stream", headers=headers)

    async def put(self, request: Request) -> Response:
        name = _name(request.path_params["name"])
        if int(request.headers.get("Content-Length", "0")) > self._max_blob_bytes:
            raise _TooLargeError
        try:
            await self._blobs.put(name, self._limited(request.stream()))
        except ClientDisconnect:
            pass  # nothing was stored, and nobody is left to answer
        except OSError as error:
            log.error("a blob was not stored", error=str(error))
            raise _NotStoredError from error
        return Response(status_code=204)

    async def delete(self, request: Request) -> Response:
        name = _name(request.path_params["name"])
        await run_in_threadpool(self._blobs.delete, name)
        return Response(status_code=204)

    async def _limited(self, content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        received = 0
        async for chunk in content:
            received += len(chunk)
            if received > self._max_blob_bytes:
                raise _TooLargeError
            yield chunk


def _name(text: str) -> BlobName:
    try:
        return blob_name(text)
    except ValueError as error:
        raise _BadNameError(str(error)) from error


def _bad_name(_request: Request, error: Exception) -> Response:
    return Response(str(error), status_code=400)


def _not_stored(_request: Request, _error: Exception) -> Response:
    # What is left of the body will not be read.
    text = "the blob cannot be stored; the operator's log has the reason"
    return Response(text, status_code=507, headers={"Connection": "close"})


def _too_large(_request: Request, _error: Exception) -> Response:
    return Response("the blob is too large", status_code=413, headers={"Connection": "close"})

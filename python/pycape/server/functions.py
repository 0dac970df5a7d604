"""Operations on published functions.

A function is registered after the enclave has taken it in: its sealed manifest, written last, is
in the store of blobs. It is deleted in an order that survives a crash: out of the directory, then
the blobs (manifest first, which uncommits the bundle), then the record.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated

import msgspec

from pycape.errors import Conflict, NotFound, PermissionDenied, ProtocolError
from pycape.server.blobs import BUNDLE_KIND, MANIFEST_KIND, function_blob
from pycape.server.messages import FunctionAnswer, FunctionsAnswer, FunctionsQuery
from pycape.server.operations import Answer, Call, Operation
from pycape.server.records import FunctionRecord
from pycape.server.services import Services
from pycape.server.statements import (
    StatementType,
    read_manifest,
    read_request,
)

NONCE_SECONDS = 300  # a request counts from 120 s before its time to 120 s after it
AUTHORIZATION_SCHEME = "Cape"
Version = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]


def register_function(services: Services, call: Call) -> Answer:
    """Publish a function that an enclave has taken in."""
    text = call.statement()
    manifest = read_manifest(text)
    if not services.blobs.exists(function_blob(MANIFEST_KIND, manifest.checksum)):
        raise Conflict(
            f"no enclave has taken in the function with the checksum {manifest.checksum}",
            hint="deploy it first; registering comes after",
        )
    record, is_new = services.records.add_function(
        FunctionRecord(
            id=manifest.function_id,
            checksum=manifest.checksum,
            owner=manifest.account,
            name=manifest.name,
            version=manifest.version,
            manifest=text,
            created=services.clock(),
        )
    )
    return Answer(_answer(record), status=201 if is_new else 200)


def show_function(services: Services, call: Call) -> Answer:
    """Hand out one function's manifest."""
    return Answer(_answer(find_function(services, call.path["id"])))


def list_functions(services: Services, call: Call) -> Answer:
    """List an account's functions."""
    query = call.parameters(FunctionsQuery)
    after = None if query.cursor is None else _read_cursor(query.cursor)
    found = services.records.functions(query.account, query.name, query.limit + 1, after)
    page = found[: query.limit]
    return Answer(
        FunctionsAnswer(
            functions=[_answer(record) for record in page],
            cursor=_cursor(page[-1]) if len(found) > len(page) else None,
            last_version=_last_version(services, query),
        )
    )


def delete_function(services: Services, call: Call) -> Answer:
    """Delete a function and its blobs, when its owner asks."""
    record = find_function(services, call.path["id"], deleting=True)
    _check_request(services, call, owner=record.owner, method="DELETE")
    services.records.begin_deletion(record.id)
    _finish_deletion(services, record)
    return Answer(None, status=204)


def finish_deletions(services: Services) -> None:
    """Go on with the deletions that a crash interrupted. Called at start."""
    for record in services.records.deletions():
        _finish_deletion(services, record)


def find_function(
    services: Services, id_or_checksum: str, *, deleting: bool = False
) -> FunctionRecord:
    """Find a published function, or with `deleting` also one that is being deleted.

    Raises `NotFound`.
    """
    record = None
    if id_or_checksum.isascii() and id_or_checksum.isalnum():
        record = services.records.function(id_or_checksum, deleting=deleting)
    if record is None:
        raise NotFound(
            f"no function has the id or checksum {id_or_checksum}",
            hint="it was deleted, or is on another platform; `cape function list` shows yours",
        )
    return record


OPERATIONS: Sequence[Operation] = (
    Operation(
        "POST",
        "/v2/functions",
        "Register a function",
        register_function,
        body=StatementType.MANIFEST,
        answers={200: FunctionAnswer, 201: FunctionAnswer},
        refusals=(403, 409),
    ),
    Operation(
        "GET",
        "/v2/functions",
        "List an account's functions",
        list_functions,
        query=FunctionsQuery,
        answers={200: FunctionsAnswer},
    ),
    Operation(
        "GET",
        "/v2/functions/{id}",
        "Show a function by id or checksum",
        show_function,
        answers={200: FunctionAnswer},
        refusals=(404,),
    ),
    Operation(
        "DELETE",
        "/v2/functions/{id}",
        "Delete a function",
        delete_function,
        authorization=StatementType.REQUEST,
        answers={204: None},
        refusals=(401, 403, 404),
    ),
)


def _finish_deletion(services: Services, record: FunctionRecord) -> None:
    services.blobs.delete(function_blob(MANIFEST_KIND, record.checksum))
    services.blobs.delete(function_blob(BUNDLE_KIND, record.checksum))
    services.records.finish_deletion(record.id)


def _check_request(services: Services, call: Call, *, owner: str, method: str) -> None:
    scheme, _, text = call.headers.get("Authorization", "").partition(" ")
    if scheme != AUTHORIZATION_SCHEME:
        raise PermissionDenied(
            "the request is not signed",
            status=401,
            hint="send Authorization: Cape <cape-request+jws>",
        )
    now = services.clock()
    request = read_request(text, method=method, path=call.target, now=now)
    if request.account != owner:
        raise PermissionDenied(f"{request.account} signed the request, {owner} owns the function")
    if not services.records.spend_nonce(owner, request.nonce, now + NONCE_SECONDS, now):
        raise PermissionDenied("the request was used before", hint="sign a new one")


def _answer(record: FunctionRecord) -> FunctionAnswer:
    return FunctionAnswer(
        id=record.id,
        checksum=record.checksum,
        account=record.owner,
        name=record.name,
        version=record.version,
        manifest=record.manifest,
        created=record.created,
    )


def _last_version(services: Services, query: FunctionsQuery) -> int | None:
    if query.name is None:
        return None
    return services.records.last_version(query.account, query.name)


def _cursor(record: FunctionRecord) -> str:
    place = msgspec.json.encode((record.name, record.version))
    return base64.urlsafe_b64encode(place).decode()


def _read_cursor(cursor: str) -> tuple[str, int]:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=tuple[str, Version])
    except (binascii.Error, ValueError) as error:
        raise ProtocolError("the cursor is not one of this control plane") from error

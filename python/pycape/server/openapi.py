"""The OpenAPI document, made from the operations: what they serve is what it says."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

import pycape
from pycape.server.messages import AccountId, HostName, UserName
from pycape.server.operations import (
    BEARER,
    MAX_BODY_BYTES,
    STATEMENT_MEDIA_TYPE,
    Answer,
    Call,
    Document,
    Operation,
)
from pycape.server.problems import MEDIA_TYPE as PROBLEM_MEDIA_TYPE
from pycape.server.problems import Problem, refusals
from pycape.server.services import Services
from pycape.server.statements import StatementType

_REFERENCE = "#/components/schemas/{name}"
_ANY_STATUS = (400, 408, 413, 429, 431, 500, 503)  # whatever the operation
_REASONS = {
    200: "Done",
    201: "Done, and it is new",
    204: "Done",
    400: "Malformed",
    401: "Not signed",
    403: "Not signed by whom it concerns, or not for this",
    404: "Not there",
    408: "The body did not come in time",
    409: "Something else is there",
    413: "The body is too large",
    429: "Too many requests; `Retry-After` says when",
    431: "The head of the request is too large",
    500: "A defect of the control plane",
    503: "Not now; `Retry-After` says when",
}
_PARAMETERS: dict[str, Any] = {
    "account": AccountId,
    "host": HostName,
    "id": str,
    "name": UserName,
}

Json = dict[str, Any]


def openapi_operation(others: Sequence[Operation]) -> Operation:
    """Make the operation that serves the document of the `others` and of itself."""

    def show_document(_services: Services, _call: Call) -> Answer:
        return Answer(Document("application/json", document))

    operation = Operation(
        "GET",
        "/openapi.json",
        "This document",
        show_document,
        answers={200: "application/json"},
    )
    document = msgspec.json.encode(describe((*others, operation)))
    return operation


def describe(operations: Sequence[Operation]) -> Json:
    """Return the document (OpenAPI 3.1)."""
    kinds = _structs(operations)
    _, schemas = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
    bodies = (operation.body for operation in operations)
    statements = (kind for kind in bodies if isinstance(kind, StatementType))
    schemas |= {_schema_name(kind): _statement(kind) for kind in statements}
    schemas["Problem"]["properties"] |= {
        "code": {"enum": sorted(kind.code for kind in refusals())},
        "name": {"enum": sorted(kind.__name__ for kind in refusals())},
    }
    paths: Json = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cape control plane",
            "version": pycape.__version__,
            "description": "A directory of what accounts have signed, and the way to an enclave. "
            "Clients check every statement themselves.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "request": {
                    "type": "http",
                    "scheme": "Cape",
                    "description": f"A `{StatementType.REQUEST}` that names this method and path",
                },
                "host": {
                    "type": "http",
                    "scheme": "Bearer",
                    "description": "A token of the host that the path names",
                },
            },
        },
    }


def _structs(operations: Sequence[Operation]) -> list[type[msgspec.Struct]]:
    kinds: list[Any] = [Problem]
    for operation in operations:
        kinds += [operation.body, *operation.answers.values()]
    structs = (kind for kind in kinds if isinstance(kind, type) and kind is not str)
    return list(dict.fromkeys(structs))


def _operation(operation: Operation) -> Json:
    described: Json = {
        "operationId": operation.handler.__name__,
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation), *_query_parameters(operation)],
        "responses": _responses(operation),
    }
    if operation.handler.__doc__:
        described["description"] = operation.handler.__doc__.partition("\n")[0]
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _content(operation.body)}
    if operation.authorization is not None:
        scheme = "host" if operation.authorization == BEARER else "request"
        described["security"] = [{scheme: []}]
    return described


def _path_parameters(operation: Operation) -> list[Json]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": msgspec.json.schema(_PARAMETERS[name]),
        }
        for name in re.findall(r"{(\w+)}", operation.path)
    ]


def _query_parameters(operation: Operation) -> list[Json]:
    if operation.query is None:
        return []
    (_, schemas) = msgspec.json.schema_components([operation.query], ref_template=_REFERENCE)
    schema = schemas[operation.query.__name__]
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema["required"],
            "schema": described,
        }
        for name, described in schema["properties"].items()
    ]


def _responses(operation: Operation) -> Json:
    number = {
        "X-Request-Id": {"description": "Its number in the log", "schema": {"type": "string"}}
    }
    answers: Json = {}
    for status in (*_ANY_STATUS, *operation.refusals):
        answers[str(status)] = {
            "description": _REASONS[status],
            "headers": number,
            "content": _content(Problem, PROBLEM_MEDIA_TYPE),
        }
    for status, kind in operation.answers.items():
        answer = answers.setdefault(str(status), {"headers": number, "content": {}})
        answer["description"] = _REASONS[status]
        if kind is not None:
            answer["content"] |= _content(kind)
    return dict(sorted(answers.items()))


def _content(kind: type[msgspec.Struct] | StatementType | str, media_type: str = "") -> Json:
    if isinstance(kind, StatementType):
        return {STATEMENT_MEDIA_TYPE: {"schema": _reference(_schema_name(kind))}}
    if isinstance(kind, str):
        return {kind: {"schema": {}}}
    return {media_type or "application/json": {"schema": _reference(kind.__name__)}}


def _reference(name: str) -> Json:
    return {"$ref": _REFERENCE.format(name=name)}


def _schema_name(kind: StatementType) -> str:
    return f"{kind.name.title()}Statement"


def _statement(kind: StatementType) -> Json:
    return {
        "type": "string",
        "description": f"A compact JWS of the type `{kind}`; docs/spec/trust.md says what it holds",
        "pattern": r"^[\w-]+\.[\w-]+\.[\w-]+$",
        "maxLength": MAX_BODY_BYTES,
    }

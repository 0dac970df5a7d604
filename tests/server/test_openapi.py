"""The OpenAPI document says what is served. Every answer in these tests is held against it."""

import re

import pytest
from described import DOCUMENT, operation_of, validate
from jsonschema import Draft202012Validator, ValidationError

from pycape.errors import error_class
from pycape.server import create_app
from pycape.server.app import OPERATIONS


def test_the_document_is_served(plane):
    assert plane.client.get("/openapi.json").json() == DOCUMENT


def test_every_route_is_described_and_nothing_else(plane):
    routes = {
        (route.path, method.lower())
        for route in create_app(plane.services).routes
        for method in route.methods - {"HEAD"}
    }
    described = {
        (path, method) for path, methods in DOCUMENT["paths"].items() for method in methods
    }
    assert described == routes
    assert len(described) == len(OPERATIONS)
    names = [it["operationId"] for methods in DOCUMENT["paths"].values() for it in methods.values()]
    assert len(set(names)) == len(names)


def test_the_specification_lists_the_same_requests(specification):
    listed = set(re.findall(r"^\| `([A-Z]+) (/[^`?]*)", specification, re.MULTILINE))
    served = {
        (operation.method, re.sub("{id}", "{id or checksum}", operation.path))
        for operation in OPERATIONS
    }
    # One row tells of GET by either.
    deleted = ("DELETE", "/v2/functions/{id or checksum}")
    assert listed - {("DELETE", "/v2/functions/{id}")} == served - {deleted}


def test_every_reference_leads_to_a_schema_that_is_one():
    schemas = DOCUMENT["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    references = set(re.findall(r"'#/components/schemas/(\w+)'", str(DOCUMENT)))
    assert references == set(schemas)


def test_what_changes_something_says_which_statement_it_takes():
    for operation in OPERATIONS:
        described = operation_of(operation.method.lower(), operation.path)
        if operation.method in {"PUT", "POST"}:
            assert described["requestBody"]["required"] is True
        expected = {"DELETE": [{"request": []}]}.get(operation.method)
        if operation.path.startswith("/v2/hosts/"):
            expected = [{"host": []}]
        assert described.get("security") == expected


def test_a_problem_has_our_codes():
    properties = DOCUMENT["components"]["schemas"]["Problem"]["properties"]
    codes = {error_class(name).code for name in properties["name"]["enum"]}
    assert codes == set(properties["code"]["enum"])
    problem = {"type": "x", "title": "", "status": 409, "detail": "", "request_id": "1"}
    validate({**problem, "code": "CAPE-SVC-002", "name": "Conflict"}, _problem())
    with pytest.raises(ValidationError):
        validate({**problem, "code": "CAPE-SVC-002", "name": "Mystery"}, _problem())


def test_a_query_parameter_is_described_as_it_is_judged(plane, account, refused):
    (limit,) = [
        it
        for it in operation_of("get", "/v2/functions")["parameters"]
        if (it["in"], it["name"]) == ("query", "limit")
    ]
    assert (limit["schema"]["minimum"], limit["schema"]["maximum"]) == (1, 100)
    url = f"/v2/functions?account={account.id}"
    assert plane.client.get(f"{url}&limit=100").status_code == 200
    refused(plane.client.get(f"{url}&limit=101"), 400, "ProtocolError")


def _problem():
    return {"$ref": "#/components/schemas/Problem"}

"""Answers, held against the control plane's OpenAPI document."""

import re

from jsonschema import Draft202012Validator

from pycape.server.app import OPERATIONS
from pycape.server.openapi import describe

DOCUMENT = describe(OPERATIONS)


def operation_of(method, path):
    """What the document says of a request, or None."""
    for template, operations in DOCUMENT["paths"].items():
        if re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path) and method in operations:
            return operations[method]
    return None


def check(response):
    """Fail unless the document describes this answer: its status, its media type, its body."""
    request = response.request
    described = operation_of(request.method.lower(), request.url.path)
    if described is None:
        assert response.status_code in {404, 405, 429}, response
        return
    response.read()
    answer = described["responses"].get(str(response.status_code))
    assert answer is not None, f"{request.method} {request.url.path}: {response.status_code}"
    media_type = response.headers.get("Content-Type")
    if not answer["content"]:
        assert (media_type, response.content) == (None, b"")
        return
    assert media_type in answer["content"], media_type
    if "json" in media_type:
        validate(response.json(), answer["content"][media_type]["schema"])


def validate(value, schema):
    """Fail unless JSON has a form of the document."""
    whole = {**schema, "components": DOCUMENT["components"]}
    Draft202012Validator(whole).validate(value)

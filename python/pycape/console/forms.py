"""What forms of the pages send: small, and only from a page of this console."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from pycape.errors import TooLarge

if TYPE_CHECKING:
    from starlette.requests import Request

    from pycape.console.access import Access

MOST_INPUT = 1 << 20  # bytes of an input
_MOST_BODY = 4 * MOST_INPUT  # in a form, most bytes of a text are written as three characters
_MOST_FIELDS = 16
FORM_TOKEN = "form_token"  # noqa: S105 - what the field is called


async def read_form(request: Request, access: Access) -> Mapping[str, str]:
    """Return the fields of a form.

    Raises:
        PermissionDenied: it is of no page of this console.
        TooLarge: it holds more than an input may.
        ValueError: it is no form.
    """
    try:
        body = (await _body(request)).decode("ascii")  # what is not ASCII is escaped
    except UnicodeDecodeError as error:
        raise ValueError("the form is not in the encoding of forms") from error
    fields = dict(
        parse_qsl(body, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    )
    access.check_form_token(fields.get(FORM_TOKEN, ""))
    return fields


def input_of(fields: Mapping[str, str]) -> bytes:
    """Return the input of a call: that of a file, or what was typed.

    Browsers end each line of what was typed with two characters, and nobody typed the first.

    Raises:
        TooLarge: it is longer than `MOST_INPUT`.
        ValueError: the file is not in base64.
    """
    if fields.get("file"):
        data = base64.b64decode(fields["file"], validate=True)
    else:
        data = fields.get("text", "").replace("\r\n", "\n").encode()
    if len(data) > MOST_INPUT:
        raise _too_large("input", len(data), MOST_INPUT)
    return data


async def _body(request: Request) -> bytes:
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > _MOST_BODY:
            raise _too_large("form", size, _MOST_BODY)
        pieces.append(piece)
    return b"".join(pieces)


def _too_large(what: str, size: int, limit: int) -> TooLarge:
    return TooLarge(
        f"the {what} is {size:,} bytes or more, and a page takes {limit:,}",
        size=size,
        limit=limit,
        hint="`cape run FUNCTION -f FILE` sends any size",
    )

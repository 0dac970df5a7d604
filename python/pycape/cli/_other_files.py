"""Files of another kind than the one that is wanted: what they are instead.

They are bad data. What begins as the kind that is wanted and breaks its rules is refused as that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pycape.cli._errors import BadInput
from pycape.cli._files import display_name

if TYPE_CHECKING:
    from pycape.cli._context import Context


@dataclass(frozen=True)
class Kind:
    """What a command reads: its name, how it begins, and what makes one.

    `begins` is somewhere in the first bytes.
    """

    name: str
    begins: bytes
    hint: str


# Specs: docs/spec/attestation.md, document; docs/spec/receipt.md, file; RFC 7515, 7.1.
A_DOCUMENT = Kind("attestation document", b"module_id", "`cape attest --save FILE` keeps one")
A_RECEIPT = Kind("receipt", b"\xa4\x01\x02", "`cape run FUNCTION TEXT --receipt FILE` keeps one")
A_TOKEN = Kind(
    "token",
    b"eyJ",
    "`cape token create --function FUNCTION -o FILE` makes one, for whoever has the function",
)
_FIRST_BYTES = 64


@contextmanager
def others_told(context: Context, kind: Kind, file: str, data: bytes) -> Iterator[None]:
    """Tell of a file that is refused, and does not begin as `kind` does, that it is none.

    Raises:
        BadInput: it is none; the message says what it is, where that is known.
    """
    from pycape.errors import (  # noqa: PLC0415 - `cape --help` does without
        DocumentMalformed,
        ReceiptInvalid,
        TokenInvalid,
    )

    try:
        yield
    except (BadInput, DocumentMalformed, ReceiptInvalid, TokenInvalid) as error:
        if kind.begins in data[:_FIRST_BYTES]:
            raise
        raise BadInput(
            f"{display_name(file)} is no {kind.name}: {_what_it_is(context, file, data)}",
            hint=kind.hint,
        ) from error


def _what_it_is(context: Context, file: str, data: bytes) -> str:
    from pycape._clock import now_ms  # noqa: PLC0415 - `cape --help` does without
    from pycape.cli._inspect._kinds import explain  # noqa: PLC0415
    from pycape.cli._inspect._source import Source  # noqa: PLC0415
    from pycape.cli._inspect._surroundings import Surroundings  # noqa: PLC0415
    from pycape.errors import CapeError  # noqa: PLC0415

    if not data:
        return "it is empty"
    try:
        source = Source(file, data, whole=True)
        known = explain(source, Surroundings(context.config(), None, now_ms()))
    except (BadInput, CapeError):
        known = None
    return "it begins as none does" if known is None else f"it is {known.title.partition(':')[0]}"

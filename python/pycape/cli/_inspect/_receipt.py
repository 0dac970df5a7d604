"""Receipts, in the files that hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycape.cli._inspect import _algorithms
from pycape.cli._inspect._explanation import Explanation
from pycape.cli._verdict import receipt_as_json
from pycape.errors import CapeError

if TYPE_CHECKING:
    from pycape.cli._inspect._source import Source
    from pycape.cli._inspect._surroundings import Surroundings

# A map of four, of which the first says version 2. Spec: docs/spec/receipt.md, file.
_BEGINS = b"\xa4\x01\x02"
_MOST = 36 << 10


def explain_receipt(source: Source, _surroundings: Surroundings) -> Explanation | None:
    """Tell of a receipt what it claims."""
    from pycape import receipts  # noqa: PLC0415 - `cape --help` does without

    if source.data[: len(_BEGINS)] != _BEGINS or source.size > _MOST:
        return None
    try:
        claimed = receipts.inspect(source.data[:])
    except CapeError:
        return None  # something else in CBOR
    return Explanation(
        "receipt",
        "a receipt of an enclave about one run of a function, or what looks like one",
        None,
        {"size": source.size, **receipt_as_json(claimed)},
        [
            "The digests tell nothing of input and output without their salts, which only the "
            "caller has. `cape receipt verify FILE` makes every check.",
            _algorithms.ES384,
        ],
    )

"""Receipts in files: one for everybody, and beside it the salts, for the caller alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycape.cli._files import write_file

if TYPE_CHECKING:
    from pycape.receipts import VerifiedReceipt


def salts_beside(file: str) -> str:
    """Return where the salts of the receipt in `file` are kept."""
    return f"{file}.salts"


def keep_receipt(receipt: VerifiedReceipt, file: str) -> None:
    """Write a receipt, and its salts into a file that only its owner can read."""
    write_file(file, receipt.to_bytes())
    if receipt.salts is not None:
        write_file(salts_beside(file), receipt.salts, secret=True)

"""cape receipt."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pycape._checksum import is_checksum
from pycape.cli._command import CapeGroup, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import UsageError
from pycape.cli._files import as_sent, display_name, held_in_memory, read_bytes
from pycape.cli._limits import RECEIPT, SALTS
from pycape.cli._options import file_option
from pycape.cli._other_files import A_RECEIPT, others_told
from pycape.cli._receipt_files import salts_beside
from pycape.cli._trust import offline_trust

if TYPE_CHECKING:
    from pycape._receipt_evidence import Asked
    from pycape.attestation import TrustRoots
    from pycape.policy import Policy

_output_to_compare: Callable[..., Any] = partial(
    file_option, explanation="Compare the output with a file."
)


@click.group("receipt", cls=CapeGroup, example="cape receipt verify run.receipt")
def command() -> None:
    """Receipts: what an enclave signed about a run, for whoever asks later."""


@command.command(example="cape receipt verify run.receipt --input in.bin --output out.bin")
@click.argument("file")
@click.option("--policy", "policy_file", metavar="FILE", help="The releases to accept.")
@click.option("--function", metavar="CHECKSUM", help="The function that has to have run.")
@click.option("-i", "--input", "input_file", metavar="FILE", help="Compare the input with a file.")
@_output_to_compare
@click.option("--salts", metavar="FILE", help="The salts; FILE.salts by default.")
@click.option("--nonce", metavar="HEX", help="What the call has to have been named by.")
@pass_context
def verify(
    context: Context,
    *,
    file: str,
    policy_file: str | None,
    function: str | None,
    input_file: str | None,
    output: str | None,
    salts: str | None,
    nonce: str | None,
) -> None:
    """Judge a receipt that was kept, and show each check with its evidence.

    FILE is what `cape run --receipt FILE` wrote. Nothing is connected to: its attestation document
    is judged at its own time, by the profile's policy and root; with --policy by that policy and
    AWS's root, unless --profile names a platform. Data is compared with the help of the salts,
    which only the caller has; an input that was encrypted needs none.
    """
    from pycape import receipts  # noqa: PLC0415 - `cape --help` does without
    from pycape._receipt_evidence import Asked, receipt_checks  # noqa: PLC0415
    from pycape.cli._verdict import Verdict  # noqa: PLC0415

    asked = Asked(
        function=function is not None,
        call=nonce is not None,
        output=output is not None,
        input=input_file is not None,
    )
    kept = RECEIPT.read_some(file)
    with others_told(context, A_RECEIPT, file, kept), _form_told(context):
        receipts.inspect(RECEIPT.checked(kept, file))
    policy, roots = offline_trust(context, policy_file)
    kept_salts = _salts(file, salts)
    sent = None if input_file is None else as_sent(_data(input_file))
    came = None if output is None else _data(output)
    with _refusals_told(context, kept, asked, policy, roots):
        verified = receipts.verify(
            kept,
            policy=policy,
            trust_roots=roots,
            salts=kept_salts,
            checksum=_checksum(function),
            call_nonce=_nonce(nonce),
            input=sent,
            output=came,
        )
    evidence = receipt_checks(verified, asked, policy=policy, trust_roots=roots)
    verdict = Verdict(display_name(file), verified.attestation, evidence, None, verified)
    context.result(verdict.as_json(), verdict.as_text(), verified.checksum)


@command.command(example="cape receipt show run.receipt")
@click.argument("file")
@pass_context
def show(context: Context, file: str) -> None:
    """Show what a receipt claims. Nothing is verified: anybody could have written it."""
    from pycape import receipts  # noqa: PLC0415 - `cape --help` does without
    from pycape.cli._verdict import receipt_as_json, receipt_as_text  # noqa: PLC0415

    kept = RECEIPT.read_some(file)
    with others_told(context, A_RECEIPT, file, kept):
        claimed = receipts.inspect(RECEIPT.checked(kept, file))
    data = {"verified": False, "receipt": receipt_as_json(claimed)}
    text = f"{display_name(file)}: a receipt, NOT VERIFIED\n\n{receipt_as_text(claimed)}"
    context.result(data, text, claimed.checksum)


@contextmanager
def _form_told(context: Context) -> Iterator[None]:
    """Show that a file has not a receipt's form, whatever else is missing to judge one."""
    from pycape._receipt_evidence import form_refused  # noqa: PLC0415 - `cape --help` does without
    from pycape.cli._refusal import tell_refused  # noqa: PLC0415
    from pycape.errors import ReceiptInvalid  # noqa: PLC0415

    try:
        yield
    except ReceiptInvalid as error:
        tell_refused(context, error, [form_refused(error)])
        raise


@contextmanager
def _refusals_told(
    context: Context, file: bytes, asked: Asked, policy: Policy, roots: TrustRoots
) -> Iterator[None]:
    """Show up to which check a receipt came that is refused."""
    from pycape._receipt_evidence import receipt_checks_until  # noqa: PLC0415 - as above
    from pycape.cli._refusal import tell_refused  # noqa: PLC0415
    from pycape.errors import AttestationError  # noqa: PLC0415

    try:
        yield
    except AttestationError as error:
        told = receipt_checks_until(error, file, asked, policy=policy, trust_roots=roots)
        tell_refused(context, error, told)
        raise


def _salts(file: str, salts: str | None) -> bytes | None:
    """Return the salts in the file that is named, or in the one beside the receipt."""
    if salts is not None:
        return SALTS.read(salts)
    beside = salts_beside(file)
    return SALTS.read(beside) if Path(beside).exists() else None


def _data(file: str) -> bytes:
    """Return input or output to compare with."""
    with held_in_memory(file, hint="what is compared with a receipt is looked at as a whole"):
        return read_bytes(file)


def _checksum(text: str | None) -> str | None:
    if text is not None and not is_checksum(text):
        raise UsageError(
            f"--function is no checksum: {text!r}",
            hint="64 lower-case hexadecimal digits; `cape function show FUNCTION` shows them",
        )
    return text


def _nonce(text: str | None) -> bytes | None:
    if text is None:
        return None
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise UsageError(
            f"--nonce is no call nonce: {text!r}",
            hint="64 hexadecimal digits, as the caller has it",
        )
    return bytes.fromhex(text)

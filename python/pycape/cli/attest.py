"""cape attest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from pycape._strangers import one_line
from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import UsageError
from pycape.cli._files import display_name, write_file
from pycape.cli._limits import DOCUMENT
from pycape.cli._options import yes_option
from pycape.cli._other_files import A_DOCUMENT, others_told
from pycape.cli._outputs import check_outputs
from pycape.cli._time import parse_time
from pycape.cli._trust import offline_trust, platform_of, policy_in

if TYPE_CHECKING:
    from pycape._evidence import Check
    from pycape.cli._verdict import Verdict
    from pycape.errors import AttestationError


@click.command("attest", cls=CapeCommand, example="cape attest")
@click.argument("address", metavar="[URL]", required=False)
@click.option("--policy", "policy_file", metavar="FILE", help="The releases to accept.")
@click.option(
    "--save",
    metavar="FILE",
    help="Keep the document, refused ones too, and the verdict as FILE.json.",
)
@click.option("--file", "-f", metavar="FILE", help="Judge a document that was kept; - is stdin.")
@click.option("--at", metavar="TIME", help="With --file: the time to judge it by; else now.")
@click.option("--nonce", metavar="HEX", help="With --file: the challenge that it has to answer.")
@click.option("--any-nonce", is_flag=True, help="With --file: whatever it answers.")
@yes_option
@pass_context
def command(
    context: Context,
    *,
    address: str | None,
    policy_file: str | None,
    save: str | None,
    file: str | None,
    at: str | None,
    nonce: str | None,
    any_nonce: bool,
) -> None:
    """Let an enclave prove what it is, and show each check with its evidence.

    URL is a control plane's address; the profile's by default. With --file nothing is connected
    to: the document is judged by the profile's policy and root; with --policy too, by that policy
    and AWS's root, unless --profile names a platform.

    What --save keeps in FILE.json says "approved" or "refused", and has the document's nonce, user
    data and public key: its nonce is what --nonce asks for later. A document that was refused is
    evidence, and proves nothing that it says.
    """
    context.url = address or context.url
    check_outputs(
        context,
        {"the document": save, "the verdict": None if save is None else _verdict_beside(save)},
        inputs=(file, policy_file),
    )
    if file is not None:
        expected = _nonce(nonce, any_nonce=any_nonce)
        time = datetime.now(UTC) if at is None else parse_time("--at", at)
        verdict = _judge(context, file, policy_file, time=time, nonce=expected, save=save)
    elif at or nonce or any_nonce:
        raise UsageError(
            "--at, --nonce and --any-nonce are for a document that was kept",
            hint="name it with --file; an enclave that is asked now gets a challenge of its own",
        )
    else:
        verdict = _ask(context, policy_file, save)
    data = {"verdict": "approved", **verdict.as_json()}
    if save is not None:
        context.attempt(partial(_keep, save, verdict.verified.document, data))
    context.result(data, verdict.as_text(), one_line(verdict.verified.module_id))


def _ask(context: Context, policy_file: str | None, save: str | None) -> Verdict:
    """Let an enclave of the platform prove itself now."""
    from pycape._evidence import checks, checks_until  # noqa: PLC0415 - `cape --help` does without
    from pycape.cli._verdict import Verdict  # noqa: PLC0415
    from pycape.errors import AttestationError  # noqa: PLC0415

    platform = platform_of(context, policy_in(policy_file))
    policy, roots = platform.policy(), platform.trust_roots
    url = platform.config.require_url()
    with context.client(policy) as cape:
        try:
            verified, description = cape.attest()
        except AttestationError as error:
            now = datetime.now(UTC)
            until = checks_until(error, error.document, policy=policy, trust_roots=roots, now=now)
            _tell_refused(context, url, error, until, save)
            raise
    evidence = checks(verified, policy=policy, trust_roots=roots, now=datetime.now(UTC))
    return Verdict(url, verified, evidence, description)


def _judge(
    context: Context,
    file: str,
    policy_file: str | None,
    *,
    time: datetime,
    nonce: bytes | None,
    save: str | None,
) -> Verdict:
    """Judge a document that was kept."""
    from pycape import attestation  # noqa: PLC0415 - `cape --help` does without
    from pycape._evidence import checks, checks_until  # noqa: PLC0415
    from pycape.cli._verdict import Verdict  # noqa: PLC0415
    from pycape.errors import AttestationError  # noqa: PLC0415

    document = DOCUMENT.read_some(file)
    policy, roots = offline_trust(context, policy_file)
    name = display_name(file)
    with others_told(context, A_DOCUMENT, file, document):
        try:
            verified = attestation.verify(
                DOCUMENT.checked(document, file),
                policy=policy,
                nonce=nonce,
                trust_roots=roots,
                now=time,
            )
        except AttestationError as error:
            until = checks_until(
                error,
                document,
                policy=policy,
                trust_roots=roots,
                now=time,
                any_nonce=nonce is None,
                any_purpose=True,
            )
            error.document = document if len(document) <= DOCUMENT.most else None
            _tell_refused(context, name, error, until, save)
            raise
    evidence = checks(verified, policy=policy, trust_roots=roots, now=time, any_purpose=True)
    return Verdict(name, verified, evidence, None)


def _tell_refused(
    context: Context, subject: str, error: AttestationError, until: list[Check], save: str | None
) -> None:
    """Show up to which check an enclave came that is refused, and keep what it showed."""
    from pycape.cli._refusal import tell_refused  # noqa: PLC0415 - `cape --help` does without

    data = tell_refused(
        context,
        error,
        until,
        subject=subject,
        verdict="refused",
        because={"code": error.code, "message": str(error)},
        claims=_claims(error.document),
    )
    if save is None:
        return
    if error.document is None:
        context.note("nothing is kept: there was no document that could be one")
        return
    context.attempt(partial(_keep, save, error.document, data))
    if context.trouble is None:
        context.note(f"kept the refused document in {save}, the verdict in {_verdict_beside(save)}")


def _claims(document: bytes | None) -> dict[str, Any] | None:
    """Return what a document says that was refused, None where its form is broken."""
    from pycape import attestation  # noqa: PLC0415 - `cape --help` does without
    from pycape.cli._verdict import claims_as_json  # noqa: PLC0415
    from pycape.errors import DocumentMalformed  # noqa: PLC0415

    try:
        return None if document is None else claims_as_json(attestation.inspect(document))
    except DocumentMalformed:
        return None


def _keep(file: str, document: bytes, verdict: Mapping[str, Any]) -> None:
    write_file(file, document)
    write_file(_verdict_beside(file), f"{json.dumps(verdict, indent=1)}\n".encode())


def _verdict_beside(file: str) -> str:
    return f"{file}.json"


def _nonce(text: str | None, *, any_nonce: bool) -> bytes | None:
    if (text is None) == (not any_nonce):
        raise UsageError(
            "a document that was kept answers somebody's challenge",
            hint="give it with --nonce HEX, or take any with --any-nonce: one of them",
        )
    try:
        return None if text is None else bytes.fromhex(text)
    except ValueError as error:
        raise UsageError(
            f"--nonce is not hexadecimal: {text!r}", hint="two digits a byte, as it was sent"
        ) from error

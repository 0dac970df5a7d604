"""cape demo."""

from __future__ import annotations

import shlex
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import NotProven
from pycape.cli._extras import extra
from pycape.cli._progress import Progress

if TYPE_CHECKING:
    from pycape._evidence import Check
    from pycape.demo._proof import Demo, Proof, Step
    from pycape.local import LocalPlatform
    from pycape.packaging import Progress as Packaging

_SHADES = " ░▒▓█"
_ASCII_SHADES = " .:+#"


@click.command("demo", cls=CapeCommand, example="cape demo")
@click.option("--keep", is_flag=True, help="Leave the platform running, until Ctrl-C.")
@pass_context
def command(context: Context, *, keep: bool) -> None:
    """Go the whole way once: deploy, encrypt, prove, run.

    Starts a platform of its own on this machine. The first proof is of a function that returns
    its input. Then the real job: an image classifier, trained on scanned digits, deployed with
    onnxruntime, run on an image and on its ciphertext. Nothing is left behind, unless with --keep.
    """
    import shutil  # noqa: PLC0415 - `cape --help` does without
    import tempfile  # noqa: PLC0415

    with extra("local"):
        from pycape.local import LocalPlatform, interrupted_by_signals  # noqa: PLC0415

    kept = False
    with interrupted_by_signals():
        home = Path(tempfile.mkdtemp(prefix="cape-demo-"))
        try:
            platform = LocalPlatform(
                data_folder=home / "data", config_folder=home / "config", port=0
            )
            try:
                proof = _proven(context, platform, home)
                kept = keep
                _tell(context, proof, _how_to_use(platform, home) if keep else {})
                if keep:
                    platform.wait()
            finally:
                platform.stop()
        except KeyboardInterrupt:
            if not kept:
                raise
            context.note(f"\nstopped; its state is in {home}: `rm -r` removes it")
        finally:
            if not kept:
                shutil.rmtree(home, ignore_errors=True)


def _proven(context: Context, platform: LocalPlatform, home: Path) -> Proof:
    """Do all of it; whatever fails, `context` has what was found until then."""
    from pycape.demo._proof import Demo  # noqa: PLC0415 - `cape --help` does without

    demo = Demo(lambda step: context.note(_step(step)), shades=_shades())
    try:
        with demo.step("start a platform on this machine"):
            platform.start()
        _both_stages(context, demo, platform, home)
        if not demo.proof.ok:
            raise NotProven(
                _what_failed(demo.proof),
                hint="`cape doctor` looks at this machine; if it finds nothing, please report it",
            )
    except BaseException:
        context.found = demo.proof.as_json()
        raise
    return demo.proof


def _both_stages(context: Context, demo: Demo, platform: LocalPlatform, home: Path) -> None:
    with platform.client(home / "config") as cape:
        demo.first_proof(cape, platform.profile)
        if not (context.quiet or context.for_programs):
            click.echo(_first_proof(demo.proof))
        demo.classify(cape, home / "digits", _packing(context))


@contextmanager
def _packing(context: Context) -> Iterator[Callable[[Packaging], None]]:
    with Progress(context) as progress:
        yield progress.report


def _tell(context: Context, proof: Proof, use: dict[str, str]) -> None:
    data: dict[str, Any] = {**proof.as_json(), "platform": use or None}
    text = _real_job(proof)
    if use:
        text += "\n\nthe platform goes on until Ctrl-C; in another terminal:\n\n"
        text += _commands(proof, use)
    context.result(data, text, "\n".join(str(f["function_id"]) for f in proof.functions.values()))
    sys.stdout.flush()


def _how_to_use(platform: LocalPlatform, home: Path) -> dict[str, str]:
    return {
        "url": platform.url,
        "config_dir": str(home / "config"),
        "data_dir": str(home / "data"),
    }


def _commands(proof: Proof, use: dict[str, str]) -> str:
    return (
        f"  export CAPE_CONFIG_DIR={shlex.quote(use['config_dir'])}\n"
        "  cape function list\n"
        f"  cape encrypt 'hello world' | cape run {proof.functions['echo']['function_id']} -f -\n"
        "  cape attest"
    )


def _step(step: Step) -> str:
    return f"  {step.name:<52} {step.seconds:8.3f} s"


def _first_proof(proof: Proof) -> str:
    return f"\nfirst proof: a genuine enclave, running approved code\n\n{_rows(proof.checks)}\n"


def _real_job(proof: Proof) -> str:
    classes = "\n".join(f"  {each.label}  {each.probability:7.2%}" for each in proof.top)
    functions = "\n".join(
        f"  {name:<8}{ref['function_id']}\n          {ref['function_checksum']}"
        for name, ref in proof.functions.items()
    )
    seconds = sum(step.seconds for step in proof.steps)
    return "\n\n".join(
        (
            f"\nthe real job: an image of a {proof.label} that the model never saw",
            textwrap.indent(proof.picture, "  "),
            f"what the enclave says of it, from its ciphertext (on {proof.held_out} such images\n"
            f"the model is right in {proof.accuracy:.1%}):\n\n{classes}",
            _rows(proof.checks[-2:]),
            f"functions that ran: id, checksum\n{functions}",
            "development: a root of this machine's own vouches for the enclave, not AWS",
            f"proven: {len(proof.checks)} checks held, the class is right; {seconds:.1f} s in all",
        )
    )


def _rows(checks: list[Check]) -> str:
    from pycape.cli._verdict import as_rows  # noqa: PLC0415 - `cape --help` does without

    return as_rows(checks)


def _what_failed(proof: Proof) -> str:
    failed = [check.name for check in proof.checks if not check.held]
    if not proof.is_right:
        best = proof.top[0].label if proof.top else "nothing"
        failed.append(f"the image shows {proof.label}, the enclave says {best}")
    return f"not proven: {'; '.join(failed)}"


def _shades() -> str:
    try:
        _SHADES.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return _ASCII_SHADES
    return _SHADES

"""cape host run, status, doctor, create-vault: the agent of a host."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._extras import extra
from pycape.cli._files import write_file
from pycape.cli._options import profile_name, yes_option
from pycape.cli._outputs import check_outputs
from pycape.cli._text import fields

if TYPE_CHECKING:
    from pycape.host.agent import Started
    from pycape.host.status import HostStatus

DEFAULT_CONFIGURATION = "/etc/cape/host.toml"

configuration_option = click.option(
    "--config",
    "configuration_file",
    default=DEFAULT_CONFIGURATION,
    show_default=True,
    metavar="FILE",
    help="What the host is told: its image or runtime, its ports, its control planes.",
)


@click.command("run", cls=CapeCommand, example="cape host run --config /etc/cape/host.toml")
@configuration_option
@pass_context
def run(context: Context, *, configuration_file: str) -> None:
    """Run this machine's enclaves, until Ctrl-C or SIGTERM.

    It leads clients' bytes to them, starts again what dies, and tells control planes how many
    calls there is room for. Asked to end, it lets calls under way end first; asked twice, it does
    not. Its log goes to stderr, lines of JSON.
    """
    with extra("local"):
        from pycape.host import Agent  # noqa: PLC0415
        from pycape.host.configuration import load  # noqa: PLC0415
        from pycape.server import log_to  # noqa: PLC0415

    configuration = load(Path(configuration_file))
    log_to(sys.stderr)
    Agent(configuration).run(lambda started: _announce(context, configuration.name, started))


@click.command("status", cls=CapeCommand, example="cape host status --json")
@configuration_option
@pass_context
def status(context: Context, *, configuration_file: str) -> None:
    """Show how this machine's enclaves do, as its agent says."""
    with extra("local"):
        from pycape.host.configuration import load  # noqa: PLC0415
        from pycape.host.status import ask  # noqa: PLC0415

    found = ask(load(Path(configuration_file)).folder)
    states = [each.state for each in found.enclaves]
    context.result(_as_json(found), _as_text(found), "\n".join(states))


@click.command("doctor", cls=CapeCommand, example="cape host doctor")
@configuration_option
@pass_context
def doctor(context: Context, *, configuration_file: str) -> None:
    """Look at what this machine's agent needs, and say what to do about what is wrong.

    It looks at the configuration and the image, the device of Nitro enclaves, the allocator, its
    huge pages and processors, nitro-cli, vsock, clock, disk and unit, or else QEMU's programs or
    the runtime's files, at ports, folders, the store, the vault's file, the credentials and the
    token. Nothing is changed. The status is 0 when nothing failed, else 1.
    """
    examine(context, configuration_file)


def examine(context: Context, configuration_file: str) -> None:
    """Make the checks of a host, and tell what was found."""
    from pycape.cli._doctor._groups import host_groups  # noqa: PLC0415
    from pycape.cli._doctor._machine import Machine  # noqa: PLC0415
    from pycape.cli.doctor import tell  # noqa: PLC0415

    with extra("local"):
        groups = list(host_groups(Machine(), Path(configuration_file)))
    tell(context, groups)


def _announce(context: Context, name: str, started: Started) -> None:
    ports = started.ports
    data = {
        "name": name,
        "sessions": ports.sessions,
        "operate": ports.operate,
        "enclaves": ports.enclaves,
    }
    shown = {
        "host": name,
        "sessions on": f"127.0.0.1:{ports.sessions}",
        "metrics on": f"127.0.0.1:{ports.operate}",
        "enclaves on": ", ".join(f"127.0.0.1:{port}" for port in ports.enclaves),
    }
    context.result(data, fields(shown), str(ports.sessions))
    sys.stdout.flush()


def _as_json(found: HostStatus) -> dict[str, Any]:
    import msgspec  # noqa: PLC0415 - `cape --help` does without

    data: dict[str, Any] = msgspec.to_builtins(found)
    planes = found.control_planes.items()
    data["control_planes"] = [{"url": url, "found": said} for url, said in planes]
    return data


def _as_text(found: HostStatus) -> str:
    lines = [f"{found.name}: {found.launcher}" + (", draining" if found.draining else "")]
    for each in found.enclaves:
        load = f"{each.calls} of {each.slots} calls" if each.state == "serving" else ""
        starts = f"{each.starts} starts" if each.starts > 1 else ""
        stated = (load, *each.failed_checks, starts, each.failure or "")
        facts = ", ".join(fact for fact in stated if fact)
        lines.append(f"  enclave {each.number}  {each.state:9}  {facts}".rstrip())
    lines += [f"  told {url}: {said}" for url, said in found.control_planes.items()]
    return "\n".join(lines)


@click.command(
    "create-vault",
    cls=CapeCommand,
    example="cape host create-vault --policy policy.toml --control https://cape.example.org",
)
@configuration_option
@click.option(
    "--policy",
    "policy_file",
    metavar="FILE",
    required=True,
    help="The releases that clients shall trust, as `cape image policy` writes them.",
)
@click.option("--control", metavar="URL", required=True, help="Where clients find the platform.")
@click.option(
    "--name", default="cape", show_default=True, callback=profile_name, help="What it is called."
)
@click.option("--python", default="3.11", show_default=True, help="What functions run on.")
@click.option(
    "--platform",
    default="x86_64-manylinux_2_36",
    show_default=True,
    help="What their packages are built for.",
)
@click.option(
    "-o", "output", metavar="FILE", default="platform.toml", show_default=True, help="The profile."
)
@yes_option
@pass_context
def create_vault(
    context: Context,
    *,
    configuration_file: str,
    policy_file: str,
    control: str,
    name: str,
    python: str,
    platform: str,
    output: str,
) -> None:
    """Have an enclave of this machine make the platform's vault, once.

    KMS makes the secret and gives it to the enclave alone, which proves what it is. The wrapped
    secret goes to the file that [kms] of the configuration names, and the profile that clients join
    by to -o. A vault is never replaced: what is sealed by one opens with no other.
    """
    from pycape import _address, policy  # noqa: PLC0415
    from pycape.cli._errors import UsageError  # noqa: PLC0415

    with extra("local"):
        from pycape.host import birth  # noqa: PLC0415
        from pycape.host.configuration import load  # noqa: PLC0415
        from pycape.server import log_to  # noqa: PLC0415

    try:
        url = _address.control_plane(control)
    except ValueError as error:
        raise UsageError(f"--control: {error}", hint="--control https://HOST") from error
    inputs = (policy_file, configuration_file)
    check_outputs(context, {"the profile": output}, inputs=inputs)
    wish = birth.Wish(name, url, policy.load(policy_file).releases, python, platform)
    configuration = load(Path(configuration_file), unborn=True)
    log_to(sys.stderr)
    profile = birth.create_vault(
        configuration, wish, lambda born: write_file(output, born.dump().encode())
    )
    vault = (policy.Policy.from_toml(profile.policy_toml).releases[0].vault or b"").hex()
    data = {"vault": vault, "profile_path": output}
    context.result(data, fields({"vault": vault, "profile": output}), vault)

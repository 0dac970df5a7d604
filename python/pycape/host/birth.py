"""The birth of a vault: an enclave of this host has its secret made by KMS, and proves it.

The secret is in the enclave's memory, for that moment, and nowhere else; what leaves is its wrapped
form, its id, and the document that vouches for both. docs/spec/trust.md, vault.
"""

import base64
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pycape._files import create_exclusively
from pycape._join import judge_birth
from pycape._profile import Profile
from pycape._user_data import keeper_of
from pycape.errors import AttestationError, ConfigError, Conflict
from pycape.host import instructions
from pycape.host.configuration import Configuration, Kms
from pycape.host.data_path import DataPath, supervision_folder
from pycape.host.launchers import machines_of
from pycape.host.launchers.machines import Machines
from pycape.host.status import HostStatus, StatusService
from pycape.host.supervision import Conversation, Supervision, no_more_said
from pycape.policy import Policy, Release
from pycape.server.log import Logger, get_logger

log: Logger = get_logger()


class _Born(msgspec.Struct, frozen=True):
    vault: str
    birth: str
    wrapped: str


@dataclass(frozen=True, slots=True)
class Wish:
    """The platform that a vault is made for.

    `releases` are those that clients shall trust, without a vault yet; `python` and `platform` are
    what functions are packed for. `roots` are of a development platform, DER; else it is AWS's.
    """

    name: str
    url: str
    releases: Sequence[Release]
    python: str
    platform: str
    roots: tuple[bytes, ...] = ()


def create_vault(
    configuration: Configuration, wish: Wish, keep: Callable[[Profile], None]
) -> Profile:
    """Have an enclave make the vault, once; return the profile of its platform.

    `keep` is given the profile first: nobody can have the birth document again. Then the wrapped
    secret, which makes it a vault, is put into the file that the configuration names.

    Raises:
        AttestationError: the birth document does not hold, or is of no release or another key.
        ConfigError: the host has no machines or no KMS, a release has a vault already, or the
            enclave refuses.
        Conflict: there is a wrapped secret already.
        ServiceError: the enclave does not report, or does not answer in time.
    """
    machines, kms = machines_of(configuration), configuration.kms
    if machines is None or kms is None:
        raise ConfigError(
            "an enclave has a vault made by KMS, and there is none or no section [kms]",
            hint="`cape vault create` makes one that is a file, for development",
        )
    _check_unborn(wish.releases)
    file = Path(kms.wrapped_file)
    if file.exists():
        raise Conflict(
            f"there is a vault already: {file}",
            hint="a vault is made once; what was sealed with it opens with no other",
        )
    born = _ask_an_enclave(configuration, machines, kms)
    profile = _profile(wish, born)
    _judge(profile, kms)
    keep(profile)
    if not create_exclusively(file, f"{born.wrapped}\n".encode(), mode=0o600, ours=False):
        raise Conflict(f"there is a vault already: {file}")
    return profile


def _check_unborn(releases: Sequence[Release]) -> None:
    for release in releases:
        if release.vault is not None:
            raise ConfigError(
                f"the release {release.name!r} has a vault already: {release.vault.hex()}",
                hint="leave `vault` out of the policy: it is the id of the one to be made",
            )


def _judge(profile: Profile, kms: Kms) -> None:
    key = keeper_of(judge_birth(profile))
    if key != kms.key_id:
        raise AttestationError(
            f"the vault was born under another key: {key}",
            hint="key_id of [kms] names the one that was asked for: what answered is not this "
            "host's enclave",
        )


def _ask_an_enclave(configuration: Configuration, machines: Machines, kms: Kms) -> _Born:
    line = instructions.to_create_vault(kms)
    one = msgspec.structs.replace(configuration, enclaves=1)
    with ExitStack() as started:
        started.enter_context(StatusService(one.folder, lambda: _status(one)))
        supervision = started.enter_context(Supervision(supervision_folder(one), 1))
        data_path = DataPath(one, lambda: None)
        started.callback(data_path.stop)
        machine = machines.machine(0)
        started.callback(machine.terminate)
        machine.start()
        seconds = machines.start_seconds
        conversation = supervision.conversation(0, seconds, threading.Event())
        started.callback(conversation.close)
        conversation.tell(line)
        return _answer(conversation, seconds)


def _answer(conversation: Conversation, seconds: float) -> _Born:
    said: list[str] = []
    deadline = time.monotonic() + seconds
    while (line := conversation.line(deadline - time.monotonic())) is not None:
        try:
            return msgspec.json.decode(line, type=_Born)
        except msgspec.DecodeError:
            said = [*said[-20:], line]
            log.info("enclave", said=line)
    raise no_more_said(said, seconds, deadline)


def _profile(wish: Wish, born: _Born) -> Profile:
    try:
        birth = base64.b64decode(born.birth, validate=True)
        releases = [
            Release({**each.pcrs}, born.vault, each.name, each.not_after) for each in wish.releases
        ]
    except ValueError as error:
        raise ConfigError(
            f"the enclave answered something else than expected: {error}",
            hint="image and pycape have to be of the same version",
        ) from error
    return Profile(
        name=wish.name,
        url=wish.url,
        development=bool(wish.roots),
        trust_roots=wish.roots,
        birth=birth,
        python=wish.python,
        platform=wish.platform,
        policy_toml=Policy(releases).to_toml(),
    )


def _status(configuration: Configuration) -> HostStatus:
    return HostStatus(
        name=configuration.name,
        launcher=configuration.launcher,
        pid=os.getpid(),
        draining=False,
        sessions=0,
        operate=0,
        enclaves=[],
        control_planes={},
    )

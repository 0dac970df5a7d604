"""The program `cape-enclave`: where it is, and what it is asked to do."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from pycape.errors import ConfigError

BINARY = "cape-enclave"
BINARY_VARIABLE = "CAPE_ENCLAVE_BINARY"
BRINGS_ANOTHER = (
    f"`pip install --force-reinstall pycape` brings it anew; {BINARY_VARIABLE} names another"
)
COMMAND_SECONDS = 60
KMS_SECONDS = 180  # two questions, each of which is asked again for a minute

A = TypeVar("A")
Arguments = Sequence[str | Path]

_SAYS_MORE = "the lines that it logs say more; `cape dev -v` shows them"
_SEE = "docs/operate/running.md has what settings may say, docs/operate/keys.md how KMS is asked"

# What the enclave's processes see of this one's environment; functions see nothing of it.
_ENVIRONMENT = ("HOME", "LANG", "PATH", "RUST_BACKTRACE", "TMPDIR")


class Measurement(msgspec.Struct, frozen=True):
    """What `cape-enclave measure` computes from files: PCRs by index, in hex, and what runs."""

    pcrs: dict[str, str]
    python: str
    platform: str


class NewRoot(msgspec.Struct, frozen=True):
    """The development root that signs this machine's documents: base64 of DER."""

    root: str


class _Reason(msgspec.Struct, frozen=True):
    message: str
    hint: str | None = None


class _Report(msgspec.Struct, frozen=True):
    error: _Reason


class NewVault(msgspec.Struct, frozen=True):
    """The vault's id in hex; its birth document, and what KMS wrapped if it did, in base64."""

    vault: str
    birth: str
    wrapped: str | None = None


@dataclass(frozen=True, slots=True)
class EnclaveProgram:
    """`binary` is cape-enclave; `python` the interpreter that functions run in."""

    binary: Path
    python: Path

    @classmethod
    def find(cls) -> Self:
        """Look where CAPE_ENCLAVE_BINARY points, beside the interpreter's scripts, and on PATH.

        Raises `ConfigError` when it is nowhere.
        """
        return cls(find_program(BINARY, BINARY_VARIABLE), _find_python())

    def create_nsm(self, folder: Path) -> NewRoot:
        """Make a development root and the simulated NSM's keys, once."""
        return self._ask(NewRoot, ["nsm", "create", "--dir", folder])

    def create_vault(self, key: Path, nsm: Path, settings: Path) -> NewVault:
        """Make the vault's secret, in a file that must not exist."""
        files = ("--key", key, "--nsm", nsm, "--settings", settings)
        return self._ask(NewVault, ["vault", "create", *files, "--python", self.python])

    def create_kms_vault(self, access: str, pipe: str, nsm: Path, settings: Path) -> NewVault:
        """Have the vault's secret made and wrapped by KMS, as `access` says.

        It has credentials, so it goes through a pipe: of a file something could be left.
        """
        kms = ("--kms", "/dev/stdin", "--kms-pipe", pipe, "--nsm", nsm, "--settings", settings)
        arguments: Arguments = ["vault", "create", *kms, "--python", self.python]
        return self._ask(NewVault, arguments, given=access, seconds=KMS_SECONDS)

    def measure(self, settings: Path) -> Measurement:
        """Compute the PCRs that an enclave with these settings has."""
        return self._ask(Measurement, ["measure", "--settings", settings, "--python", self.python])

    def serve(
        self,
        *,
        settings: Path,
        nsm: Path,
        key: Path,
        vault: str,
        blobs: Path,
        operate: int = 0,
        log_runs: int | None = None,
    ) -> Arguments:
        """Return the command that runs an enclave on a port of its own choice.

        `operate` is the port for its operator; 0 is any free one. `log_runs` is of how many runs a
        second its log tells, if of any.
        """
        return [
            self.binary,
            "serve",
            *("--settings", settings),
            *("--python", self.python),
            *("--nsm", nsm),
            *("--vault-key", key),
            *("--vault-id", vault),
            *("--blobs", blobs),
            *("--listen", "127.0.0.1:0"),
            *("--operate", f"127.0.0.1:{operate}"),
            *(() if log_runs is None else ("--log-runs", str(log_runs))),
        ]

    def _ask(
        self,
        answer: type[A],
        arguments: Arguments,
        given: str = "",
        seconds: float = COMMAND_SECONDS,
    ) -> A:
        try:
            done = subprocess.run(
                [self.binary, *arguments, "--json"],
                env=enclave_environment(),
                input=given,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ConfigError(
                f"{self.binary} does not run: {error}", hint=BRINGS_ANOTHER
            ) from error
        if done.returncode != 0:
            what = f"{BINARY} {arguments[0]}"
            raise startup_error(what, done.returncode, done.stderr, hint=_SEE)
        try:
            return msgspec.json.decode(done.stdout, type=answer)
        except msgspec.DecodeError as error:
            raise ConfigError(
                f"{self.binary} answered something else than expected: {error}",
                hint="pycape and cape-enclave have to be of the same version",
            ) from error


def enclave_environment() -> dict[str, str]:
    """Return the environment of the enclave's process: nothing of the user's secrets."""
    return {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}


def startup_error(what: str, status: int, stderr: str, hint: str = _SAYS_MORE) -> ConfigError:
    """Turn a failed start into an error: the program's last line is JSON that says why.

    `hint` is for what the program has no hint of its own for.
    """
    lines = stderr.strip().splitlines() or ["it gave no reason"]
    try:
        said = msgspec.json.decode(lines[-1], type=_Report).error
        return ConfigError(f"{what}: {said.message}", hint=said.hint or hint)
    except msgspec.DecodeError:
        return ConfigError(f"{what} ended with status {status}: {lines[-1]}", hint=hint)


def find_program(name: str, variable: str) -> Path:
    """Look for a program where a variable points, beside the interpreter's scripts, and on PATH.

    Raises:
        ConfigError: it is nowhere.
    """
    if named := os.environ.get(variable):
        path = Path(named)
        if not path.is_file():
            raise ConfigError(
                f"{variable} names {path}, which is not a file",
                hint="without the variable, the one that was installed with pycape is used",
            )
        return path
    scripts = Path(sysconfig.get_path("scripts")) / name
    if scripts.is_file():
        return scripts
    if found := shutil.which(name):
        return Path(found)
    raise ConfigError(
        f"the program {name} is not installed",
        hint=f"pip install 'pycape[local]', or let {variable} name the program",
    )


def _find_python() -> Path:
    # Not the virtual environment's: functions bring their dependencies and see none of its.
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()

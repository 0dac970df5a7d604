"""What a local platform keeps between runs, in one folder that only its user may enter.

records.db, blobs/     the control plane's
hosts.json             which hosts may report to it
settings.toml          the enclave's settings, measured
nsm/                   the simulated NSM's keys and its root
vault.key              the vault's secret, unless KMS keeps it
vault.json             the vault's id and birth document, what was measured then; what KMS wrapped
lock                   held while a platform runs
run/                   the socket of the blob service
capedocs/              the configuration of the account that examples use
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import TypeVar

import msgspec

from pycape._files import flush, write_atomically
from pycape._system_errors import reason
from pycape.errors import ConfigError
from pycape.local.enclave_program import EnclaveProgram, NewVault
from pycape.local.kms import Credentials, KmsKey, access


class Vault(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of the vault since its birth.

    `vault` is its id in hex; `birth` (the birth document) and `trust_root` (DER) are base64;
    `pcrs` are those of the enclave that made it, `born` is the day. `kms` is the key that wraps its
    secret, if one does.
    """

    vault: str
    birth: str
    trust_root: str
    pcrs: dict[str, str]
    born: date
    kms: KmsKey | None = None


class _Keeper(msgspec.Struct, frozen=True):
    """What of it says who keeps the secret. Until a key file is there, the rest may be missing."""

    kms: KmsKey | None = None


V = TypeVar("V")


class StateFolder:
    """The folder of one local platform."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: Path = path / "records.db"
        self.blobs: Path = path / "blobs"
        self.hosts: Path = path / "hosts.json"
        self.settings: Path = path / "settings.toml"
        self.nsm: Path = path / "nsm"
        self.vault_key: Path = path / "vault.key"
        self.run: Path = path / "run"
        self.vault_json: Path = path / "vault.json"
        self._lock = path / "lock"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder, and hold it; `ConfigError` when another platform does."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o700)
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(
                f"{self.path} cannot be used: {reason(error)}",
                hint="CAPE_DATA_DIR names another folder for the platform's state",
            ) from error
        try:
            self._take(descriptor)
            yield
        finally:
            os.close(descriptor)

    def has_vault(self) -> bool:
        """Whether there is a vault, be its secret in a file or wrapped by KMS."""
        return self.vault_key.exists() or self._is_with_kms()

    def vault(self, program: EnclaveProgram) -> Vault:
        """Read what is known of the vault; create vault and NSM when the folder is new."""
        if not self.has_vault():
            self._refuse_to_start_anew()
            self._create(program)
        return self._read_vault()

    def create_with_kms(
        self, program: EnclaveProgram, settings: Path, key: KmsKey, pipe: str
    ) -> Vault:
        """Have a vault made by an enclave of these settings and KMS. Nothing of it is secret.

        Raises:
            ConfigError: there are no credentials, KMS refuses, or something cannot be written.
        """
        self._refuse_to_start_anew()
        asked = access(key, Credentials.from_environment())
        with self._new(settings) as new:
            root = program.create_nsm(new / self.nsm.name)
            created = program.create_kms_vault(
                asked, pipe, new / self.nsm.name, new / self.settings.name
            )
            wrapped = msgspec.structs.replace(key, wrapped=created.wrapped)
            self._keep(new, program, created, root.root, wrapped)
        return self._read_vault()

    def _is_with_kms(self) -> bool:
        return self.vault_json.exists() and self._read(_Keeper).kms is not None

    def _read_vault(self) -> Vault:
        return self._read(Vault)

    def _read(self, kind: type[V]) -> V:
        try:
            return msgspec.json.decode(self.vault_json.read_bytes(), type=kind)
        except (OSError, msgspec.DecodeError) as error:
            said = reason(error) if isinstance(error, OSError) else str(error)
            raise ConfigError(
                f"{self.vault_json} cannot be read: {said}", hint=self._anew_hint()
            ) from error

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            raise ConfigError(
                f"a local platform runs already on {self.path} (process {holder})",
                hint="use that one, or stop it; CAPE_DATA_DIR names a folder for another",
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def _refuse_to_start_anew(self) -> None:
        # A new secret would make everything that was sealed under the old one unreadable.
        if self.records.exists() or self.blobs.exists():
            raise ConfigError(
                f"{self.vault_key} is missing, and functions were sealed with it",
                hint=self._anew_hint(),
            )

    def _create(self, program: EnclaveProgram) -> None:
        settings = files("pycape.local") / "settings.toml"
        with as_file(settings) as path, self._new(path) as new:
            root = program.create_nsm(new / self.nsm.name)
            created = program.create_vault(
                new / self.vault_key.name, new / self.nsm.name, new / self.settings.name
            )
            self._keep(new, program, created, root.root, None)

    @contextmanager
    def _new(self, settings: Path) -> Iterator[Path]:
        """Make a folder for what belongs to a vault before there is one."""
        new = self.path / "new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        (new / self.settings.name).write_bytes(settings.read_bytes())
        yield new
        new.rmdir()
        flush(self.path)

    def _keep(
        self,
        new: Path,
        program: EnclaveProgram,
        created: NewVault,
        root: str,
        kms: KmsKey | None,
    ) -> None:
        # What makes it a vault is moved last: while it is missing, whatever else is there is made
        # again.
        vault = Vault(
            vault=created.vault,
            birth=created.birth,
            trust_root=root,
            pcrs=program.measure(new / self.settings.name).pcrs,
            born=datetime.now(UTC).date(),
            kms=kms,
        )
        write_atomically(
            new / self.vault_json.name, msgspec.json.encode(vault), mode=0o600, ours=False
        )
        shutil.rmtree(self.nsm, ignore_errors=True)
        last = (self.vault_json,) if kms else (self.vault_json, self.vault_key)
        for target in (self.nsm, self.settings, *last):
            (new / target.name).rename(target)

    def _anew_hint(self) -> str:
        return f"put the file back, or remove {self.path} to begin anew without its functions"

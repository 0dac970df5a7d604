"""What an enclave is told when it has started: one line of JSON, with credentials in it.

docs/spec/enclave.md, supervision; tests/vectors/supervision.json has examples that enclaves read.
"""

import json
from pathlib import Path

from pycape._files import read_text
from pycape.errors import ConfigError
from pycape.host.configuration import Configuration, Kms
from pycape.host.credentials import credentials

VERSION = 1


def to_serve(configuration: Configuration) -> bytes:
    """Return the line by which an enclave learns which vault it has, and serves.

    Raises:
        ConfigError: there are no credentials, or no wrapped secret.
    """
    vault: dict[str, object] = {"id": configuration.vault}
    if configuration.kms is not None:
        wrapped = wrapped_secret(Path(configuration.kms.wrapped_file))
        vault["kms"] = {**_access(configuration.kms), "wrapped": wrapped}
    line: dict[str, object] = {"v": VERSION, "vault": vault}
    if configuration.runtime_limits:
        line["limits"] = configuration.runtime_limits
    return json.dumps(line).encode()


def to_create_vault(kms: Kms) -> bytes:
    """Return the line by which an enclave makes a vault, and ends.

    Raises:
        ConfigError: there are no credentials.
    """
    return json.dumps({"v": VERSION, "create_vault": {"kms": _access(kms)}}).encode()


def wrapped_secret(file: Path) -> str:
    """Return the vault's wrapped secret, which `cape host create-vault` wrote in base64.

    Raises:
        ConfigError: there is none.
    """
    text = read_text(file)
    if text is None:
        raise ConfigError(
            f"there is no file {file}",
            hint="`cape host create-vault` writes it, once for a platform; other hosts get a copy",
        )
    return text.strip()


def _access(kms: Kms) -> dict[str, object]:
    place = {"region": kms.region, "endpoint": kms.endpoint, "key_id": kms.key_id}
    return {**place, "credentials": credentials(kms)}

"""The line that an enclave is told first, which enclaves' own tests read from the same file."""

import json
from pathlib import Path

import msgspec
import pytest

from pycape.host import instructions
from pycape.host.configuration import Configuration

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "supervision.json").read_text("utf-8")
)


def configuration(vector: dict, folder: Path) -> Configuration:
    """What a host is told whose enclaves it tells the line."""
    told = {
        "name": "one",
        "launcher": "nitro-cli",
        "url": "wss://one.example/v2/session",
        "vault": vector["vault"] or "",
        "runtime_limits": vector["limits"],
        "image": {"file": "cape.eif", "memory_mib": 1024},
    }
    if (kms := vector["kms"]) is not None:
        place = {key: kms[key] for key in ("region", "endpoint", "key_id")}
        wrapped, credentials = folder / "vault.wrapped", folder / "credentials.json"
        wrapped.write_text(f"{kms['wrapped'] or ''}\n")
        credentials.touch(0o600)
        given = {name: value for name, value in kms["credentials"].items() if value is not None}
        credentials.write_text(json.dumps(given))
        told["kms"] = {
            **place,
            "wrapped_file": str(wrapped),
            "credentials": f"file:{credentials}",
        }
    return msgspec.convert(told, Configuration)


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["about"] for vector in VECTORS])
def test_an_enclave_is_told_the_line_that_enclaves_read(vector, tmp_path):
    told = configuration(vector, tmp_path)
    if vector["vault"] is None:
        assert told.kms is not None
        line = instructions.to_create_vault(told.kms)
    else:
        line = instructions.to_serve(told)
    assert line == vector["line"].encode()


def test_every_kind_of_line_is_there():
    kinds = {
        (
            vector["vault"] is not None,
            vector["kms"] and vector["kms"]["credentials"]["session_token"] is not None,
            bool(vector["limits"]),
        )
        for vector in VECTORS
    }
    serves, creates = True, False
    assert kinds == {
        (serves, None, False),
        (serves, None, True),
        (serves, False, False),
        (serves, True, True),
        (creates, False, False),
        (creates, True, False),
    }

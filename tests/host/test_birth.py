"""A vault that an enclave of a host has made by KMS."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
from tests.host.hosts import CAPE, can_listen_on_vsock, image_in, toml
from tests.ports import free_port

from pycape._join import judge_birth
from pycape.errors import AttestationError, ConfigError, Conflict
from pycape.host.birth import Wish, create_vault
from pycape.host.configuration import Configuration
from pycape.local.enclave_program import EnclaveProgram
from pycape.local.state import StateFolder
from pycape.policy import Release

STAND_IN = Path(__file__).with_name("stand_ins") / "nitro-cli"
WRAPPED = base64.b64encode(b"wrapped").decode()
URL = "https://cape.example.org"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/a"


pytestmark = pytest.mark.skipif(not can_listen_on_vsock(), reason="vsock is missing or in use")


class Birth:
    """A machine with nitro-cli, whose enclave answers with a document of a development root."""

    def __init__(self, folder: Path, monkeypatch):
        self.folder = folder
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "for a test")
        state = StateFolder(folder / "state")
        with state.locked():
            vault = state.vault(EnclaveProgram.find())
        self.vault = vault.vault
        self.roots = (base64.b64decode(vault.trust_root),)
        self.release = Release(
            {int(index): value for index, value in vault.pcrs.items()}, name="one"
        )
        nitro = folder / "nitro"
        nitro.mkdir()
        shutil.copy(STAND_IN, nitro)
        run = folder / "run"
        told = {"supervision": str(run / "supervision"), "first_cid": 16}
        (nitro / "told.json").write_text(json.dumps(told))
        self.answer = nitro / "born.json"
        self.answers(vault=vault.vault, birth=vault.birth, wrapped=WRAPPED)
        self.hello = nitro / "hello-16"
        image_in(folder)
        self.told = {
            "name": "one",
            "launcher": "nitro-cli",
            "url": "wss://one.example/v2/session",
            "run_dir": str(run),
            "listen": {"sessions": 0, "enclaves": 0, "operate": 0},
            "image": {"file": str(folder / "cape.eif"), "memory_mib": 64},
            "nitro_cli": {"program": str(nitro / "nitro-cli"), "lock": str(folder / "lock")},
            "kms": {
                "region": "eu-central-1",
                "endpoint": "127.0.0.1",
                "port": free_port(),
                "key_id": "file",  # as the document says of the local platform's vault
                "wrapped_file": str(folder / "vault.wrapped"),
                "credentials": "environment",
            },
        }

    def answers(self, **answer: str) -> None:
        self.answer.write_text(json.dumps(answer))

    def create(self, **changes: object):
        configuration = msgspec.convert(self.told, Configuration)
        wish = {"name": "cape", "url": URL, "releases": [self.release], "roots": self.roots}
        wish |= {"python": "3.11", "platform": "x86_64-manylinux_2_36", **changes}
        return create_vault(configuration, Wish(**wish), self.keep)

    def keep(self, profile) -> None:
        (self.folder / "platform.toml").write_text(profile.dump())

    @property
    def wrapped(self) -> Path:
        return self.folder / "vault.wrapped"


@pytest.fixture
def birth(tmp_path, monkeypatch):
    return Birth(tmp_path, monkeypatch)


def test_a_vault_is_made_in_an_enclave_and_its_birth_is_judged(birth):
    profile = birth.create()
    asked = json.loads(birth.hello.read_text())
    assert asked["v"] == 1
    assert asked["create_vault"]["kms"].keys() == {"region", "endpoint", "key_id", "credentials"}
    assert birth.wrapped.read_text() == f"{WRAPPED}\n"
    assert birth.wrapped.stat().st_mode & 0o777 == 0o600
    assert judge_birth(profile).vault.hex() == birth.vault
    assert (profile.url, profile.development) == (URL, True)
    with pytest.raises(Conflict, match="there is a vault already"):
        birth.create()


def test_one_whose_birth_does_not_hold_is_not_kept(birth):
    other = Release({0: "11" * 48}, name="other")
    with pytest.raises(AttestationError):
        birth.create(releases=[other])
    assert not birth.wrapped.exists()
    birth.answers(vault="ab" * 32, birth=json.loads(birth.answer.read_text())["birth"], wrapped="x")
    with pytest.raises(AttestationError):
        birth.create()
    birth.answers(vault=birth.vault, birth="?", wrapped="x")
    with pytest.raises(ConfigError, match="something else than expected"):
        birth.create()
    assert not birth.wrapped.exists()


def test_one_that_was_born_under_another_key_is_not_kept(birth):
    birth.told["kms"]["key_id"] = KEY
    with pytest.raises(AttestationError, match="born under another key: file"):
        birth.create()
    assert not birth.wrapped.exists()


def test_a_release_that_has_a_vault_already_gets_no_other(birth):
    other = Release(dict(birth.release.pcrs), "cd" * 32, name="old")
    with pytest.raises(ConfigError, match=f"'old' has a vault already: {'cd' * 32}") as raised:
        birth.create(releases=[birth.release, other])
    assert "leave `vault` out" in raised.value.hint
    assert not birth.hello.exists(), "no enclave was asked"
    assert not birth.wrapped.exists()


def test_there_is_no_vault_whose_birth_document_is_lost(birth):
    (birth.folder / "platform.toml").mkdir()
    with pytest.raises(IsADirectoryError):
        birth.create()
    assert not birth.wrapped.exists()


def test_an_enclave_that_cannot_says_why(birth):
    error = {"code": "CAPE-CFG-001", "message": "KMS answered AccessDeniedException"}
    birth.answer.write_text(json.dumps({"ok": False, "error": error}))
    with pytest.raises(ConfigError, match="the enclave: KMS answered AccessDeniedException"):
        birth.create()


def test_the_command_takes_no_other_root_than_awss(birth, tmp_path):
    configuration, policy = tmp_path / "host.toml", tmp_path / "policy.toml"
    birth.told["kms"]["key_id"] = KEY
    configuration.write_text(toml(birth.told))
    pcr0 = birth.release.pcrs[0].hex()
    policy.write_text(f'[[release]]\nname = "one"\npcr0 = "{pcr0}"\n')
    words = ["--config", configuration, "--policy", policy, "--control", URL, "--json"]
    done = subprocess.run(
        [*CAPE, "host", "create-vault", *map(str, words)], capture_output=True, check=False
    )
    assert done.returncode == 77
    assert json.loads(done.stdout)["error"]["code"] == "CAPE-ATT-010"
    assert not birth.wrapped.exists()


def test_the_profile_of_another_platform_is_not_replaced_unasked(birth, tmp_path):
    configuration, policy, other = (
        tmp_path / it for it in ("host.toml", "policy.toml", "platform.toml")
    )
    birth.told["kms"]["key_id"] = KEY
    configuration.write_text(toml(birth.told))
    policy.write_text(f'[[release]]\nname = "one"\npcr0 = "{birth.release.pcrs[0].hex()}"\n')
    other.write_text("another's")
    words = ["--config", configuration, "--policy", policy, "--control", URL, "-o", other]
    done = subprocess.run(
        [*CAPE, "host", "create-vault", *map(str, words)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "platform.toml exists: replace it?" in done.stderr
    assert other.read_text() == "another's"
    assert not birth.hello.exists(), "no enclave was asked"


def test_processes_have_theirs_otherwise(birth):
    del birth.told["kms"]
    with pytest.raises(ConfigError, match=r"no section \[kms\]"):
        birth.create()

"""A vault that KMS keeps, by the command line.

KMS is the one of the runtime's own tests: it is as strict as KMS, and judges by the policy that
`cape vault policy` writes.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest
from tests.e2e.kms import Kms

from pycape import errors
from pycape.cli._main import run
from pycape.local import LocalPlatform
from pycape.local.enclave_program import EnclaveProgram
from pycape.local.kms import Credentials, KmsKey, access
from pycape.local.runtime import RuntimeProcess
from pycape.local.state import StateFolder, Vault

ROOT = Path(__file__).parents[2]
ADMIN = "arn:aws:iam::111122223333:role/kms-admin"


@pytest.fixture(scope="module")
def program() -> Path:
    if shutil.which("cargo") is None:
        pytest.skip("cargo is not installed, which builds the KMS of these tests")
    build = ["cargo", "build", "--quiet", "--locked", "--package", "cape-kms-double"]
    built = subprocess.run(
        [*build, "--message-format", "json"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    made = [json.loads(line).get("executable") for line in built.stdout.splitlines()]
    [executable] = filter(None, made)
    return Path(executable)


@pytest.fixture
def kms(program, monkeypatch) -> Iterator[Kms]:
    kms = Kms(program)
    credentials = kms.reached["credentials"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", credentials["access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", credentials["secret_access_key"])
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    yield kms
    kms.end()


@pytest.fixture
def cape(kms, capsysbinary, monkeypatch, tmp_path) -> Callable[..., dict]:
    """Run a command of a user whose enclaves have the root that KMS knows."""
    create = EnclaveProgram.create_nsm

    def create_and_tell(self, folder):
        root = create(self, folder)
        kms.tell(trust=[root.root])
        return root

    monkeypatch.setattr(EnclaveProgram, "create_nsm", create_and_tell)
    monkeypatch.setenv("CAPE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("CAPE_DATA_DIR", str(tmp_path / "data"))

    def cape(*words: object) -> dict:
        capsysbinary.readouterr()
        run([*map(str, words), "--json"])
        return json.loads(capsysbinary.readouterr().out)

    return cape


@pytest.fixture
def state(tmp_path) -> StateFolder:
    return StateFolder(tmp_path / "data" / "local")


@pytest.fixture
def settings_of(kms, tmp_path) -> Callable[[str], Path]:
    """Write settings under which KMS may keep the vault, with a limit that tells them apart."""
    shipped = (files("pycape.local") / "settings.toml").read_text("utf-8")
    permitted = shipped.replace('["file"]', '["aws-kms"]')

    def write(limit: str) -> Path:
        path = tmp_path / f"{limit.replace(' ', '')}.toml"
        roots = f'[tls]\nroots = ["""\n{kms.reached["root"]}"""]\n'
        path.write_text(f"{permitted}\n[limits]\n{limit}\n\n{roots}")
        return path

    return write


@pytest.fixture
def allow(cape, kms, tmp_path) -> Callable[..., None]:
    """Have KMS judge by the policy that is written for enclaves of these settings."""

    def allow(*settings: Path) -> None:
        releases = ""
        for path in settings:
            pcrs = EnclaveProgram.find().measure(path).pcrs
            lines = "".join(f'pcr{index} = "{value}"\n' for index, value in pcrs.items())
            releases += f'[[release]]\nname = "{path.stem}"\n{lines}'
        (tmp_path / "policy.toml").write_text(releases)
        role = kms.reached["role"]
        told = cape("vault", "policy", tmp_path / "policy.toml", "--role", role, "--admin", ADMIN)
        kms.tell(policy=told["data"]["policy"])

    return allow


def create(cape, kms, settings: Path) -> dict:
    pipe = f"127.0.0.1:{kms.reached['port']}"
    key = kms.reached["key"]
    return cape("vault", "create", "--kms-key", key, "--settings", settings, "--kms-pipe", pipe)


def start(kms, state: StateFolder, vault: Vault, settings: Path, tmp_path: Path) -> str:
    """Start an enclave with a vault, and return the id of the one that it opened."""
    program = EnclaveProgram.find()
    file = tmp_path / "kms.json"
    file.touch(mode=0o600)
    file.write_text(access(vault.kms, Credentials.from_environment()))
    enclave = RuntimeProcess(
        [
            *(program.binary, "serve", "--settings", settings, "--python", program.python),
            *("--nsm", state.nsm, "--vault-id", vault.vault, "--kms", file),
            *("--kms-pipe", f"127.0.0.1:{kms.reached['port']}"),
            *("--blobs", tmp_path / "blobs", "--listen", "127.0.0.1:0"),
            *("--operate", "127.0.0.1:0"),
        ],
        on_stopping=lambda: None,
    )
    ready = enclave.ready()
    enclave.stop()
    return ready.vault


def test_a_vault_is_made_kept_and_opened(cape, kms, state, settings_of, allow, tmp_path):
    settings = settings_of("workers = 7")
    allow(settings)
    data = create(cape, kms, settings)["data"]
    vault = msgspec.json.decode(state.vault_json.read_bytes(), type=Vault)
    assert (data["vault"], data["kms_key"]) == (vault.vault, kms.reached["key"])
    assert data["file"] == str(state.vault_json)
    assert not state.vault_key.exists(), "the secret is in no file"
    assert vault.kms.wrapped
    assert start(kms, state, vault, state.settings, tmp_path) == vault.vault

    again = create(cape, kms, settings)["error"]
    assert again["code"] == errors.Conflict.code
    assert "there is a vault already" in cape("vault", "create")["error"]["message"]


def test_an_upgrade_by_the_written_policies(cape, kms, state, settings_of, allow, tmp_path):
    old, new = settings_of("workers = 7"), settings_of("workers = 8")
    allow(old)
    create(cape, kms, old)
    vault = msgspec.json.decode(state.vault_json.read_bytes(), type=Vault)
    with pytest.raises(errors.ConfigError, match="AccessDeniedException") as refused:
        start(kms, state, vault, new, tmp_path)
    assert "`cape vault policy` writes one" in refused.value.hint
    allow(old, new)
    assert start(kms, state, vault, new, tmp_path) == vault.vault
    assert start(kms, state, vault, old, tmp_path) == vault.vault
    allow(new)
    with pytest.raises(errors.ConfigError, match="AccessDeniedException"):
        start(kms, state, vault, old, tmp_path)
    assert start(kms, state, vault, new, tmp_path) == vault.vault


def test_what_kms_refuses_is_told_and_leaves_no_vault(cape, kms, state, settings_of, allow):
    settings = settings_of("workers = 7")
    refused = create(cape, kms, settings)["error"]
    assert refused["code"] == errors.ConfigError.code
    assert "KMS refused: AccessDeniedException" in refused["message"]
    assert "`cape vault policy` writes one" in refused["hint"]
    assert not state.has_vault()
    allow(settings)
    kms.tell(manner="throttled-twice")
    assert create(cape, kms, settings)["ok"]
    assert kms.tell(manner="good") == 0


def test_a_local_platform_does_not_take_its_vault_for_none(
    cape, kms, state, settings_of, allow, tmp_path
):
    settings = settings_of("workers = 7")
    allow(settings)
    create(cape, kms, settings)
    platform = LocalPlatform(data_folder=state.path.parent, config_folder=tmp_path / "platform")
    with pytest.raises(errors.ConfigError, match="is kept by KMS"), platform:
        pass
    assert not state.vault_key.exists()


def test_no_credential_is_shown():
    credentials = Credentials("AKID", "a very secret key", "a secret token")
    assert repr(credentials) == "<Credentials>"
    key = KmsKey.of("arn:aws-cn:kms:cn-north-1:111122223333:key/1")
    assert key.endpoint == "kms.cn-north-1.amazonaws.com.cn"
    assert json.loads(access(key, credentials))["credentials"]["session_token"] == "a secret token"

"""join, config, vault, version: platforms, and what is set."""

import re
from pathlib import Path

import pytest

import pycape
from pycape import errors


def test_a_platform_is_handed_on_as_a_file(cape, stranger, echo, tmp_path):
    (tmp_path / "platform.toml").write_bytes(cape.ok("config", "export").stdout)
    refused = stranger.error("join", "platform.toml")
    assert (refused["status"], refused["code"]) == (77, errors.TrustRootMismatch.code)
    assert not stranger.config.exists(), "nothing is half joined"

    joined = stranger.ok("join", "platform.toml", "--development")
    assert joined.text.startswith("joined local at http://127.0.0.1:")
    data = stranger.data(
        "join", "-", "--development", stdin=(tmp_path / "platform.toml").read_bytes()
    )
    assert data["trust"] == "development"
    assert data["vault"] in joined.text
    assert data["pcrs"].keys() >= {"0", "1", "2"}
    token = cape.ok("token", "create", "--function", echo["function_id"], "-o", "t.token")
    assert token.status == 0
    assert stranger.ok("run", echo["function_id"], "joined", "-t", "t.token").text == "joined"


def test_another_vaults_birth_is_not_joined(cape, stranger, tmp_path):
    profile = cape.ok("config", "export").text
    vault = cape.data("vault", "show")["vault"]
    (tmp_path / "platform.toml").write_text(profile.replace(vault, "ab" * 32))
    error = stranger.error("join", "platform.toml", "--development")
    assert (error["status"], error["code"]) == (77, errors.VaultMismatch.code)


def test_each_setting_and_where_it_comes_from(cape, stranger, monkeypatch):
    settings = cape.data("config")
    assert settings["profile"]["value"] == "local"
    assert settings["url"]["source"] == "profile local"
    assert settings["policy"] == {"value": "'local'", "source": "profile local"}
    assert settings["config_dir"] == {"value": str(cape.config), "source": "CAPE_CONFIG_DIR"}
    assert stranger.data("config")["url"] == {"value": None, "source": "not set"}
    monkeypatch.setenv("CAPE_URL", "https://cape.example")
    assert cape.data("config")["url"] == {"value": "https://cape.example", "source": "CAPE_URL"}
    override = cape.data("config", "--url", "https://other.example")
    assert override["url"]["source"] == "argument"
    assert "https://cape.example  (CAPE_URL)" in cape.ok("config").text


VARIABLES = {
    "CAPE_ACCOUNT_KEY_FILE": ("account_key", "/somewhere/account.key"),
    "CAPE_CACHE_DIR": ("cache_dir", "/somewhere"),
    "CAPE_CA_FILE": ("ca_file", "/somewhere/ca.pem"),
    "CAPE_CONFIG_DIR": ("config_dir", None),
    "CAPE_DATA_DIR": ("data_dir", "/somewhere"),
    "CAPE_ENCLAVE_BINARY": ("enclave_binary", "/somewhere/cape-enclave"),
    "CAPE_HOST_BINARY": ("host_binary", "/somewhere/cape-host"),
    "CAPE_POLICY": ("policy", "policy.toml"),
    "CAPE_PROFILE": ("profile", "local"),
    "CAPE_STRICT_ACCOUNTS": ("strict_accounts", "1"),
    "CAPE_TOKEN": ("token", "a-secret"),
    "CAPE_URL": ("url", "https://cape.example"),
}


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_setting_of_the_environment(cape, platform, monkeypatch, tmp_path, variable):
    name, value = VARIABLES[variable]
    (tmp_path / "policy.toml").write_text(platform.profile.policy_toml)
    if value is not None:
        monkeypatch.setenv(variable, value)
    setting = cape.data("config")[name]
    assert setting["source"].split()[0] == variable
    shown = {"CAPE_POLICY": "'local'", "CAPE_STRICT_ACCOUNTS": "true"}
    shown["CAPE_TOKEN"] = "set, and not shown"
    assert setting["value"] == shown.get(variable, value or str(cape.config))
    assert "a-secret" not in cape.ok("config").text


def test_no_variable_is_left_out():
    """Those that the package reads, but for the first system's and the shell's."""
    sources = Path(pycape.__file__).parent.rglob("*.py")
    read = {each for file in sources for each in re.findall('"(CAPE_[A-Z_]+)"', file.read_text())}
    first_system = {name for name in read if "_LOCAL_" in name or name.endswith("_DISABLE_SSL")}
    assert read - first_system - {"CAPE_ENCLAVE_HOST"} == VARIABLES.keys()


def test_the_vault_is_what_its_birth_document_proves(cape, platform):
    data = cape.data("vault", "show")
    assert bytes.fromhex(data["vault"])
    assert data["trust"] == "development"
    assert data["vault"] in cape.ok("vault", "show").text


def test_a_vault_is_created_once(stranger, tmp_path):
    data = stranger.data("vault", "create", "--data-dir", tmp_path / "state")
    assert (tmp_path / "state" / "local" / "vault.key").stat().st_mode & 0o777 == 0o600
    assert len(data["vault"]) == 64
    error = stranger.error("vault", "create", "--data-dir", tmp_path / "state")
    assert error["code"] == errors.Conflict.code


def test_the_version(stranger):
    assert stranger.ok("--version").line == f"cape {pycape.__version__}"
    assert stranger.ok("version", "-q").line == pycape.__version__
    assert stranger.data("version")["version"] == pycape.__version__

"""join, config, vault, version: platforms, and what is set."""

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

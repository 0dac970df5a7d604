"""Where settings come from. Spec: docs/spec/profile.md."""

import dataclasses
import warnings
from pathlib import Path

import pytest

from pycape import Cape, errors
from pycape._config import Config, data_dir
from pycape._profile import Profile

from .doubles import any_policy
from .test_profile import PROFILE


def installed(folder: Path, **changes) -> Profile:
    profile = dataclasses.replace(PROFILE, **changes)
    Config(config_dir=folder).install_profile(profile, make_default=False)
    return profile


def test_an_address_comes_from_the_profile_then_the_environment_then_the_argument(
    tmp_path, monkeypatch
):
    assert Config(config_dir=tmp_path).url.value is None
    installed(tmp_path, name="local", url="https://profile.example")
    assert Config(config_dir=tmp_path).require_url() == "https://profile.example"
    monkeypatch.setenv("CAPE_URL", "https://environment.example/")
    assert Config(config_dir=tmp_path).require_url() == "https://environment.example"
    config = Config(config_dir=tmp_path, url="https://argument.example/base/")
    assert config.require_url() == "https://argument.example/base"
    assert config.url.source == "argument"


def test_a_profile_comes_from_config_toml_then_the_environment_then_the_argument(
    tmp_path, monkeypatch
):
    for name in ("one", "two", "three"):
        installed(tmp_path, name=name)
    assert Config(config_dir=tmp_path).profile is None
    Config(config_dir=tmp_path).set_default_profile("one")
    assert Config(config_dir=tmp_path).profile.name == "one"
    monkeypatch.setenv("CAPE_PROFILE", "two")
    assert Config(config_dir=tmp_path).profile.name == "two"
    assert Config(config_dir=tmp_path, profile="three").profile.name == "three"


def test_a_profile_that_is_installed_becomes_the_default_only_where_none_is_set(tmp_path):
    config = Config(config_dir=tmp_path)
    config.install_profile(dataclasses.replace(PROFILE, name="first"), make_default=True)
    config.install_profile(dataclasses.replace(PROFILE, name="second"), make_default=True)
    assert Config(config_dir=tmp_path).profile.name == "first"


def test_what_is_remembered_of_another_platform_is_forgotten_where_that_is_asked_for(tmp_path):
    config = Config(config_dir=tmp_path)
    installed(tmp_path, name="one", url="https://elsewhere.example")
    other = tmp_path / "known" / "other" / "functions"
    remembered = tmp_path / "known" / "one" / "functions"
    for file in (other, remembered):
        file.parent.mkdir(parents=True)
        file.write_text("{}")
    anew = dataclasses.replace(PROFILE, name="one", birth=b"of another vault")
    config.forget_another(anew)
    assert remembered.exists(), "it is of a platform elsewhere"
    local = installed(tmp_path, name="one", url="http://127.0.0.1:8970")
    config.forget_another(dataclasses.replace(local, url="http://127.0.0.1:1"))
    assert remembered.exists(), "it has another port now"
    config.forget_another(anew)
    assert not remembered.parent.exists()
    assert other.exists()


def test_a_profile_that_appears_later_is_seen(tmp_path):
    config = Config(config_dir=tmp_path)
    assert config.profile is None
    installed(tmp_path, name="local")
    assert config.profile.name == "local"


@pytest.mark.parametrize("source", ["argument", "environment", "config.toml"])
def test_a_profile_that_was_asked_for_and_is_missing(tmp_path, monkeypatch, source):
    argument = "absent" if source == "argument" else None
    if source == "environment":
        monkeypatch.setenv("CAPE_PROFILE", "absent")
    if source == "config.toml":
        (tmp_path / "config.toml").write_text('profile = "absent"\n')
    config = Config(config_dir=tmp_path, profile=argument)
    with pytest.raises(errors.ConfigError, match=r"there is no profile 'absent' \(") as raised:
        config.require_profile()
    named = {"environment": "CAPE_PROFILE", "config.toml": tmp_path / "config.toml"}
    assert f"({named.get(source, source)})" in str(raised.value)
    assert "cape dev" in raised.value.hint


@pytest.mark.parametrize(
    "name", ["../escaped", "..", "/etc/passwd", "a/b", "A", "1a", "a\0", "a" * 33, "a\n", "a.toml"]
)
@pytest.mark.parametrize(
    "source", ["argument", "environment", "config.toml", "installed", "default"]
)
def test_a_profile_cannot_leave_its_folder(tmp_path, monkeypatch, name, source):
    config = Config(config_dir=tmp_path, profile=name if source == "argument" else None)
    with pytest.raises(errors.ConfigError, match=r"no profile's name|not TOML"):
        if source == "environment":
            monkeypatch.setattr("os.environ", {"CAPE_PROFILE": name})
        if source == "config.toml":
            (tmp_path / "config.toml").write_text(f'profile = "{name}"\n')
        if source == "installed":
            config.install_profile(dataclasses.replace(PROFILE, name=name), make_default=True)
        if source == "default":
            config.set_default_profile(name)
        assert config.profile_path
    assert [each.name for each in tmp_path.rglob("*")] in ([], ["config.toml"])


@pytest.mark.parametrize(
    "text",
    ["profile = 5", "profile = ['a']", "other = 'x'", "profile", "\udcff", "a=" + "[" * 100_000],
    ids=lambda text: text[:12],
)
def test_a_config_toml_that_says_something_else(tmp_path, text):
    (tmp_path / "config.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(errors.ConfigError, match=r"config\.toml"):
        _ = Config(config_dir=tmp_path).profile


def test_a_configuration_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    config = Config(config_dir=tmp_path / "file")
    with pytest.raises(errors.ConfigError, match="cannot be"):
        config.install_profile(PROFILE, make_default=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://cape.example",
        "http://127.0.0.1.example",
        "ws://127.0.0.1",
        "ftp://cape.example",
        "cape.example",
        "https://user:secret@cape.example",
        "https://cape.example?x=1",
        "https://cape.example#x",
        "https://[::1",
        "https://cape.example:port",
        "https://ca pe.example",
        "https://bücher.example",
    ],
)
def test_an_address_that_is_none(tmp_path, url):
    config = Config(config_dir=tmp_path, url=url)
    with pytest.raises(errors.ConfigError, match="address \\(argument\\)") as raised:
        config.require_url()
    assert "secret" not in str(raised.value)


def test_the_old_names_of_variables_are_read_with_a_warning(tmp_path, monkeypatch):
    monkeypatch.delenv("CAPE_CONFIG_DIR")
    monkeypatch.setenv("CAPE_LOCAL_CONFIG_DIR", str(tmp_path / "old"))
    monkeypatch.setenv("CAPE_ENCLAVE_HOST", "https://old.example")
    with pytest.warns(FutureWarning, match="CAPE_LOCAL_CONFIG_DIR is called CAPE_CONFIG_DIR now"):
        config = Config()
    assert config.directory == tmp_path / "old"
    with pytest.warns(FutureWarning, match="CAPE_ENCLAVE_HOST is called CAPE_URL now"):
        assert config.require_url() == "https://old.example"


def test_the_new_names_of_variables_win(tmp_path, monkeypatch):
    monkeypatch.setenv("CAPE_LOCAL_CONFIG_DIR", str(tmp_path / "old"))
    monkeypatch.setenv("CAPE_ENCLAVE_HOST", "https://old.example")
    monkeypatch.setenv("CAPE_CONFIG_DIR", str(tmp_path / "new"))
    monkeypatch.setenv("CAPE_URL", "https://new.example")
    with warnings.catch_warnings(action="error"):
        config = Config()
        assert config.require_url() == "https://new.example"
    assert config.directory == tmp_path / "new"


@pytest.mark.parametrize(
    "name", ["CAPE_DEV_DISABLE_SSL", "CAPE_LOCAL_AUTH_FILENAME", "CAPE_LOCAL_CAPE_KEY_FILENAME"]
)
def test_old_variables_without_a_meaning(monkeypatch, name):
    monkeypatch.setenv(name, "1")
    with pytest.warns(FutureWarning, match=f"{name} has no meaning any more"):
        Config()


def test_a_warning_points_at_the_line_that_uses_the_package(monkeypatch):
    monkeypatch.setenv("CAPE_DEV_DISABLE_SSL", "1")
    with pytest.warns(FutureWarning) as caught:
        Cape()
    assert [warning.filename for warning in caught] == [__file__]


def test_a_policy_comes_from_the_profile_then_the_environment(tmp_path, monkeypatch):
    with pytest.raises(errors.PolicyRequired) as raised:
        Config(config_dir=tmp_path).require_policy()
    assert "CAPE_POLICY" in raised.value.hint
    installed(tmp_path, name="local")
    assert Config(config_dir=tmp_path).require_policy().releases[0].name == "of the profile"
    (tmp_path / "policy.toml").write_text(any_policy().to_toml())
    monkeypatch.setenv("CAPE_POLICY", str(tmp_path / "policy.toml"))
    config = Config(config_dir=tmp_path)
    assert config.require_policy().releases[0].name == "a release"
    assert config.policy_source == f"CAPE_POLICY ({tmp_path / 'policy.toml'})"


@pytest.mark.parametrize("content", [None, "", "[[release]]", "release = 5", "\0"])
def test_a_policy_file_that_cannot_be_used(tmp_path, monkeypatch, content):
    path = tmp_path / "policy.toml"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("CAPE_POLICY", str(path))
    with pytest.raises(errors.ConfigError, match=r"policy\.toml"):
        Config(config_dir=tmp_path).require_policy()


def test_the_account_key_is_in_the_folder_unless_the_environment_names_it(tmp_path, monkeypatch):
    monkeypatch.setenv("CAPE_CONFIG_DIR", str(tmp_path))
    assert Config().account_key_file == tmp_path / "account.key"
    monkeypatch.setenv("CAPE_ACCOUNT_KEY_FILE", "/elsewhere/key")
    assert Config().account_key_file == Path("/elsewhere/key")
    assert Config(config_dir=tmp_path).account_key_file == tmp_path / "account.key"


@pytest.mark.parametrize(
    ("value", "strict"), [("1", True), ("yes", True), ("0", False), ("", False)]
)
def test_strict_accounts(monkeypatch, value, strict):
    monkeypatch.setenv("CAPE_STRICT_ACCOUNTS", value)
    assert Config().strict_accounts is strict


def test_the_folder_of_platforms(tmp_path, monkeypatch):
    monkeypatch.setenv("CAPE_DATA_DIR", str(tmp_path))
    assert data_dir() == tmp_path

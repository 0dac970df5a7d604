"""Where settings come from: a profile, then the environment, then arguments, in rising order."""

from __future__ import annotations

import os
import tomllib
import warnings
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from . import policy as policies
from ._profile import Profile, write_atomically
from .errors import ConfigError, PolicyRequired

DEFAULT_PROFILE = "local"

_OLD_NAMES = {
    "CAPE_ENCLAVE_HOST": "CAPE_URL",
    "CAPE_LOCAL_CONFIG_DIR": "CAPE_CONFIG_DIR",
    "CAPE_LOCAL_CAPE_KEY_FILENAME": None,
    "CAPE_DEV_DISABLE_SSL": None,
}


@dataclass(frozen=True)
class Setting:
    """A value, and where it was found, in words."""

    value: str | None
    source: str


class Config:
    """The settings of one client.

    Args:
        url: The control plane's address; wins over CAPE_URL and the profile.
        profile: The name of a profile; wins over CAPE_PROFILE and `config.toml`.
        config_dir: The configuration folder; wins over CAPE_CONFIG_DIR, and the account's key in
            it over CAPE_ACCOUNT_KEY_FILE.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        profile: str | None = None,
        config_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        self.directory = Path(config_dir) if config_dir is not None else _config_dir()
        self._directory_argument = config_dir is not None
        self._url_argument = url
        self._profile_argument = profile
        self._loaded: Profile | None = None
        for name in ("CAPE_LOCAL_CAPE_KEY_FILENAME", "CAPE_DEV_DISABLE_SSL"):
            _old_environment(name)

    @property
    def profile_name(self) -> Setting:
        """The profile's name; `local` when nothing else is said."""
        if self._profile_argument:
            return Setting(self._profile_argument, "argument")
        if name := os.environ.get("CAPE_PROFILE"):
            return Setting(name, "CAPE_PROFILE")
        file = self.directory / "config.toml"
        if name := _read_config_toml(file).get("profile"):
            return Setting(name, str(file))
        return Setting(DEFAULT_PROFILE, "default")

    @property
    def profile_path(self) -> Path:
        """The profile's file, whether it exists or not."""
        return self.directory / "profiles" / f"{self.profile_name.value}.toml"

    @property
    def profile(self) -> Profile | None:
        """The profile; None when the default one does not exist.

        Raises:
            ConfigError: a profile that was asked for is missing, or one is malformed.
        """
        if self._loaded is None:
            name = self.profile_name
            if self.profile_path.exists():
                self._loaded = Profile.load(self.profile_path)
            elif name.source != "default":
                raise ConfigError(
                    f"there is no profile {name.value!r} in {self.profile_path.parent}",
                    hint="`cape join FILE` adds a platform, `cape dev` starts a local one",
                )
        return self._loaded

    @property
    def url(self) -> Setting:
        """The control plane's address, without a slash at its end."""
        if self._url_argument:
            return Setting(self._url_argument.rstrip("/"), "argument")
        if url := os.environ.get("CAPE_URL"):
            return Setting(url.rstrip("/"), "CAPE_URL")
        if url := _old_environment("CAPE_ENCLAVE_HOST"):
            return Setting(url.rstrip("/"), "CAPE_ENCLAVE_HOST")
        if self.profile is not None:
            return Setting(self.profile.url, f"profile {self.profile.name}")
        return Setting(None, "not set")

    def require_url(self) -> str:
        """Return the control plane's address.

        Raises:
            ConfigError: nothing names one.
        """
        if (url := self.url.value) is None:
            raise ConfigError(
                "no platform is running here, and none is configured",
                hint="`cape dev` starts a local platform; "
                "`cape keys generate` gives a key of your own to encrypt for without one",
            )
        return url

    def require_profile(self) -> Profile:
        """Return the profile.

        Raises:
            ConfigError: there is none.
        """
        if self.profile is None:
            raise ConfigError(
                f"there is no profile in {self.profile_path.parent}",
                hint="`cape dev` starts a local platform, `cape join FILE` adds another",
            )
        return self.profile

    def require_policy(self) -> policies.Policy:
        """Return the policy of CAPE_POLICY, else the profile's.

        Raises:
            PolicyRequired: there is none.
            ConfigError: its file is missing or malformed.
        """
        if path := os.environ.get("CAPE_POLICY"):
            return policies.load(path)
        if self.profile is not None and self.profile.policy_toml:
            return policies.Policy.from_toml(self.profile.policy_toml)
        raise PolicyRequired("there is no policy that says which enclaves to trust")

    @property
    def policy_source(self) -> str:
        """Where the policy comes from, in words."""
        if path := os.environ.get("CAPE_POLICY"):
            return f"CAPE_POLICY ({path})"
        if self.profile is not None and self.profile.policy_toml:
            return f"profile {self.profile.name}"
        return "not set"

    @property
    def account_key_file(self) -> Path:
        """The file of the account's key, whether it exists or not."""
        path = os.environ.get("CAPE_ACCOUNT_KEY_FILE")
        if path and not self._directory_argument:
            return Path(path)
        return self.directory / "account.key"

    @property
    def strict_accounts(self) -> bool:
        """Whether names that are not known yet are refused."""
        return os.environ.get("CAPE_STRICT_ACCOUNTS", "0") not in {"", "0"}

    def install_profile(self, profile: Profile, *, make_default: bool) -> Path:
        """Write a profile into the folder; with `make_default` only where none is set yet."""
        path = self.directory / "profiles" / f"{profile.name}.toml"
        profile.save(path)
        file = self.directory / "config.toml"
        if make_default and "profile" not in _read_config_toml(file):
            self.set_default_profile(profile.name)
        return path

    def set_default_profile(self, name: str) -> None:
        """Make `name` the profile that is used when nothing else is said."""
        write_atomically(
            self.directory / "config.toml", f'profile = "{name}"\n'.encode(), mode=0o644
        )


def data_dir() -> Path:
    """Return the folder of platforms' own state: CAPE_DATA_DIR, else the user's data folder."""
    if path := os.environ.get("CAPE_DATA_DIR"):
        return Path(path)
    return platformdirs.user_data_path("cape", appauthor=False)


def _config_dir() -> Path:
    if path := os.environ.get("CAPE_CONFIG_DIR"):
        return Path(path)
    if path := _old_environment("CAPE_LOCAL_CONFIG_DIR"):
        return Path(path)
    return platformdirs.user_config_path("cape", appauthor=False)


def _old_environment(name: str) -> str | None:
    """Read a variable of the first system's, with a warning that names today's."""
    value = os.environ.get(name)
    if value:
        new = _OLD_NAMES[name]
        advice = f"is called {new} now" if new else "has no meaning any more"
        warnings.warn(f"the environment variable {name} {advice}", FutureWarning, stacklevel=3)
    return value


def _read_config_toml(path: Path) -> dict[str, str]:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    name = table.get("profile")
    if table.keys() - {"profile"} or not isinstance(name, str | None):
        raise ConfigError(f"{path} may only say `profile = NAME`")
    return {"profile": name} if name else {}

"""Where settings come from: a profile, then the environment, then arguments, in rising order.

Spec: docs/spec/profile.md, where a setting comes from.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from . import _address
from . import policy as policies
from ._arguments import only_path
from ._files import read_text, write_atomically
from ._profile import Profile, check_profile_name
from ._warnings import warn
from .errors import ConfigError, PolicyRequired

DEFAULT_PROFILE = "local"

# The first system's names of variables.
_RENAMED = {"CAPE_ENCLAVE_HOST": "CAPE_URL", "CAPE_LOCAL_CONFIG_DIR": "CAPE_CONFIG_DIR"}
_WITHOUT_MEANING = (
    "CAPE_DEV_DISABLE_SSL",
    "CAPE_LOCAL_AUTH_FILENAME",
    "CAPE_LOCAL_CAPE_KEY_FILENAME",
)

# Of `config.toml`.
_ONLY_THE_PROFILE = 'it is one line: profile = "NAME"; without the file, `local` is used'


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

    Raises:
        TypeError: an argument is of another type.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        profile: str | None = None,
        config_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        for what, value in {"url": url, "profile": profile}.items():
            if not isinstance(value, str | None):
                raise TypeError(f"{what} is text, not {type(value).__name__}")
        self.directory: Path = (
            _config_dir() if config_dir is None else only_path("config_dir", config_dir)
        )
        self._directory_argument = config_dir is not None
        self._url_argument = url
        self._profile_argument = profile
        self._loaded: Profile | None = None
        for name in _WITHOUT_MEANING:
            if os.environ.get(name):
                warn(f"the environment variable {name} has no meaning any more", FutureWarning)

    @property
    def profile_name(self) -> Setting:
        """The profile's name; `local` when nothing else is said."""
        if self._profile_argument:
            return Setting(self._profile_argument, "argument")
        if name := os.environ.get("CAPE_PROFILE"):
            return Setting(name, "CAPE_PROFILE")
        file = self.directory / "config.toml"
        if name := _default_profile(file):
            return Setting(name, str(file))
        return Setting(DEFAULT_PROFILE, "default")

    @property
    def profile_path(self) -> Path:
        """The profile's file, whether it exists or not.

        Raises:
            ConfigError: the name that was asked for is none.
        """
        return self._path_of(self.profile_name.value or DEFAULT_PROFILE)

    @property
    def known(self) -> Path:
        """The folder of what is remembered of the profile's platform.

        One account has its own keys, epochs and versions on each platform, and a name can be
        somebody else's there. Spec: docs/spec/profile.md, what is remembered.

        Raises:
            ConfigError: the profile's name is none.
        """
        return self._known_of(self.profile_path.stem)

    @property
    def profile(self) -> Profile | None:
        """The profile; None when the default one does not exist.

        Raises:
            ConfigError: a profile that was asked for is missing, or one is malformed.
        """
        if self._loaded is None:
            name = self.profile_name
            self._loaded = self.installed(name.value or DEFAULT_PROFILE)
            if self._loaded is None and name.source != "default":
                folder = self.profile_path.parent
                raise ConfigError(
                    f"there is no profile {name.value!r} ({name.source}) in {folder}",
                    hint="`cape join FILE` adds a platform, `cape dev` starts a local one",
                )
        return self._loaded

    @property
    def url(self) -> Setting:
        """The control plane's address, as it was given."""
        if self._url_argument:
            return Setting(self._url_argument, "argument")
        if url := os.environ.get("CAPE_URL"):
            return Setting(url, "CAPE_URL")
        if url := _renamed("CAPE_ENCLAVE_HOST"):
            return Setting(url, "CAPE_ENCLAVE_HOST")
        if self.profile is not None:
            return Setting(self.profile.url, f"profile {self.profile.name}")
        return Setting(None, "not set")

    def require_url(self) -> str:
        """Return the control plane's address, without a slash at its end.

        Raises:
            ConfigError: nothing names one, or what does is no address.
        """
        url = self.url
        if url.value is None:
            raise ConfigError(
                "no platform is running here, and none is configured",
                hint="`cape dev` starts a local platform; "
                "`cape keys generate` gives a key of your own to encrypt for without one",
            )
        try:
            return _address.control_plane(url.value)
        except ValueError as error:
            raise ConfigError(
                f"the platform's address ({url.source}): {error}",
                hint="https://HOST, or http://127.0.0.1:PORT on this machine",
            ) from error

    def require_profile(self, otherwise: str | None = None) -> Profile:
        """Return the profile.

        Args:
            otherwise: What does without one, for the hint.

        Raises:
            ConfigError: there is none.
        """
        if self.profile is None:
            raise ConfigError(
                f"there is no profile in {self.profile_path.parent}",
                hint="`cape dev` starts a local platform, `cape join FILE` adds another"
                + (f"; {otherwise}" if otherwise else ""),
            )
        return self.profile

    def require_policy(self) -> policies.Policy:
        """Return the policy of CAPE_POLICY, else the profile's.

        Raises:
            PolicyRequired: there is none.
            ConfigError: its file is missing or malformed.
        """
        if path := os.environ.get("CAPE_POLICY"):
            try:
                return policies.load(path)
            except ConfigError as error:
                raise ConfigError(f"CAPE_POLICY: {error}", hint=error.hint) from error
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

    def installed(self, name: str) -> Profile | None:
        """Return the profile of that name in the folder; None when there is none.

        Raises:
            ConfigError: the name is none, or the profile is malformed.
        """
        path = self._path_of(name)
        text = read_text(path)
        return None if text is None else Profile.parse(text, str(path))

    def install_profile(self, profile: Profile, *, make_default: bool) -> Path:
        """Write a profile into the folder; with `make_default` only where none is set yet."""
        path = self._path_of(profile.name)
        profile.save(path)
        if make_default and _default_profile(self.directory / "config.toml") is None:
            self.set_default_profile(profile.name)
        return path

    def set_default_profile(self, name: str) -> None:
        """Make `name` the profile that is used when nothing else is said."""
        content = f'profile = "{check_profile_name(name)}"\n'
        write_atomically(self.directory / "config.toml", content.encode(), mode=0o644)

    def check_free_here(self, name: str) -> None:
        """Refuse to give a platform of this machine the name that one elsewhere has.

        Raises:
            ConfigError: there is a profile of that name, whose platform is elsewhere.
        """
        present = self._legible(name)
        if present is not None and not _address.is_loopback(present.url):
            raise ConfigError(
                f"{name} is a platform at {present.url}, and a local one would take its place",
                hint=f"move {self._path_of(name)} away, and join that platform by `cape join FILE "
                "--name other`",
            )

    def forget_another(self, profile: Profile) -> None:
        """Forget what is remembered of another platform of this machine that has a profile's name.

        Its owner has begun anew. Of one elsewhere, and by whoever joins a platform in the place of
        another, nothing is forgotten. Spec: docs/spec/profile.md, what is remembered.
        """
        present = self._legible(profile.name)
        if present is None or present.is_same_platform(profile):
            return
        if _address.is_loopback(present.url):
            shutil.rmtree(self._known_of(profile.name), ignore_errors=True)

    def _legible(self, name: str) -> Profile | None:
        """Return the profile of that name; None also for a malformed one: nobody knows whose."""
        try:
            return self.installed(name)
        except ConfigError:
            return None

    def _known_of(self, name: str) -> Path:
        return self.directory / "known" / name

    def _path_of(self, name: str) -> Path:
        return self.directory / "profiles" / f"{check_profile_name(name)}.toml"


def data_dir() -> Path:
    """Return the folder of platforms' own state: CAPE_DATA_DIR, else the user's data folder."""
    if path := os.environ.get("CAPE_DATA_DIR"):
        return Path(path)
    return platformdirs.user_data_path("cape", appauthor=False)


def cache_dir() -> Path:
    """Return the folder of what can be had again: CAPE_CACHE_DIR, else the user's cache folder."""
    if path := os.environ.get("CAPE_CACHE_DIR"):
        return Path(path)
    return platformdirs.user_cache_path("cape", appauthor=False)


def variables_of_the_first_system() -> dict[str, str | None]:
    """Return the variables that are set by names of the first system, and what they became."""
    became = {**_RENAMED, **dict.fromkeys(_WITHOUT_MEANING)}
    return {name: new for name, new in became.items() if os.environ.get(name)}


def _config_dir() -> Path:
    if path := os.environ.get("CAPE_CONFIG_DIR"):
        return Path(path)
    if path := _renamed("CAPE_LOCAL_CONFIG_DIR"):
        return Path(path)
    return platformdirs.user_config_path("cape", appauthor=False)


def _renamed(name: str) -> str | None:
    """Read a variable by the name that it had in the first system, and say what it is called."""
    value = os.environ.get(name)
    if value:
        warn(f"the environment variable {name} is called {_RENAMED[name]} now", FutureWarning)
    return value


def _default_profile(path: Path) -> str | None:
    """Return what `config.toml` says; the file may say nothing else."""
    text = read_text(path)
    if text is None:
        return None
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}", hint=_ONLY_THE_PROFILE) from error
    name = table.get("profile")
    if table.keys() - {"profile"} or not isinstance(name, str | None):
        raise ConfigError(f"{path} may only say which profile to use", hint=_ONLY_THE_PROFILE)
    return name

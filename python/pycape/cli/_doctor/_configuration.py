"""Settings and the files they are in: whether they can be read, and by whom else."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pycape._account import load_account
from pycape._clock import show_time
from pycape._config import Config, variables_of_the_first_system
from pycape._files import read_object
from pycape.cli._doctor._finding import Checks, Finding, State, attempted
from pycape.errors import ConfigError

_EVERYBODY_WRITES = 0o002
_GROUP_WRITES = 0o020
_OTHERS_READ = 0o044
_SOON = timedelta(days=14)
_MENDED_BY_HAND = "mend the file, or move it away and let Cape write it anew"


def configuration_checks(config: Config, user: int) -> Checks:
    """Look at the configuration folder of the user with that id, and at all that is in it."""
    yield attempted("folder", lambda: _folder(config.directory, user), fix="let your user have it")
    yield _environment()
    yield attempted("config.toml", lambda: _config_toml(config), fix=_MENDED_BY_HAND)
    yield attempted("profile", lambda: _profile(config), fix=_MENDED_BY_HAND)
    yield attempted("policy", lambda: _policy(config), fix="`cape join FILE` brings one")
    yield attempted("account.key", lambda: _account_key(config), fix=_MENDED_BY_HAND)
    yield attempted("known", lambda: _known(config), fix=_MENDED_BY_HAND)


def _folder(folder: Path, user: int) -> Finding:
    facts: dict[str, Any] = {"path": str(folder), "mode": _mode(folder)}
    if facts["mode"] is None:
        return _no_folder(folder, facts)
    if not folder.is_dir():
        return Finding("folder", "failed", f"{folder} is not a folder", facts, "move it away")
    if (changeable := _changeable_by_others("folder", [folder])) is not None:
        return changeable
    says = f"{folder}, mode {facts['mode']}"
    if folder.stat().st_uid != user:
        says = f"{says}: it belongs to another user"
        fix = "run cape as its owner, or let CAPE_CONFIG_DIR name a folder of your own"
        return Finding("folder", "warning", says, facts, fix)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        says = f"{says}: you may not write there"
        fix = f"chmod u+rwx {folder}; where that is no use, CAPE_CONFIG_DIR names another"
        return Finding("folder", "failed", says, facts, fix)
    return Finding("folder", "ok", says, facts)


def _no_folder(folder: Path, facts: dict[str, Any]) -> Finding:
    above = next(each for each in folder.absolute().parents if each.exists())
    if os.access(above, os.W_OK | os.X_OK):
        says = f"{folder} is not there: nothing is configured yet"
        return Finding("folder", "skipped", says, facts)
    says = f"{folder} cannot be made: you may not write in {above}"
    fix = "CAPE_CONFIG_DIR names another folder for Cape's own files"
    return Finding("folder", "failed", says, facts, fix)


def _environment() -> Finding:
    names = sorted(name for name in os.environ if name.startswith("CAPE_") and os.environ[name])
    old = variables_of_the_first_system()
    facts = {"set": names}
    if old:
        fix = "; ".join(
            f"unset {name}" if new is None else f"call {name} {new}" for name, new in old.items()
        )
        says = f"variables of the first system are set: {', '.join(old)}"
        return Finding("environment", "warning", says, facts, fix)
    says = f"set: {', '.join(names)}" if names else "no variable of Cape's is set"
    return Finding("environment", "ok", says, facts)


def _config_toml(config: Config) -> Finding:
    file = config.directory / "config.toml"
    name = config.profile_name
    facts = {"profile": name.value, "source": name.source}
    if (changeable := _changeable_by_others("config.toml", [file])) is not None:
        return changeable
    if not file.exists():
        says = f"not there: the profile is {name.value!r} ({name.source})"
        return Finding("config.toml", "ok", says, facts)
    return Finding("config.toml", "ok", f"the profile is {name.value!r} ({name.source})", facts)


def _profile(config: Config) -> Finding:
    path = config.profile_path
    if (changeable := _changeable_by_others("profile", [path])) is not None:
        return changeable
    profile = config.profile
    if profile is None:
        fix = "`cape dev` starts a local platform, `cape join FILE` adds another"
        return Finding("profile", "skipped", "no platform is configured", {}, fix)
    trust = "a development root" if profile.development else "AWS's root"
    facts = {
        "name": profile.name,
        "path": str(path),
        "development": profile.development,
        "python": profile.python,
        "platform": profile.platform,
    }
    says = f"{profile.name!r}, trusts {trust}, functions for Python {profile.python}"
    return Finding("profile", "ok", says, facts)


def _policy(config: Config) -> Finding:
    source = config.policy_source
    if source == "not set" and config.profile is None:
        return Finding("policy", "skipped", "no platform is configured", {})
    releases = config.require_policy().releases
    now = datetime.now(UTC)
    ends = [release.not_after for release in releases]
    names = ", ".join(repr(release.name) for release in releases)
    facts = {
        "source": source,
        "releases": [
            {
                "name": release.name,
                "not_after": None if release.not_after is None else show_time(release.not_after),
            }
            for release in releases
        ],
    }
    last = None if None in ends else max((end for end in ends if end), default=None)
    if last is not None and last <= now:
        says = f"accepts {names}, and none of them counts any more since {show_time(last)}"
        return Finding("policy", "failed", says, facts, "ask the operator for the new profile")
    if last is not None and last - now < _SOON:
        says = f"accepts {names}, until {show_time(last)}"
        return Finding("policy", "warning", says, facts, "ask the operator for the new profile")
    return Finding("policy", "ok", f"accepts {names} ({source})", facts)


def _account_key(config: Config) -> Finding:
    path = config.account_key_file
    facts: dict[str, str | None] = {"path": str(path), "mode": _mode(path)}
    if load_account(path) is None:
        says = "not there: one is made when it is needed"
        return Finding("account.key", "ok", says, facts)
    return Finding("account.key", "ok", f"holds a key, mode {facts['mode']}", facts)


def _known(config: Config) -> Finding:
    """Look at what is remembered; its content is nobody's business."""
    files = list(_remembered(config.directory))
    if not files:
        return Finding("known", "ok", "nothing is remembered yet", {"files": 0})
    if (changeable := _changeable_by_others("known", files)) is not None:
        return changeable
    for file in files:
        read_object(file)
    facts = {"files": len(files)}
    readable = [file for file in files if file.stat().st_mode & _OTHERS_READ]
    if readable:
        says = f"others can read {readable[0]}: with whom you deal"
        return Finding("known", "warning", says, facts, f"chmod 600 {readable[0]}")
    return Finding("known", "ok", f"{len(files)} files can be read, by you alone", facts)


def _remembered(directory: Path) -> Iterable[Path]:
    for path in sorted([*directory.glob("known_*"), *(directory / "known").rglob("*")]):
        if path.is_file() and not path.name.startswith("."):
            yield path


def _changeable_by_others(name: str, paths: Iterable[Path]) -> Finding | None:
    """Return what is wrong where others can write a file that trust hangs on, or in its folder.

    A group is often the user's own, and some systems let it write whatever is made.
    """
    for path in paths:
        for place in (path, path.parent) if path.is_file() else (path,):
            mode = _mode(place) or "0"
            who = _who_writes(int(mode, 8))
            if who is not None:
                says = f"{who} can change {place} (mode {mode}), and with it whom you trust"
                facts = {"path": str(place), "mode": mode}
                state: State = "failed" if who == "everybody" else "warning"
                return Finding(name, state, says, facts, f"chmod go-w {place}")
    return None


def _who_writes(mode: int) -> str | None:
    if mode & _EVERYBODY_WRITES:
        return "everybody"
    return "its group" if mode & _GROUP_WRITES else None


def _mode(path: Path) -> str | None:
    try:
        return f"{stat.S_IMODE(path.stat().st_mode):04o}"
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path} cannot be looked at: {error.strerror}") from error

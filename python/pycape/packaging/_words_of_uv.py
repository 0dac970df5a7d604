"""What uv says when it fails, in our words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pycape.errors import CapeError, NoWheelForPlatform, PackagingError
from pycape.packaging._bad_lines import bad_line, line_naming, wrong_form
from pycape.packaging._causes import lowered
from pycape.packaging._requirement_lines import without_credentials
from pycape.packaging._requirements import REQUIREMENTS_NAME, project_dependencies
from pycape.packaging._toml import PROJECT_NAME
from pycape.packaging._unreachable import kept_off, no_answer, refused

if TYPE_CHECKING:
    from pycape.packaging._uv import Uv

_VERSIONS_SHOWN = 3

_WITHOUT_WHEELS = (
    "if it is pure Python, build_sdists = true in cape.toml lets it be built here;"
    " if not, use another package"
)
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_BEGINNING = re.compile(
    r"^error: (?:No solution found when resolving dependencies\n  cause: )?", re.M
)


@dataclass(frozen=True)
class _Said:
    """uv's words: `error` with their lines, and in one line in `details`."""

    error: str
    details: dict[str, str]
    uv: Uv


def explained(said: str, uv: Uv) -> CapeError:
    """Return the error for what uv said when it failed; its own words are in the details."""
    beginning = _BEGINNING.search(said)
    error = without_credentials(said[beginning.end() :] if beginning else said)
    words = " ".join(error.split())
    heard = _Said(error, {"uv": words}, uv)
    if line := bad_line(error, uv.requirements, heard.details):
        return line
    for pattern, explain in _EXPLAINED:
        if match := pattern.search(words):
            return explain(match, heard)
    return PackagingError(f"the dependencies cannot be resolved: {words}", details=heard.details)


def _no_wheel(match: re.Match[str], said: _Said) -> NoWheelForPlatform:
    facts = match.groupdict()
    package, pin = facts["package"], facts.get("pin") or ""
    target = said.uv.target
    found = _versions_with_wheel(package, said.uv)
    details = said.details
    return NoWheelForPlatform(
        f"{package}{pin} has no wheel for Python {target.python} on {target.platform};"
        + (f" these versions have one: {', '.join(found)}" if found else " no version has one"),
        package=package,
        platform=target.platform,
        hint=f"require {package}=={found[0]}" if found else _WITHOUT_WHEELS,
        details={**details, "versions": ", ".join(found)} if found else details,
    )


def _no_version(match: re.Match[str], said: _Said) -> PackagingError:
    package, versions = match["package"], match["versions"]
    found = _versions_with_wheel(package, said.uv)
    there = f"; these versions have a wheel: {', '.join(found)}" if found else ""
    return PackagingError(
        f"{_place(package, said)}the package index has no {package}{versions}{there}",
        hint=f"require {package}=={found[0]}" if found else "look at its name, and at the index",
        details=said.details,
    )


def _unknown(match: re.Match[str], said: _Said) -> PackagingError:
    return PackagingError(
        f"{_place(match[1], said)}the package index has no {match[1]}",
        hint="look at its name: the index knows it by another, or not at all",
        details=said.details,
    )


def _place(package: str, said: _Said) -> str:
    line = line_naming(package, said.uv.requirements)
    return f"{line.place}: " if line else ""


def _contradiction(match: re.Match[str], said: _Said) -> PackagingError:
    reasons = match[1].replace(", we can conclude that ", ", so ").replace(". And because ", "; ")
    return PackagingError(
        f"the requirements contradict each other: {reasons}",
        hint="loosen one of these requirements: what is not pinned is chosen to fit",
        details=said.details,
    )


def _has_to_be_built(match: re.Match[str], said: _Said) -> PackagingError:
    return PackagingError(
        f"{match[1]} has to be built from sources, which runs their code on this machine",
        hint="build_sdists = true in cape.toml lets it be built here; or name a wheel of it",
        details=said.details,
    )


def _unreadable(_: re.Match[str], said: _Said) -> PackagingError:
    """Return the error of requirements that uv would have to build something to know."""
    requirements = said.uv.requirements
    if requirements.name != PROJECT_NAME:
        return PackagingError(
            f"{requirements.name} names sources that have to be built, which runs their code here",
            hint="name wheels of them instead: uv build --wheel --out-dir wheels FOLDER",
            details=said.details,
        )
    dependencies = project_dependencies(requirements.folder)
    for dependency in dependencies:
        alone = said.uv.attempt("compile", "-", "--no-deps", "--offline", text=dependency)
        if wrong := wrong_form(alone.said):
            why, hint = wrong
            return _of_project(f"dependencies: {dependency!r:.200} {why}", hint, said)
    listed = ", ".join(dependencies)
    hint = f"paths and options belong into {REQUIREMENTS_NAME}"
    return _of_project(f"dependencies: {listed!r:.200} cannot be read", hint, said)


def _malformed_project(match: re.Match[str], said: _Said) -> PackagingError:
    line, why = match.groups()
    hint = "[project] has a name, a version, and a list of dependencies"
    return _of_project(f"line {line}: {lowered(why)}", hint, said)


def _of_project(wrong: str, hint: str, said: _Said) -> PackagingError:
    return PackagingError(f"{PROJECT_NAME}, {wrong}", hint=hint, details=said.details)


_Explain: TypeAlias = Callable[[re.Match[str], _Said], CapeError]


def _plainly(message: str, hint: str) -> _Explain:
    """Say this, with what the pattern found in it."""

    def explain(match: re.Match[str], said: _Said) -> PackagingError:
        return PackagingError(message.format(*match.groups()), hint=hint, details=said.details)

    return explain


# What uv says, and what is made of it, in this order.
_EXPLAINED: tuple[tuple[re.Pattern[str], _Explain], ...] = (
    (
        re.compile(r"Hash mismatch for `([^`]+)`"),
        _plainly(
            "{} is not the file that cape.lock names: its hash differs",
            "if the package was published anew, delete cape.lock; else do not trust it",
        ),
    ),
    (
        re.compile(
            r"(?:no overlapping hashes between the requirements and constraints for: "
            r"|Conflicting archive URL hashes for `[^`]*/)([^`\s]+)"
        ),
        _plainly(
            "{} is not a file that the requirements name: it has none of their hashes",
            "if the hashes there are of another version, take those of this one; else do not"
            " trust it",
        ),
    ),
    (
        re.compile(r"versions pinned with `==`, but found: (.+)"),
        _plainly(
            "{} has hashes in the requirements, and no version that they are of",
            "name the version by ==, or leave the hashes to cape.lock",
        ),
    ),
    (
        re.compile(r"Failed to initialize cache at `([^`]+)`"),
        _plainly(
            "uv, which resolves dependencies, cannot keep its cache in {}",
            "UV_CACHE_DIR names another folder for it",
        ),
    ),
    (
        re.compile(r'(?:cache|temporary file)\b.* (?:denied|system) .*at path "([^"]+)"'),
        _plainly(
            "uv, which resolves dependencies, cannot write {}, in its cache",
            "UV_CACHE_DIR names another folder for it",
        ),
    ),
    (
        re.compile(r"No space left on device"),
        _plainly(
            "the disk is full where uv keeps its cache or temporary files",
            "make room, or name other folders with UV_CACHE_DIR and TMPDIR",
        ),
    ),
    (
        re.compile(r"Failed to read `--find-links` directory: (\S+)"),
        _plainly(
            "there is no folder {}, where --find-links or UV_FIND_LINKS looks for wheels",
            "a path in the requirements counts from the function's folder",
        ),
    ),
    (re.compile(r"Building source distributions for `([^`]+)` is disabled"), _has_to_be_built),
    (re.compile(r"^Building source distributions is disabled"), _unreadable),
    (
        re.compile(
            rf"Failed to parse: `?{PROJECT_NAME}`? cause: TOML parse error at line (\d+),"
            r".* \^+ (.+)"
        ),
        _malformed_project,
    ),
    (
        re.compile(r"network was disabled|[Nn]etwork connectivity is disabled"),
        lambda _, said: kept_off(said.details),
    ),
    (
        re.compile(r"index(?: URL)? \((\S+)\) (?:returned|could not be queried).*?(40[13] \w+)"),
        lambda match, said: refused(match[1], match[2], said.details),
    ),
    (
        re.compile(r"Failed to fetch: `?([^\s`]+)`?"),
        lambda match, said: no_answer(match[1], said.error, said.details),
    ),
    (
        # Of one package alone, whose versions within the bounds lack wheels for various reasons.
        re.compile(
            rf"^Because (?:all of: )?(?P<package>{_NAME})[<>=](?:(?!depends on).)* ha(?:s|ve) no"
            r" (?:usable wheels|wheels with a)(?:(?!depends on).)*"
            r" you require (?P=package)(?P<pin>[<>~!]\S*), we can conclude"
        ),
        _no_wheel,
    ),
    (
        re.compile(
            rf"(?P<package>{_NAME}?)(?P<pin>==[^ ]*)?(?:[<>!~][^ ]*)?"
            r" has no (?:usable wheels|wheels with a matching)"
        ),
        _no_wheel,
    ),
    (
        re.compile(r"all versions of (?P<package>\S+) have no (?:usable wheels|wheels with a)"),
        _no_wheel,
    ),
    (
        re.compile(
            rf"there (?:is|are) no versions? of (?P<package>{_NAME})(?P<versions>\S*)"
            r" and (?:you require|\S+ depends on) (?P=package)\S*, we can conclude"
        ),
        _no_version,
    ),
    (
        re.compile(
            rf"^Because only (?P<package>{_NAME})\S* (?:is|are) available"
            r" and (?:you require|\S+ depends on) (?P=package)(?P<versions>\S*), we can conclude"
        ),
        _no_version,
    ),
    (re.compile(r"(\S+) was not found in (?:the package registry|the provided)"), _unknown),
    (
        re.compile(
            r"(?:Because )?(.*), (?:we can conclude that your requirements are unsatisfiable"
            r"|which are incompatible)"
        ),
        _contradiction,
    ),
)


def _versions_with_wheel(package: str, uv: Uv) -> list[str]:
    """Find the newest versions of a package with a wheel for the target, newest first."""
    found: list[str] = []
    while len(found) < _VERSIONS_SHOWN:
        wanted = f"{package}<{found[-1]}" if found else package
        flags = ["compile", "-", "--no-deps", "--only-binary=:all:", "--no-header", "--no-annotate"]
        answer = uv.attempt(*flags, text=wanted)
        version = re.search(r"==(\S+)", answer.printed)
        if answer.status != 0 or not version:
            break
        found.append(version[1])
    return found

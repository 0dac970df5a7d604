"""What a bundle follows from, as one digest: where it is the same, so is the bundle.

Contents count, not times or sizes: a file may change within the same tick of the clock. The lock
stands for the dependencies, all of which it names by hash.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from pycape import __version__
from pycape.packaging._zip import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pycape.packaging._files import File
    from pycape.packaging._settings import FunctionSettings
    from pycape.packaging._target import Target


def fingerprint(
    contents: Mapping[str, str], lock: str | None, settings: FunctionSettings, target: Target
) -> str | None:
    """Return the digest; `contents` are the function's own files, each by the SHA-256 of it.

    None where something is built here: that may come out otherwise the next time.
    """
    if settings.build_sdists and lock is not None:
        return None
    facts = {
        "packed by": __version__,
        "python": target.python,
        "platform": target.platform,
        "settings": asdict(settings),
        "lock": lock,
        "contents": dict(contents),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def contents_of(files: Iterable[File]) -> dict[str, str]:
    """Return the SHA-256 of each file, by its name in the bundle."""
    return {file.name: sha256_of(file.path) for file in files}

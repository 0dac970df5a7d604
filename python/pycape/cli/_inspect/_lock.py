"""Lock files of functions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pycape.cli._inspect import _algorithms
from pycape.cli._inspect._explanation import Explanation

if TYPE_CHECKING:
    from pycape.cli._inspect._source import Source
    from pycape.cli._inspect._surroundings import Surroundings

_PIN = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE | re.ASCII)


def explain_lock(source: Source, _surroundings: Surroundings) -> Explanation | None:
    """Tell of a lock file which versions it fixes, and for what."""
    from pycape.packaging._lock import LOCK_NAME, TITLE  # noqa: PLC0415 - `cape --help` does without

    text = source.text or ""
    if not text.startswith(TITLE):
        return None
    _, made_for, *_ = [*text.splitlines(), ""]
    return Explanation(
        "lock",
        "a function's lock file: which versions of its dependencies are packed",
        None,
        {
            "made_for": made_for.removeprefix("# "),
            "versions": [" ".join(pin) for pin in _PIN.findall(text)],
        },
        [
            f"It belongs in the function's folder, as {LOCK_NAME}: packed with it, the folder "
            "gives the same bundle everywhere, and `cape function verify FOLDER FUNCTION` can "
            "compare. Each file that is fetched has one of the hashes in it. Without it `cape "
            "package` and `cape deploy` resolve the versions anew.",
            _algorithms.SHA_256,
        ],
    )

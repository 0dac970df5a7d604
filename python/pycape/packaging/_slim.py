"""Which of the dependencies' files an enclave has use for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pycape.packaging._files import File

# They differ from one machine to another: paths, the installer's name and version.
_OF_THIS_MACHINE = re.compile(
    r"[^/]+\.dist-info/(?:RECORD(?:\..*)?|INSTALLER|REQUESTED|direct_url\.json|uv_.*\.json)"
)
_DISTRIBUTION = re.compile(r"[^/]+\.dist-info/(.+)")
_KEPT_OF_DISTRIBUTION = re.compile(
    r"METADATA|entry_points\.txt|(?:.*/)?(?:licenses?/.*|(?:LICEN[CS]E|COPYING|NOTICE|AUTHORS).*)",
    re.IGNORECASE,
)
# Only the tests themselves: some packages import helpers from their `tests` folder.
_TEST = re.compile(r".+/tests/(?:.*/)?(?:test_[^/]*|[^/]*_test|conftest)\.py")


def slimmed(files: Iterable[File], *, slim: bool) -> list[File]:
    """Drop the files that belong to this machine and, if `slim`, those that never run."""
    kept = [file for file in files if not _OF_THIS_MACHINE.fullmatch(file.name)]
    return [file for file in kept if _may_be_used(file.name)] if slim else kept


def _may_be_used(name: str) -> bool:
    distribution = _DISTRIBUTION.fullmatch(name)
    if distribution:
        return bool(_KEPT_OF_DISTRIBUTION.fullmatch(distribution[1]))
    return not _TEST.fullmatch(name)

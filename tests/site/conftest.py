"""The site, built once for all tests of it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from pages import ROOT


@dataclass(frozen=True)
class Site:
    """A built site: its folder, and what the builder said."""

    folder: Path
    said: str

    @property
    def pages(self) -> list[Path]:
        """All pages, in their order."""
        return sorted(self.folder.rglob("*.html"))


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return Site(folder, built.stdout + built.stderr)

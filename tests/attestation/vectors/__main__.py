"""Writes the files anew."""

from . import CASES
from .case import FOLDER

FOLDER.mkdir(exist_ok=True)
for old in FOLDER.glob("*.json"):
    old.unlink()
for case in CASES:
    case.path.write_text(case.as_json())

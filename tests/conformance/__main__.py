"""Writes the files anew."""

from . import CASES
from .case import VECTORS

for folder in {case.folder for case in CASES}:
    (VECTORS / folder).mkdir(exist_ok=True)
    for old in (VECTORS / folder).iterdir():
        old.unlink()
for case in CASES:
    case.path.write_text(case.as_json())

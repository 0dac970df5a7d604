"""One file of the suite."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[1] / "vectors"


@dataclass(frozen=True)
class Case:
    """A file: its folder and name, what it shows, the section of the specification, and the rest.

    The `error` is the class that has to be answered, None where the input is to be accepted.
    """

    folder: str
    name: str
    about: str
    rule: str
    fields: dict[str, Any]
    error: str | None = None

    @property
    def path(self) -> Path:
        return VECTORS / self.folder / f"{self.name}.json"

    def as_json(self) -> str:
        fields = {"about": self.about, "rule": self.rule, "error": self.error, **self.fields}
        return json.dumps(fields, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def load(folder: str) -> list[Any]:
    """Return what the files of a folder say, each with its `name`, in the order of their names."""
    paths = sorted((VECTORS / folder).iterdir())
    return [{"name": path.stem, **json.loads(path.read_text())} for path in paths]

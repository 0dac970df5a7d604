"""A second build, under other circumstances: what an image depends on shows in it."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pycape._arguments import only_path, only_progress
from pycape.errors import ImageError, ImageNotReproduced
from pycape.images._arguments import only
from pycape.images._build import Sources
from pycape.images._diff import Difference, compare
from pycape.images._image import read
from pycape.images._progress import Progress, silent
from pycape.images._recipe import ExtraFile, Packages, Recipe
from pycape.images._system import as_our_errors

if TYPE_CHECKING:
    from pycape.images._image import Image
    from pycape.images._progress import Report

# Another umask, time zone, order of sets, and language than most have.
_UMASK = 0o077
_ENVIRONMENT = {"PYTHONHASHSEED": "1", "TZ": "XXX-14", "LC_ALL": "C", "LANG": "C"}


def check_reproduced(
    image: str | os.PathLike[str],
    recipe: Recipe,
    *,
    sources: Sources | None = None,
    progress: Report | None = None,
) -> None:
    """Build an image again, in another process, folder, umask and time zone, and compare.

    All bytes have to be the same but those of the signature, which is another each time. The
    image's folder needs room for two more.

    Raises ImageNotReproduced where they are not, with the first file that differs, and what `build`
    raises as an ImageError.
    """
    image = only_path("image", image)
    recipe = only(Recipe, "recipe", recipe)
    sources = Sources() if sources is None else only(Sources, "sources", sources)
    report = only_progress(progress) or silent
    report(Progress("reproduce", 0, 1))
    folder = image.absolute().parent
    absolute = _absolute(recipe), _absolute(sources), folder
    # Without a name, so that nothing is left of it however this ends.
    with as_our_errors(), tempfile.TemporaryFile(dir=folder) as again:
        run = subprocess.run(
            [sys.executable, "-m", "pycape.images._again"],
            input=pickle.dumps((*absolute, again.fileno())),
            env={**os.environ, **_ENVIRONMENT},
            cwd="/",
            umask=_UMASK,
            pass_fds=[again.fileno()],
            capture_output=True,
            check=False,
        )
        if run.returncode != 0:
            raise _failed(run)
        first, second = read(image), read(f"/dev/fd/{again.fileno()}")
        if differences := [each for each in compare(first, second) if each.place != "signature"]:
            raise ImageNotReproduced(_in_words(differences[0], len(differences)))
        _check_bytes(first, second)
    report(Progress("reproduce", 1, 1))


def _failed(run: subprocess.CompletedProcess[bytes]) -> ImageError:
    """Return what the second build says of its end in its last line."""
    said = run.stderr.decode(errors="replace").strip().splitlines()
    why, hint = said[-1] if said else f"it ended with {run.returncode}", None
    with suppress(ValueError):
        why, hint = json.loads(why)
    return ImageError(
        f"the second build failed: {why}",
        hint=hint or "it has another folder, umask and time zone than the first",
    )


def _absolute(value: Any) -> Any:
    """Return the same settings with paths that hold in any folder."""
    match value:
        case Path():
            return value.absolute()
        case tuple():
            return tuple(map(_absolute, value))
        case Recipe() | Sources() | Packages() | ExtraFile():
            given = {each.name: getattr(value, each.name) for each in fields(value)}
            return replace(value, **{name: _absolute(each) for name, each in given.items()})
    return value


def _in_words(difference: Difference, count: int) -> str:
    name = f"{difference.place}, {difference.name}" if difference.name else difference.place
    facts = "; ".join(f"{fact}: {old} and {new}" for fact, old, new in difference.facts)
    return f"{name} came out otherwise ({facts}), the first of {count:,} differences"


def _check_bytes(first: Image, second: Image) -> None:
    """Compare what lies between: the headers, and the form of the metadata."""
    ends = [
        max(each.offset + each.size for each in image.sections if each.kind != "signature")
        for image in (first, second)
    ]
    with first.path.open("rb") as one, second.path.open("rb") as other:
        for file in (one, other):
            file.seek(_HEADER_BYTES)
        left = ends[0] - _HEADER_BYTES
        same = ends[0] == ends[1]
        while same and left > 0:
            size = min(left, 1 << 20)
            same = one.read(size) == other.read(size)
            left -= size
    if not same:
        raise ImageNotReproduced("the sections came out otherwise, though not their contents")


# They say where a signature is, if there is one; what else they say was compared.
_HEADER_BYTES = 548

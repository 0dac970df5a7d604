"""Folders that are deployed whenever they change."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from watchfiles import watch

from pycape import Cape
from pycape.errors import CapeError

if TYPE_CHECKING:
    from pycape.cli._context import Context

_LOOK_MS = 200  # how often it is seen whether the platform is about to stop


# How long a deployment that is under way may go on when the platform is about to stop.
_GRACE_SECONDS = 3


@contextmanager
def watching(context: Context, profile: str, folders: Sequence[Path]) -> Iterator[None]:
    """Deploy folders now, and each again when something in it changes, until the block is left.

    A folder that cannot be deployed is told, and tried again when it changes.
    """
    if not folders:
        yield
        return
    with Cape(profile=profile) as cape:
        watched = _Watched(context, cape, folders)
        thread = threading.Thread(target=watched.go_on, name="cape-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            watched.over.set()
            thread.join(_GRACE_SECONDS)


class _Watched:
    def __init__(self, context: Context, cape: Cape, folders: Sequence[Path]) -> None:
        self.over = threading.Event()
        self._context = context
        self._cape = cape
        self._folders = [folder.resolve() for folder in folders]
        self._checksums: dict[Path, str | None] = {}

    def go_on(self) -> None:
        changes = watch(
            *self._folders, stop_event=self.over, rust_timeout=_LOOK_MS, yield_on_timeout=True
        )
        # It watches before the first are deployed, so nothing that changes meanwhile is missed.
        next(changes, None)
        for folder in self._folders:
            self._deploy(folder)
        for changed in changes:
            for folder in self._folders:
                if any(Path(path).is_relative_to(folder) for _, path in changed):
                    self._deploy(folder)

    def _deploy(self, folder: Path) -> None:
        try:
            function = self._cape.deploy(folder)
        except (CapeError, ValueError, OSError) as error:
            hint = getattr(error, "hint", None)
            hinted = f"\n\nhint: {hint}" if hint else ""
            self._tell(f"{folder.name} was not deployed: {error}{hinted}")
            return
        if self._checksums.get(folder) != function.checksum:
            self._checksums[folder] = function.checksum
            self._tell(f"deployed {function.name}: {function.id} {function.checksum}")

    def _tell(self, text: str) -> None:
        if not self.over.is_set():
            self._context.note(text)

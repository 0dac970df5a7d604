"""Enclaves without a platform: the runtime alone, with a security module that takes its time."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from pycape.local.enclave_program import EnclaveProgram

from .children import Child


class Enclave:
    """A runtime whose simulated security module takes so many milliseconds for each question.

    Of the settings only limits differ from those of `cape dev`: it refuses no burst for its rate.
    """

    def __init__(self, folder: Path, *, module_ms: int, sessions_per_document: int) -> None:
        folder.mkdir(parents=True)
        program = EnclaveProgram.find()
        settings, nsm, key = folder / "settings.toml", folder / "nsm", folder / "vault.key"
        settings.write_text(
            (files("pycape.local") / "settings.toml").read_text()
            + "\n[limits]\nconnections = 10000\nhandshakes_per_second = 100000\n"
            + f"sessions_per_document = {sessions_per_document}\n"
        )
        program.create_nsm(nsm)
        vault = program.create_vault(key, nsm, settings).vault
        serve = program.serve(
            settings=settings, nsm=nsm, key=key, vault=vault, blobs=folder / "blobs"
        )
        self._child = Child([*serve, "--nsm-delay-ms", str(module_ms)], log=folder / "log")
        self.port = int(self._child.receive()["port"])

    def end(self) -> None:
        """End it."""
        self._child.end()

"""The KMS of the runtime's own tests, `enclave-runtime/kms-double`, as a program."""

import json
import subprocess
from pathlib import Path


class Kms:
    """The server, which does what it is told."""

    def __init__(self, program: Path, *arguments: str | Path) -> None:
        self._process = subprocess.Popen(
            [program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.reached: dict = self._answer()

    def tell(self, **command: object) -> int:
        """Tell it something; how often it was asked since it was told how to behave."""
        return self._ask(command)["requests"]

    def insecure_sign_refused(self) -> None:
        """From now on it judges refused documents as if its own root had signed them."""
        self._ask({"insecure-sign-refused": {}})

    def insecure_sign(self, document: str) -> str:
        """Sign what a document claims, which is in base64."""
        return self._ask({"insecure-sign": document})["signed"]

    def end(self) -> None:
        self._process.stdin.close()
        assert self._process.wait(60) == 0
        self._process.stdout.close()

    def _ask(self, command: dict) -> dict:
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict:
        return json.loads(self._process.stdout.readline())

"""Keys and secrets that commands read: from files that only their owner can read, or stdin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pycape.cli._files import STDIN, display_name, existing_file, no_input
from pycape.cli._limits import KEY

if TYPE_CHECKING:
    from pycape.keys import PrivateKey, PublicKey


def read_private_key(name: str) -> PrivateKey:
    """Return the private key in a file that only its owner can read; `-` is stdin."""
    from pycape import _key_reader, keys  # noqa: PLC0415 - `cape --help` does without

    if name == STDIN:
        return _key_reader.read_private_key(KEY.read(name), display_name(name))
    return keys.load_private_key(existing_file(name))


def read_key(name: str) -> PublicKey | PrivateKey:
    """Return the key in a file, which only its owner may read if it is private; `-` is stdin.

    The file is read once: it may be a pipe, as of `<(pass show me.key)`.
    """
    from pycape import _key_reader, keys  # noqa: PLC0415 - `cape --help` does without
    from pycape._account import refuse_shared_secret  # noqa: PLC0415

    if name == STDIN:
        return _key_reader.read_key(KEY.read(name), display_name(name))
    path = Path(name)
    try:
        with path.open("rb") as file:
            key = _key_reader.read_key(KEY.checked(file.read(KEY.most + 1), name), name)
            if isinstance(key, keys.PrivateKey):
                refuse_shared_secret(file, path)
    except OSError as error:
        raise no_input(name, error) from error
    return key


def read_secret_text(name: str) -> str:
    """Return the text of a file that only its owner can read; `-` is stdin."""
    from pycape._account import read_secret  # noqa: PLC0415 - `cape --help` does without

    text = KEY.read_text(name) if name == STDIN else read_secret(existing_file(name))
    return (text or "").strip()

"""Keys and account ids in text. Of a private key nothing is shown but what its public key tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pycape.cli._inspect import _algorithms
from pycape.cli._inspect._explanation import Explanation

if TYPE_CHECKING:
    from pycape._core import PrivateKey, PublicKey
    from pycape.cli._inspect._source import Source
    from pycape.cli._inspect._surroundings import Surroundings

# Longer than any key's text or PEM.
_MOST = 16 << 10

_FORM = "its form and its checksum hold, which tells typing errors and not whose it is"


def explain_public_key(source: Source, surroundings: Surroundings) -> Explanation | None:
    """Tell of a public key."""
    from pycape.keys import PublicKey  # noqa: PLC0415 - `cape --help` does without

    key = _key(source)
    if not isinstance(key, PublicKey):
        return None
    owners = surroundings.owners_of({key.key_id})
    return Explanation(
        "public-key",
        "a public key: anybody may encrypt for it",
        _FORM,
        {**_of_key(key), "account": owners.get(key.key_id)},
        [
            "`cape encrypt -r KEY` encrypts for it; who has the private key decrypts. Compare the "
            "fingerprint with its owner by other means.",
            _algorithms.OF_KEYS[key.kind],
        ],
    )


def explain_private_key(source: Source, _surroundings: Surroundings) -> Explanation | None:
    """Tell of a private key whose it is, and nothing of it."""
    from pycape.keys import PrivateKey  # noqa: PLC0415 - `cape --help` does without

    private = _key(source)
    if not isinstance(private, PrivateKey):
        return None
    key = private.public_key
    return Explanation(
        "private-key",
        "a private key: a secret",
        _FORM,
        _of_key(key),
        [
            "It is not shown. Whoever has it decrypts what was encrypted for its public key "
            "(`cape keys show FILE` prints that one). Its file is for your eyes only: mode 0600.",
            _algorithms.OF_KEYS[key.kind],
        ],
    )


def explain_account_key(source: Source, surroundings: Surroundings) -> Explanation | None:
    """Tell of an account's private key which account it is."""
    from pycape._core import Account  # noqa: PLC0415 - `cape --help` does without

    if source.text is None or not source.text.startswith("capeaccountsk1"):
        return None
    account = Account.from_text(source.text).id
    return Explanation(
        "account-key",
        "an account's private key: a secret",
        _FORM,
        {"account": account, "yours": surroundings.is_own(account)},
        [
            "It is not shown. Whoever has it is the account: deploys, grants tokens, begins "
            "epochs. It decrypts nothing: the account's encryption keys stay in enclaves. `cape "
            "accounts import FILE` makes a machine this account.",
            *surroundings.doubts,
            _algorithms.ED25519,
        ],
    )


def explain_account_id(source: Source, surroundings: Surroundings) -> Explanation | None:
    """Tell of an account id."""
    from pycape import _core  # noqa: PLC0415 - `cape --help` does without

    account = source.text
    if account is None or not _core.is_account_id(account):
        return None
    names = [name for name, each in surroundings.known_accounts if each == account]
    return Explanation(
        "account-id",
        "an account id: a public key that verifies what the account signs",
        _FORM,
        {"account": account, "yours": surroundings.is_own(account), "known_as": names},
        [
            "It names the account without a directory: nobody can make another account with it.",
            *surroundings.doubts,
            _algorithms.ED25519,
        ],
    )


def _key(source: Source) -> PublicKey | PrivateKey | None:
    """Return the key that a file holds; None for what is no key."""
    from pycape import _key_reader  # noqa: PLC0415 - `cape --help` does without

    if not source.whole or source.size > _MOST or not _key_reader.is_key(source.data[:]):
        return None
    return _key_reader.read_key(source.data[:], source.name)


def _of_key(key: PublicKey) -> dict[str, Any]:
    return {
        "algorithm": key.kind,
        "fingerprint": key.fingerprint,
        "key_id": key.key_id.hex(),
    }

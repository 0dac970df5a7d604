"""Encryption and its keys, for the sync client; `_async_client_encryption.py` is the other."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from . import envelope
from ._arguments import only_text
from ._buffer import Buffer, view
from ._client_connections import ClientConnections
from ._encryption_arguments import (
    DEFAULT_KEM,
    Recipient,
    check_anonymous,
    check_format,
    check_kem,
    encryption_context,
    recipients_of,
)
from ._functions import Function
from ._key_arguments import keep_key, kept_key
from ._key_cache import KeyRecord
from ._platform import Pcrs
from .keys import PublicKey


class ClientEncryption(ClientConnections):
    """What a client encrypts in memory, and the accounts' public keys that it takes."""

    def encrypt(
        self,
        input: Buffer,  # noqa: A002 - the name that users know
        *,
        username: str | None = None,
        key: bytes | str | PublicKey | None = None,
        key_path: str | os.PathLike[str] | None = None,
        recipient: Recipient | Sequence[Recipient] | None = None,
        kem: str = DEFAULT_KEM,
        functions: Sequence[Function] | None = None,
        not_after: datetime | None = None,
        context: Mapping[str, str] | None = None,
        anonymous: bool = False,
        format: Literal["v1", "v2"] = "v2",  # noqa: A002 - it is the format's name
    ) -> bytes:
        """Encrypt data so that only an approved enclave, or a key of yours, can read it.

        Without a recipient it is for this client's own account. Whoever has an account's key can
        not open it: the key never leaves enclaves, which open it as input of the account's own
        functions only. `functions` narrows that further, and is the right thing when encrypting
        for somebody else, whose every function could read it otherwise.

        Args:
            input: Any contiguous buffer.
            username: A user name or account id.
            key: A public key, or its text; of an RSA key also PEM or DER (SubjectPublicKeyInfo).
            key_path: A file that holds one of these.
            recipient: A user name, an account id, a public key, or several of them.
            kem: "xwing" (safe against quantum computers too, about 1,750 characters on top) or
                "x25519" (about 300 characters); for accounts only, keys have their own.
            functions: The only functions that may read it: checksums, or references with one.
            not_after: The last moment at which an enclave may open it.
            context: Public, authenticated pairs of text.
            anonymous: Do not tell whose keys they are, 4 at most: who decrypts has to try. For keys
                only, since enclaves find an account's key by its id.
            format: "v1" for what the first system reads: for one RSA key, without rules and
                context. Enclaves of this system do not open it.

        Returns:
            Text that starts with `b"cape:2:"`, or `b"cape:"` for version 1.

        Raises:
            TypeError: `input` is text, or no contiguous buffer.
            ValueError: the arguments contradict each other, or break the rules of contexts.
            ConfigError: no platform is configured, and an account's key is wanted.
            KeyInvalid: `key` or the file's content is no public key.
            RecipientUnknown: nobody has that user name.
            RecipientChanged: the user name stood for another account before.
            PolicyRequired: an account's key is wanted and no policy says whom to ask.
            AttestationError: the enclave that answered did not prove itself.
        """
        data = view(input, "input")
        recipients = recipients_of(username, recipient, key, key_path)
        check_format(format, recipients)
        public = encryption_context(context, functions, not_after)
        keys = self._keys_for(recipients, kem, anonymous=anonymous)
        return envelope.seal(data, keys, context=public, anonymous=anonymous, format=format)

    def key(
        self,
        *,
        username: str | None = None,
        key_path: str | os.PathLike[str] | None = None,
        pcrs: Pcrs | None = None,
        kem: str = DEFAULT_KEM,
    ) -> bytes:
        """Return an account's public key as text (`b"capepk1..."`), for `encrypt(key=...)`.

        Args:
            username: A user name or account id; this client's account by default.
            key_path: A file to keep this account's key in: read when it exists, else written. A key
                that is read counts for as long as you keep the file: neither its epoch nor the
                policy of today is looked at, as they are for what `key_record` remembers.
            pcrs: Alternatives for each PCR, instead of the policy's values. The key is then one
                that they vouch for, whatever is in the file, which is written anew.
            kem: "xwing" or "x25519".

        Raises:
            ValueError: both `username` and `key_path` are given.
            CapeError: as `encrypt` besides.
        """
        if username is not None and key_path is not None:
            raise ValueError("username and key_path exclude each other")
        check_kem(kem)
        if pcrs is None and (kept := kept_key(key_path)) is not None:
            return kept
        record = self.key_record(username=username, pcrs=pcrs, kem=kem)
        text = record.public_key.to_text().encode()
        keep_key(text, key_path)
        return text

    def key_record(
        self, *, username: str | None = None, pcrs: Pcrs | None = None, kem: str = DEFAULT_KEM
    ) -> KeyRecord:
        """Return an account's public key with its epoch, and what vouched for it when.

        Args:
            username: A user name or account id; this client's account by default.
            pcrs: Alternatives for each PCR, instead of the policy's values.
            kem: "xwing" or "x25519".

        Raises:
            TypeError: `username` is no text.
            ValueError: there is no such KEM.
            CapeError: as `encrypt` besides.
        """
        check_kem(kem)
        user = self._own_account() if username is None else only_text("username", username)
        account = self._drive(self._platform.user_names.account_of(user))
        return self._account_key(account, kem, pcrs)

    def _keys_for(
        self, recipients: list[Recipient] | None, kem: str, *, anonymous: bool
    ) -> list[PublicKey]:
        check_kem(kem)
        if anonymous:
            check_anonymous(recipients)
        keys = []
        for recipient in [self._own_account()] if recipients is None else recipients:
            if isinstance(recipient, PublicKey):
                keys.append(recipient)
                continue
            account = self._drive(self._platform.user_names.account_of(recipient))
            keys.append(self._account_key(account, kem, None).public_key)
        return keys

    def _account_key(self, account: str, kem: str, pcrs: Pcrs | None) -> KeyRecord:
        self._platform.config.require_url()
        policy = self._platform.policy(pcrs)
        cached = self._platform.keys.remembered(account, kem, policy)
        if cached is not None:
            return cached
        return self._ask(policy, lambda session: self._platform.keys.fetch(session, account, kem))

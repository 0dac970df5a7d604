"""Encryption of files and streams, for the sync client; `_async_client_files.py` is the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from . import envelope
from ._byte_streams import Reader, Writer
from ._client_encryption import ClientEncryption
from ._encryption_arguments import DEFAULT_KEM, Recipient, encryption_context, recipients_of
from ._envelope_files import AnyPath, Progress, of_total, open_any, open_file, seal_file
from ._functions import Function
from ._key_arguments import check_not_the_key, private_key_of
from .keys import PrivateKey, PublicKey


class ClientFiles(ClientEncryption):
    """What a client does with files and streams, in constant memory."""

    def encrypt_file(
        self,
        source: AnyPath,
        destination: AnyPath,
        *,
        username: str | None = None,
        key: bytes | str | PublicKey | None = None,
        key_path: AnyPath | None = None,
        recipient: Recipient | Sequence[Recipient] | None = None,
        kem: str = DEFAULT_KEM,
        functions: Sequence[Function] | None = None,
        not_after: datetime | None = None,
        context: Mapping[str, str] | None = None,
        anonymous: bool = False,
        progress: Progress | None = None,
    ) -> int:
        """Encrypt a file of any size into another, in constant memory.

        Nothing is at `destination` until all of it is; then a file that is there is replaced. While
        it is written it has no name, or where a file system has no such files it is in the same
        folder, as `.NAME.SOMETHING.part`; it is gone when anything is raised. It has the
        permissions of `source`, within the umask, and nobody's to execute it; those of the file
        that it replaces, if there is one.

        Args:
            source: A file, or a pipe or device that ends; links are followed.
            destination: Another file, or where there is nothing. A link is followed, and stays. For
                pipes and devices there is `encrypt_stream`.
            username: As for `encrypt`.
            key: As for `encrypt`.
            key_path: As for `encrypt`.
            recipient: As for `encrypt`.
            kem: As for `encrypt`.
            functions: As for `encrypt`.
            not_after: As for `encrypt`.
            context: As for `encrypt`.
            anonymous: As for `encrypt`.
            progress: Called after each window, about a MiB, with the bytes read, and the file's
                size, None where that is not known; by `AsyncCape` in the thread that does the work.

        Returns:
            The bytes of the envelope, in binary form. An enclave opens it as the input of a
            function, like text: `run(function, token, Path(destination).read_bytes())`.

        Raises:
            ValueError: both are the same file.
            ConfigError: one of them cannot be read or written: no room, no such folder, no right.
            CapeError: as `encrypt` besides.
        """
        public = encryption_context(context, functions, not_after)
        recipients = recipients_of(username, recipient, key, key_path)
        keys = self._keys_for(recipients, kem, anonymous=anonymous)
        return seal_file(
            source, destination, keys, context=public, anonymous=anonymous, progress=progress
        )

    def decrypt_file(
        self,
        source: AnyPath,
        destination: AnyPath,
        private_key: PrivateKey | AnyPath,
        *,
        progress: Progress | None = None,
    ) -> int:
        """Decrypt a file of any size into another, in constant memory.

        What was encrypted for an account cannot be decrypted here: its keys never leave enclaves,
        which open it as the input of the account's functions.

        Nothing is at `destination` until all of `source` was read and proved authentic to its end.
        A new file is readable by its owner only; else all is as for `encrypt_file`.

        Args:
            source: An envelope of version 2 or 1, in any form. In text form, and of version 1, it
                is held in memory.
            destination: As for `encrypt_file`.
            private_key: The key, or the path of its file, as `cape keys generate` writes it.
            progress: As for `encrypt_file`.

        Returns:
            The bytes of the plaintext.

        Raises:
            ValueError: both are the same file, or `destination` is the key's.
            ConfigError: a file cannot be read or written, or others can read the key's.
            KeyInvalid: the key's file holds none.
            DecryptFailed: it is for another key, or was altered.
            Truncated: it ends too early.
            UnsupportedFormat: it is no envelope of a known version.
        """
        opener = private_key_of(private_key)
        check_not_the_key(destination, private_key)
        return open_file(source, destination, opener, progress=progress)

    def encrypt_stream(
        self,
        reader: Reader,
        writer: Writer,
        *,
        username: str | None = None,
        key: bytes | str | PublicKey | None = None,
        key_path: AnyPath | None = None,
        recipient: Recipient | Sequence[Recipient] | None = None,
        kem: str = DEFAULT_KEM,
        functions: Sequence[Function] | None = None,
        not_after: datetime | None = None,
        context: Mapping[str, str] | None = None,
        anonymous: bool = False,
        progress: Progress | None = None,
    ) -> int:
        """Encrypt everything that `reader` gives, in constant memory; `writer` gets binary form.

        After an error, what was written is no envelope: it has no end, and opens as truncated. What
        the reader, the writer and `progress` raise is passed on.

        Args:
            reader: A binary file object, read to its end. With `AsyncCape` it is an ordinary one
                too, and used in a thread, as `writer` is.
            writer: A binary file object. It must not keep what it is given.
            username: As for `encrypt`.
            key: As for `encrypt`.
            key_path: As for `encrypt`.
            recipient: As for `encrypt`.
            kem: As for `encrypt`.
            functions: As for `encrypt`.
            not_after: As for `encrypt`.
            context: As for `encrypt`.
            anonymous: As for `encrypt`.
            progress: As for `encrypt_file`; the size is None.

        Returns:
            The bytes written.

        Raises:
            TypeError: `reader` or `writer` is no binary file object.
            ValueError: `reader` or `writer` does not wait, or tells a wrong count.
            CapeError: as `encrypt` besides.
        """
        public = encryption_context(context, functions, not_after)
        recipients = recipients_of(username, recipient, key, key_path)
        keys = self._keys_for(recipients, kem, anonymous=anonymous)
        return envelope.seal_stream(
            reader,
            writer,
            keys,
            context=public,
            anonymous=anonymous,
            progress=of_total(progress, None),
        )

    def decrypt_stream(
        self,
        reader: Reader,
        writer: Writer,
        private_key: PrivateKey | AnyPath,
        *,
        progress: Progress | None = None,
    ) -> int:
        """Decrypt everything that `reader` gives, in constant memory.

        **Whoever uses what was written before this returns uses a part of which only the end could
        tell that it is the whole.** Nothing altered is ever written; but when an error is raised,
        what was written is to be discarded. `decrypt_file` sees to that.

        Args:
            reader: A binary file object, as for `encrypt_stream`, with what `decrypt_file` reads.
            writer: As for `encrypt_stream`.
            private_key: As for `decrypt_file`.
            progress: As for `encrypt_stream`.

        Returns:
            The bytes written.

        Raises:
            TypeError: as for `encrypt_stream`.
            ValueError: as for `encrypt_stream`.
            CapeError: as `decrypt_file` besides.
        """
        opener = private_key_of(private_key)
        return open_any(reader, writer, opener, progress=of_total(progress, None))

"""The whole way: from a profile to a proven result."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager

from . import attestation, envelope, jws, statements
from .attestation import Verified
from .cbor import decode
from .connection import ALL_SUITES, Connection, Trust, establish
from .contents import Operation
from .control_plane import ControlPlane
from .errors import PermissionDenied, ProtocolError
from .jws import Account
from .keys import XWING, PublicKey
from .profile import Profile
from .statements import Function


class Client:
    """An account on the platform that a profile describes."""

    def __init__(self, profile: Profile, account: Account):
        self.profile = profile
        self.account = account
        self.control_plane = ControlPlane(profile.url)

    def close(self) -> None:
        self.control_plane.close()

    def join(self) -> Verified:
        """Judge the vault's birth document, as whoever joins a platform does."""
        return attestation.verify_birth(
            self.profile.birth,
            trust_roots=self.profile.trust_roots,
            releases=self.profile.releases,
            now_ms=time.time_ns() // 1_000_000,
        )

    def connect(
        self, function: Function | None = None, suites: Sequence[int] = ALL_SUITES
    ) -> AbstractContextManager[Connection]:
        """Open a session with an enclave that the profile's policy approves."""
        url = self.control_plane.placement(function and function.checksum.hex())
        trust = Trust(self.profile.trust_roots, self.profile.releases)
        return establish(url, trust, suites)

    def function(self, asked: str) -> Function:
        """Return a function, by its id or checksum."""
        manifest = self.control_plane.manifest(asked)
        return statements.expect(statements.read_manifest(manifest), asked)

    def newest_function(self, account_id: str, name: str) -> Function:
        """Return the newest function that an account has under a name."""
        function = statements.read_manifest(self.control_plane.manifests(account_id, name)[0])
        if (function.settings["account"], function.settings["name"]) != (account_id, name):
            raise PermissionDenied(f"the directory answered with another function than {name}")
        return function

    def account_of(self, name: str) -> str:
        """Return the account that claims a user name.

        Which account that is the directory decides when it is asked first: show it to people, and
        remember it.
        """
        claim = jws.verify(self.control_plane.name(name), statements.NAME)
        if claim.members["name"] != name:
            raise PermissionDenied(f"the directory answered with another name than {name}")
        return claim.members["account"]

    def run(
        self,
        connection: Connection,
        function: Function,
        data: bytes,
        *,
        token: str | None = None,
        records: list[str] | None = None,
    ) -> bytes:
        """Run a function, with a token or as its owner, and return its whole output."""
        members = self.opening(connection, function, token) | with_records(records)
        return bytes(connection.call(Operation.RUN, members, data).output)

    def opening(self, connection: Connection, function: Function, token: str | None) -> dict:
        """Return the keys of OPEN that say what to run, and by what right."""
        credential = {4: self.owner_proof(connection)} if token is None else {3: token}
        return {2: function.checksum, **credential}

    def deploy(self, connection: Connection, name: str, bundle: bytes, **settings) -> Function:
        """Sign a manifest for a bundle, send both to the enclave, and register the function."""
        function = statements.sign_manifest(
            self.account,
            bundle,
            {
                "name": name,
                "version": self.control_plane.last_version(self.account.id, name) + 1,
                "python": self.profile.python,
                "platform": self.profile.platform,
                **settings,
            },
        )
        members = {4: self.owner_proof(connection), 7: function.manifest}
        connection.call(Operation.DEPLOY, members, bundle)
        self.control_plane.register(function.manifest)
        return function

    def account_key(self, connection: Connection, account_id: str, kem: int = XWING) -> PublicKey:
        """Return the key that seals for an account: the one of its present epoch."""
        account = jws.account_key(account_id)
        epoch, record = 0, self.control_plane.epoch(account_id)
        if record is not None:
            statement = jws.verify(record, statements.EPOCH)
            if statement.account != account:
                raise PermissionDenied("the epoch record is another account's")
            epoch = statement.members["epoch"]
        members = {11: {1: account, 2: kem}, **with_records(record and [record])}
        answer = connection.call(Operation.KEY, members).end[6]
        if answer[3] != epoch:
            raise ProtocolError("the enclave answered for another epoch")
        return PublicKey(kem, answer[4])

    def encrypt(self, connection: Connection, data: bytes, account_id: str, **options) -> bytes:
        """Seal for an account; the text form, which a function's input may have."""
        kem = options.pop("kem", XWING)
        key = self.account_key(connection, account_id, kem)
        return envelope.to_text(envelope.seal(data, [key], **options))

    def describe(self, connection: Connection) -> tuple[dict, dict]:
        """Return what the enclave says of its runtime, and its present state."""
        answer = connection.call(Operation.DESCRIBE).end[6]
        return decode(answer[1]), answer[3]

    def owner_proof(self, connection: Connection) -> str:
        return statements.sign_owner_proof(self.account, connection.owner_session)


def with_records(records: list[str] | None) -> dict[int, list[str]]:
    """Return key 10 of OPEN, if there are records to bring."""
    return {10: records} if records else {}

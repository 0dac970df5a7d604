"""The compiled core. Public modules give these names to users; see there for prose.

Errors are those of `pycape.errors`. Times are milliseconds since 1970, unless they say seconds.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from os import PathLike
from typing import Any, ClassVar, Literal, Self, TypeAlias, final

from typing_extensions import Buffer, disjoint_base

__all__ = [
    "Account",
    "AccountKey",
    "CancelEvent",
    "Certificate",
    "ChainCache",
    "ClientHandshake",
    "ClientSession",
    "CloseEvent",
    "Compressor",
    "CreditEvent",
    "DataEvent",
    "Description",
    "EnclaveHandshake",
    "EnclaveImage",
    "EnclaveSession",
    "EndEvent",
    "EnvelopeHeader",
    "ErrorEvent",
    "ImageSigner",
    "ImageTree",
    "InputEndEvent",
    "InsecureEnclave",
    "IsolationLayer",
    "IssuedReceipt",
    "LogEvent",
    "Manifest",
    "OpenEvent",
    "Policy",
    "PrivateKey",
    "PublicKey",
    "RamdiskEntry",
    "RandomAccess",
    "ReceiptStatement",
    "Release",
    "RevocationList",
    "RuntimeDescription",
    "RuntimeLimits",
    "SigningCertificate",
    "Stanza",
    "StreamOpener",
    "StreamSealer",
    "TokenClaims",
    "TrustRoots",
    "UnverifiedAttestation",
    "UnverifiedReceipt",
    "VerifiedAttestation",
    "VerifiedReceipt",
    "ZstdDecompressor",
    "change_recipients",
    "function_id",
    "head_size",
    "header_size",
    "inspect_document",
    "inspect_envelope",
    "inspect_envelope_start",
    "inspect_receipt_file",
    "is_account_id",
    "is_function_id",
    "last_chunk_start",
    "open",
    "read_image",
    "read_ramdisk",
    "read_ramdisk_files",
    "read_statement",
    "seal",
    "seal_into",
    "seal_version_one",
    "sealed_size",
    "section_sha256",
    "sign_image",
    "verify_birth_document",
    "verify_document",
    "verify_epoch_record",
    "verify_name_claim",
    "verify_receipt_file",
    "verify_request",
    "write_image",
]

# Keys and envelopes

@final
class PublicKey:
    """A public key that data can be sealed for.

    `kind` is "xwing", "x25519" or "rsa"; `key_id` 8 bytes; `fingerprint` short text to compare.
    """

    @staticmethod
    def from_raw(kind: str, raw: Buffer) -> PublicKey:
        """Take a raw key: X25519 32 bytes, X-Wing 1216, RSA an SPKI in DER.

        `KeyInvalid` for other bytes, `ValueError` for a kind that there is not.
        """
    @staticmethod
    def from_text(text: str) -> PublicKey:
        """Read the text form, `capepk1...`. `KeyInvalid`."""
    def to_raw(self) -> bytes:
        """Return the raw key."""
    def to_text(self) -> str:
        """Return the text form."""
    @property
    def kind(self) -> str: ...
    @property
    def key_id(self) -> bytes: ...
    @property
    def fingerprint(self) -> str: ...
    def __hash__(self) -> int: ...

@final
class PrivateKey:
    """A private key: it opens what was sealed for `public_key`. `repr` shows a fingerprint only."""

    @staticmethod
    def generate(kind: str = "xwing") -> PrivateKey:
        """Make a key of kind "xwing" or "x25519"; `ValueError` for another kind."""
    @staticmethod
    def from_raw(kind: str, raw: Buffer) -> PrivateKey:
        """Take a raw key: X25519's scalar, X-Wing's seed (32 bytes), RSA a PKCS#8 in DER.

        `KeyInvalid` for other bytes, `ValueError` for a kind that there is not.
        """
    @staticmethod
    def from_text(text: str) -> PrivateKey:
        """Read the text form, `capesk1...`. `KeyInvalid`."""
    def to_raw(self) -> bytes:
        """Return the raw key: a secret."""
    def to_text(self) -> str:
        """Return the text form: a secret."""
    @property
    def kind(self) -> str: ...
    @property
    def public_key(self) -> PublicKey: ...

@final
class Stanza:
    """One recipient in an envelope's header; `key_id` is all zero for an anonymous one.

    Version 1 never tells its recipient, whose `kind` is "rsa".

    `kind` is None for a type that this release does not know.
    """

    @property
    def kind(self) -> str | None: ...
    @property
    def type(self) -> int: ...
    @property
    def key_id(self) -> bytes: ...

@final
class EnvelopeHeader:
    """What an envelope says in the clear; unauthenticated without a key. Sizes are bytes.

    `suite` is "AES-256-GCM" or "ChaCha20-Poly1305". Version 1 has no header, so `header_size` is
    None, and `plaintext_size` too, which only who has the key can tell.
    """

    @property
    def version(self) -> int: ...
    @property
    def suite(self) -> str: ...
    @property
    def recipients(self) -> list[Stanza]: ...
    @property
    def context(self) -> dict[str, bytes]: ...
    @property
    def header_size(self) -> int | None: ...
    @property
    def size(self) -> int: ...
    @property
    def plaintext_size(self) -> int | None: ...

def seal(
    data: Buffer,
    recipients: Sequence[PublicKey],
    context: dict[str, str],
    aad: Buffer,
    anonymous: bool,
) -> bytes: ...
def seal_version_one(data: Buffer, recipient: PublicKey) -> bytes: ...
def seal_into(
    data: Buffer,
    recipients: Sequence[PublicKey],
    buffer: Buffer,
    context: dict[str, str],
    aad: Buffer,
    anonymous: bool,
) -> int: ...
def change_recipients(
    data: Buffer,
    private_key: PrivateKey,
    add: Sequence[PublicKey],
    remove: Iterable[bytes],
    anonymous: bool,
    header_only: bool,
) -> bytes: ...
def sealed_size(size: int, recipients: Sequence[PublicKey], context: dict[str, str]) -> int: ...
def open(data: Buffer, private_key: PrivateKey, aad: Buffer) -> bytes: ...
def inspect_envelope(data: Buffer) -> EnvelopeHeader: ...
def inspect_envelope_start(start: Buffer) -> EnvelopeHeader: ...
def head_size(start: Buffer) -> int: ...
def header_size(start: Buffer) -> int: ...
def last_chunk_start(chunks_size: int) -> int: ...

@final
class StreamSealer:
    """Seals one stream, window by window, from one buffer into another. `head` comes first."""

    def __new__(
        cls,
        recipients: Sequence[PublicKey],
        context: dict[str, str],
        aad: Buffer,
        anonymous: bool,
    ) -> Self: ...
    @property
    def head(self) -> bytes: ...
    def seal(self, data: Buffer, buffer: Buffer) -> int: ...
    def finish(self, data: Buffer, buffer: Buffer) -> int: ...

@final
class StreamOpener:
    """Opens one stream, window by window, from one buffer into another."""

    def __new__(cls, head: Buffer, private_key: PrivateKey, aad: Buffer) -> Self: ...
    def open(self, data: Buffer, buffer: Buffer) -> int: ...
    def finish(self, data: Buffer, buffer: Buffer) -> int: ...

@final
class RandomAccess:
    """Opens the chunks of one envelope in any order; `last` is the last of them, which it opens."""

    def __new__(
        cls, head: Buffer, private_key: PrivateKey, aad: Buffer, chunks_size: int, last: Buffer
    ) -> Self: ...
    @property
    def size(self) -> int: ...
    @property
    def context(self) -> dict[str, bytes]: ...
    def open(self, first: int, data: Buffer, buffer: Buffer) -> int: ...

# Attestation

@final
class Release:
    """Measurements of an approved enclave.

    Args:
        pcrs: By index (0 to 31), 48 bytes or 96 hexadecimal digits each. PCR0, or PCR1 and PCR2,
            or PCR8 must be among them.
        vault: The vault's id, 32 bytes or 64 hexadecimal digits; sessions need one.
        name: What the release is called.
        not_after: The last day it counts, if it has one.

    Raises:
        ValueError: a value has another length, or the release pins no code.
    """

    def __new__(
        cls,
        pcrs: dict[int, bytes | str],
        vault: bytes | str | None = None,
        name: str | None = None,
        not_after: date | datetime | None = None,
    ) -> Self: ...
    @property
    def pcrs(self) -> dict[int, bytes]: ...
    @property
    def vault(self) -> bytes | None: ...
    @property
    def name(self) -> str: ...
    @property
    def not_after(self) -> datetime | None: ...
    @property
    def digest(self) -> str:
        """64 hexadecimal digits that stand for the release in key records."""

@final
class Policy:
    """The releases to accept; at least one.

    Raises:
        ValueError: there is none.
    """

    def __new__(cls, releases: Sequence[Release]) -> Self: ...
    @staticmethod
    def from_toml(text: str) -> Policy:
        """Read a policy file's text. `ConfigError` says what is wrong."""
    @staticmethod
    def insecure_any_code() -> Policy:
        """Return what `pycape.insecure.any_code` does, without its warning."""
    def to_toml(self) -> str:
        """Return the text of a policy file."""
    @property
    def releases(self) -> list[Release]: ...
    @property
    def is_insecure(self) -> bool:
        """Whether any code is accepted."""
    def has_release(self, digest: str, now_ms: int) -> bool:
        """Tell whether a release of this digest counts now."""
    def matching(self, pcrs: dict[int, bytes]) -> str | None:
        """Return the name of the first release with these measurements."""
    def with_alternatives(self, pcrs: dict[int, Sequence[str]]) -> Policy:
        """Return a policy of every combination of these values, for what is pinned there.

        Where an image is named (PCR 0, or 1 and 2), nothing stays of PCR 0, 1 and 2; the other
        registers, vaults and dates of each release stay. `ValueError` for more than 256 releases
        or no alternatives.
        """

@final
class TrustRoots:
    """Where a chain may end."""

    def __new__(cls, certificates: Sequence[Buffer]) -> Self:
        """Trust these development roots, DER each. `ValueError` for something else."""
    @staticmethod
    def aws() -> TrustRoots:
        """Trust AWS's root for Nitro enclaves, which is compiled in."""
    @staticmethod
    def development(certificates: Sequence[Buffer]) -> TrustRoots:
        """Trust these development roots, DER each."""
    @property
    def digests(self) -> list[str]:
        """SHA-256 of each, in hexadecimal."""

@final
class ChainCache:
    """Remembers verified certificates; bounded, and safe to share between threads."""

    def __new__(cls) -> Self: ...
    def __len__(self) -> int: ...

@final
class Certificate:
    """One certificate of a verified chain."""

    @property
    def subject(self) -> str: ...
    @property
    def not_before(self) -> datetime: ...
    @property
    def not_after(self) -> datetime: ...

@final
class VerifiedAttestation:
    """A document that passed every check. Only verification makes one.

    `trust` is "aws" or "development"; digests are hexadecimal; `nonce_checked` is false where the
    caller accepted any nonce; `release` is None under `insecure.any_code()`.
    """

    @property
    def document(self) -> bytes:
        """The document itself, as received."""
    @property
    def module_id(self) -> str: ...
    @property
    def timestamp(self) -> datetime: ...
    @property
    def pcrs(self) -> dict[int, bytes]: ...
    @property
    def public_key(self) -> bytes | None: ...
    @property
    def user_data(self) -> bytes | None: ...
    @property
    def nonce(self) -> bytes | None: ...
    @property
    def nonce_checked(self) -> bool: ...
    @property
    def trust(self) -> Literal["aws", "development"]: ...
    @property
    def trust_root_digest(self) -> str: ...
    @property
    def release(self) -> str | None: ...
    @property
    def release_digest(self) -> str | None: ...
    @property
    def vault(self) -> bytes | None: ...
    @property
    def document_sha384(self) -> str: ...
    @property
    def chain(self) -> list[Certificate]:
        """Root first, leaf last."""

@final
class UnverifiedAttestation:
    """What a document claims. Nothing of it was checked."""

    @property
    def module_id(self) -> str: ...
    @property
    def timestamp(self) -> datetime: ...
    @property
    def pcrs(self) -> dict[int, bytes]: ...
    @property
    def public_key(self) -> bytes | None: ...
    @property
    def user_data(self) -> bytes | None: ...
    @property
    def nonce(self) -> bytes | None: ...

def verify_document(
    document: Buffer,
    policy: Policy,
    nonce: Buffer | None,
    trust_roots: TrustRoots,
    now_ms: int,
    max_age_ms: int,
    purpose: str,
    cache: ChainCache | None,
) -> VerifiedAttestation: ...
def verify_birth_document(
    document: Buffer, trust_roots: TrustRoots, policy: Policy, now_ms: int
) -> VerifiedAttestation: ...
def inspect_document(document: Buffer) -> UnverifiedAttestation: ...

# Identity

@final
class Account:
    """An account: an Ed25519 key pair. Its text form is a secret; `repr` shows the id."""

    @staticmethod
    def generate() -> Account:
        """Make a new one."""
    @staticmethod
    def from_text(text: str) -> Account:
        """Read the text form; `KeyInvalid` where it is none."""
    @staticmethod
    def from_seed(seed: bytes) -> Account:
        """Make the one of a seed of 32 bytes."""
    def to_text(self) -> str:
        """Return the text form: a secret."""
    @property
    def id(self) -> str: ...
    def sign_manifest(
        self,
        *,
        name: str,
        version: int,
        bundle_sha256: str,
        bundle_size: int,
        python: str,
        platform: str,
        handler: str,
        isolation: str,
        memory_mib: int,
        timeout_s: int,
        env: dict[str, str],
        min_epoch: int = 0,
        revocation_max_age_s: int | None = None,
    ) -> str:
        """Sign a function's manifest; a JWS, as what the others return."""
    def sign_token(self, checksum: str, lifetime_s: int, name: str | None, now_ms: int) -> str:
        """Sign a token for the function of a checksum."""
    def sign_owner_proof(self, owner_session: str) -> str:
        """Sign a session as this account."""
    def sign_name_claim(self, name: str) -> str:
        """Sign the claim to a user name."""
    def sign_epoch_record(self, epoch: int) -> str:
        """Sign the record of an epoch."""
    def sign_revocations(
        self, number: int, jtis: Sequence[str], checksums: Sequence[str], now_ms: int
    ) -> str:
        """Sign a revocation list."""
    def sign_request(self, method: str, path: str, now_ms: int) -> str:
        """Sign a request to the control plane."""

@final
class Manifest:
    """A function's manifest whose signature holds. `text` is the JWS."""

    @staticmethod
    def verify(text: str) -> Manifest:
        """Read a JWS. `ProtocolError` where its form or its signature is not right."""
    @property
    def text(self) -> str: ...
    @property
    def checksum(self) -> str: ...
    @property
    def function_id(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def bundle_sha256(self) -> str: ...
    @property
    def bundle_size(self) -> int: ...
    @property
    def python(self) -> str: ...
    @property
    def platform(self) -> str: ...
    @property
    def handler(self) -> str: ...
    @property
    def isolation(self) -> Literal["session", "call", "function"]: ...
    @property
    def memory_mib(self) -> int: ...
    @property
    def timeout_s(self) -> int: ...
    @property
    def env(self) -> dict[str, str]: ...
    @property
    def min_epoch(self) -> int: ...
    @property
    def max_epoch(self) -> int:
        """The newest epoch of its account's keys that the function opens."""
    @property
    def revocation_max_age_s(self) -> int | None: ...

@final
class TokenClaims:
    """What a token says; its issuer's signature holds. Times are seconds since 1970."""

    @staticmethod
    def read(text: str) -> TokenClaims:
        """Read a token's text. `TokenInvalid`."""
    @property
    def account(self) -> str: ...
    @property
    def checksum(self) -> str: ...
    @property
    def jti(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def issued_at(self) -> int: ...
    @property
    def expires(self) -> int: ...

@final
class RevocationList:
    """An account's revocation list whose signature holds. `issued_at` is in seconds."""

    @staticmethod
    def verify(text: str) -> RevocationList: ...
    @property
    def account(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def issued_at(self) -> int: ...
    @property
    def jtis(self) -> list[str]: ...
    @property
    def checksums(self) -> list[str]: ...

def verify_name_claim(text: str) -> tuple[str, str]: ...
def verify_epoch_record(text: str) -> tuple[str, int]: ...
def verify_request(text: str, method: str, path: str, now_ms: int) -> tuple[str, str]: ...
def read_statement(text: str) -> tuple[str, str, bytes] | None:
    """Read a statement whose signature holds: type, account, payload. None for other text."""

def function_id(checksum: str) -> str: ...
def is_account_id(text: str) -> bool: ...
def is_function_id(text: str) -> bool: ...

# Receipts

@disjoint_base
class ReceiptStatement:
    """What a receipt states about one run. Digests, session and nonce are hexadecimal.

    `checksum` is the function's. `input_digest` and `output_digest` are SHA-256(salt || data), the
    latter None when the run failed; `ciphertext_digest` is the plain SHA-256 of an input that was
    encrypted. `outcome` is "success" or the name of an error's class. `sequence` counts the
    receipts of the enclave's key from 1.
    """

    @property
    def checksum(self) -> str: ...
    @property
    def input_digest(self) -> str: ...
    @property
    def output_digest(self) -> str | None: ...
    @property
    def ciphertext_digest(self) -> str | None: ...
    @property
    def outcome(self) -> str: ...
    @property
    def started(self) -> datetime: ...
    @property
    def duration_us(self) -> int: ...
    @property
    def call_nonce(self) -> str | None: ...
    @property
    def sequence(self) -> int: ...
    @property
    def session(self) -> str: ...
    @property
    def document_sha384(self) -> str: ...

@final
class VerifiedReceipt(ReceiptStatement):
    """What an enclave proved about one run: every check held.

    `receipt` is the signed message itself (COSE_Sign1), `key` what signed it (SPKI, DER), and
    `attestation` what the enclave proved that vouches for the key. `salts` are what data is
    compared with; who has them and the receipt can try out guesses, so they are not in the file.
    """

    @property
    def receipt(self) -> bytes: ...
    @property
    def key(self) -> bytes: ...
    @property
    def attestation(self) -> VerifiedAttestation: ...
    @property
    def salts(self) -> bytes | None: ...
    def to_bytes(self) -> bytes:
        """Return the file for others: receipt, key and attestation document, without salts."""

@final
class UnverifiedReceipt(ReceiptStatement):
    """What a receipt claims. Nothing of it was checked."""

def verify_receipt_file(
    file: Buffer,
    policy: Policy,
    trust_roots: TrustRoots,
    now_ms: int,
    salts: Buffer | None,
    checksum: str | None,
    call_nonce: bytes | None,
    input: Buffer | None,
    output: Buffer | None,
) -> VerifiedReceipt: ...
def inspect_receipt_file(file: Buffer) -> UnverifiedReceipt: ...

# Sessions

@final
class ClientHandshake:
    """A client's side of the handshake, for one connection."""

    def __new__(cls, suites: Sequence[int]) -> Self: ...
    @property
    def query(self) -> str: ...
    def verify(
        self,
        server_hello: Buffer,
        trust_roots: TrustRoots,
        policy: Policy,
        cache: ChainCache,
        now_ms: int,
    ) -> ClientSession:
        """Judge the enclave's ServerHello; only then is there a session."""

@final
class ClientSession:
    """A session with a proven enclave. What its methods return is sent, in that order."""

    @property
    def attestation(self) -> VerifiedAttestation: ...
    @property
    def owner_session(self) -> str: ...
    def open_run(
        self,
        checksum: bytes,
        *,
        call_nonce: bytes | None,
        token: str | None,
        owner_proof: str | None,
        statements: Sequence[str],
        shared: bool,
        log: bool,
        deadline_ms: int | None,
        input: Buffer | None,
        salts: tuple[bytes, bytes] | None,
    ) -> tuple[int, bytes]:
        """Open a call of a function: its number, and the message."""
    def verify_receipt(
        self,
        receipt: Buffer,
        key: Buffer,
        salts: Buffer,
        *,
        checksum: bytes,
        call_nonce: bytes,
        after: int,
        input: Buffer,
        output: Buffer | None,
        error: str | None,
    ) -> VerifiedReceipt:
        """Judge the receipt of a call whose input and output are here."""
    def verify_stream_receipt(
        self,
        receipt: Buffer,
        key: Buffer,
        salts: tuple[bytes, bytes],
        *,
        checksum: bytes,
        call_nonce: bytes,
        after: int,
        input_digest: bytes,
        sealed: bool,
        output_digest: bytes | None,
        error: str | None,
    ) -> VerifiedReceipt:
        """Judge the receipt of a call of whose data the digests are here."""
    def open_deploy(
        self, manifest: str, owner_proof: str, *, zstd: bool = False
    ) -> tuple[int, bytes]:
        """Open the deployment of a bundle: its number, and the message."""
    def open_key(self, account: str, kem: str, statements: Sequence[str]) -> tuple[int, bytes]:
        """Open the question for an account's key: its number, and the message."""
    def open_describe(self) -> tuple[int, bytes]:
        """Open the question what the enclave is: its number, and the message."""
    def data(self, call: int, bytes: Buffer) -> bytes:
        """Return the message with a piece of a call's input."""
    def sendable(self, call: int) -> int:
        """Return how many bytes of a call's input may be sent now."""
    def end(self, call: int) -> bytes:
        """Return the message that ends a call's input."""
    def cancel(self, call: int) -> bytes:
        """Return the message that takes a call back."""
    def consumed(self, call: int, bytes: int) -> bytes | None:
        """Count output as taken; the message that grants more, when it is time for one."""
    def close(self, code: int) -> bytes:
        """Return the message that ends the session."""
    def receive(self, message: Buffer) -> _Event | None:
        """Open a message; None where it concerns no call."""

@final
class Compressor:
    """Turns a bundle, piece by piece, into the one zstd stream that `open_deploy` announces.

    Spec: docs/spec/session.md, OPEN, options.
    """

    def __init__(self) -> None: ...
    @staticmethod
    def pays(sample: Buffer) -> bool:
        """Tell whether a bundle of which this is a sample becomes shorter by a fifth or more."""
    def compress(self, content: Buffer) -> bytes:
        """Return what the stream goes on with; it may be nothing yet."""
    def finish(self) -> bytes:
        """Return what the stream ends with; `ValueError` after that."""

@final
class DataEvent:
    """Bytes of a call's output."""

    call: int
    data: bytes

@final
class LogEvent:
    """What a function printed during a call."""

    call: int
    data: bytes

@final
class EndEvent:
    """A call's output is whole; `output` is its last part."""

    call: int
    output: bytes
    usage: dict[str, Any]
    account_key: AccountKey | None
    description: Description | None
    receipt: bytes | None
    receipt_key: bytes | None
    salts: bytes | None
    input_taken: int | None

@final
class ErrorEvent:
    """A call failed, or, with call 0, the session."""

    call: int
    name: str
    message: str
    details: dict[str, str]
    receipt: bytes | None
    receipt_key: bytes | None
    salts: bytes | None
    input_taken: int | None

@final
class CreditEvent:
    """More input may be sent."""

    call: int

@final
class CloseEvent:
    """There will be no new calls."""

    code: int

_Event: TypeAlias = DataEvent | LogEvent | EndEvent | ErrorEvent | CreditEvent | CloseEvent

@final
class AccountKey:
    """An account's public key, as an enclave states it."""

    account: str
    kem: str
    epoch: int
    public_key: PublicKey

@final
class Description:
    """What an enclave says of itself; its document vouches for `static_description` (CBOR).

    `runtime` is that, read; None for a description of a form that this release does not know.
    """

    static_description: bytes
    runtime: RuntimeDescription | None
    receipt_key: bytes
    slots: int | None
    calls: int | None
    warm_functions: int | None
    clock_ms: int | None
    module_clock_ms: int | None

@final
class RuntimeDescription:
    """What a runtime says about itself. `mode` is what its measured settings say it is for."""

    version: str
    mode: Literal["development", "production"]
    python: str
    platform: str
    isolation: list[IsolationLayer]
    vault_backends: list[str]
    limits: RuntimeLimits

@final
class RuntimeLimits:
    """What a runtime allows.

    Calls on a connection, bytes of a run's input and of a bundle, handshakes a second.
    """

    calls: int
    run_bytes: int
    deploy_bytes: int
    handshakes: int

@final
class IsolationLayer:
    """One layer around a function's process; `off_because` is None when it is on."""

    name: str
    required: bool
    off_because: str | None

# An enclave in this process, for `pycape.testing`. Not on Windows.

@final
class InsecureEnclave:
    """What an enclave holds, in this process's memory: it protects nothing.

    `pcrs` are the measurements, 48 bytes each; `limits` are calls of a connection, bytes of an
    input and of a bundle. `SHIM` is the source of what runs functions, as the enclave has it.
    """

    SHIM: ClassVar[str]

    def __new__(
        cls,
        *,
        pcrs: tuple[bytes, bytes, bytes],
        python: str,
        platform: str,
        limits: tuple[int, int, int],
        now_ms: int,
    ) -> Self: ...
    @property
    def root(self) -> bytes:
        """The root that its documents end at, DER."""
    @property
    def vault(self) -> bytes:
        """The vault's id."""
    def birth(self, now_ms: int) -> bytes:
        """Return the document of the vault's birth."""
    def handshake(self, query: str, now_ms: int) -> EnclaveHandshake:
        """Answer a client's challenge with a document; `ValueError` for what is none."""
    def open_input(self, manifest: str, ciphertext: Buffer, now_ms: int) -> bytes:
        """Open a ciphertext as a function's input.

        Raises:
            DecryptFailed: it is for other keys.
            UseForbidden: its own rules forbid it.
        """

@final
class EnclaveHandshake:
    """An enclave's side of the handshake, for one connection; `hello` is its first message."""

    @property
    def hello(self) -> bytes: ...
    def receive(
        self, message: Buffer, max_calls: int
    ) -> tuple[EnclaveSession, _EnclaveEvent | None]:
        """Take the client's first message. `ProtocolError` when it is none."""

@final
class EnclaveSession:
    """An enclave's side of a session. What its methods return is sent, in that order."""

    def receive(self, message: Buffer) -> _EnclaveEvent | None:
        """Take one message; `bytes` are a reply that is all there is to do."""
    def authorize(
        self, enclave: InsecureEnclave, opened: OpenEvent, manifest: str, now_ms: int
    ) -> str | None:
        """Return the account that calls its own function, None for the bearer of a token.

        Raises:
            PermissionDenied: the caller may not run it.
        """
    def check_owner(self, opened: OpenEvent) -> None:
        """Check that the account whose function is deployed is there; `PermissionDenied`."""
    def sendable(self, call: int) -> int:
        """Return how many bytes of output may be sent now."""
    def data(self, call: int, bytes: Buffer) -> bytes: ...
    def log(self, call: int, data: Buffer) -> bytes | None: ...
    def consumed(self, call: int, bytes: int) -> bytes | None: ...
    def end(
        self,
        call: int,
        output: Buffer,
        *,
        duration_us: int | None = None,
        cold: bool | None = None,
        receipt: IssuedReceipt | None = None,
    ) -> bytes: ...
    def end_key(self, enclave: InsecureEnclave, opened: OpenEvent) -> bytes: ...
    def end_describe(
        self,
        enclave: InsecureEnclave,
        call: int,
        *,
        slots: int,
        calls: int,
        warm_functions: int,
        now_ms: int,
    ) -> bytes: ...
    def error(
        self,
        call: int,
        name: str,
        message: str,
        details: dict[str, str],
        receipt: IssuedReceipt | None = None,
    ) -> bytes: ...
    def sign_receipt(
        self,
        enclave: InsecureEnclave,
        opened: OpenEvent,
        *,
        salts: tuple[bytes, bytes],
        input_digest: bytes,
        ciphertext_digest: bytes | None,
        input_taken: int | None,
        output_digest: bytes | None,
        error: str | None,
        started_ms: int,
        duration_us: int,
    ) -> IssuedReceipt:
        """Sign what is said of a run: its output's digest, or the name of its error."""

@final
class IssuedReceipt:
    """A receipt, and what goes to the caller beside it."""

@final
class OpenEvent:
    """A client begins a call."""

    @property
    def call(self) -> int: ...
    @property
    def operation(self) -> Literal["run", "deploy", "key", "describe"]: ...
    @property
    def checksum(self) -> str | None: ...
    @property
    def manifest(self) -> str | None: ...
    @property
    def token(self) -> str | None: ...
    @property
    def input(self) -> bytes | None:
        """All of the input, where it came with this."""
    @property
    def receipt(self) -> bool: ...
    @property
    def salts(self) -> tuple[bytes, bytes] | None: ...
    @property
    def log(self) -> bool: ...
    @property
    def shared(self) -> bool: ...

@final
class InputEndEvent:
    """A client has sent all of its input."""

    call: int

@final
class CancelEvent:
    """A client does not want the call any more."""

    call: int

_EnclaveEvent: TypeAlias = (
    OpenEvent | DataEvent | InputEndEvent | CreditEvent | CancelEvent | CloseEvent | bytes
)

@final
class ZstdDecompressor:
    """Reads zstd streams, one behind the other, with a window of at most 128 MiB."""

    def __init__(self) -> None: ...
    @property
    def is_within_frame(self) -> bool:
        """Whether the stream cannot end here."""
    def decompress(self, data: Buffer, most: int) -> tuple[bytes, int]:
        """Return what comes out, at most `most` bytes and a MiB, and how many bytes went in.

        Raises ValueError for what is no such stream.
        """

@final
class SigningCertificate:
    """What an image is signed under. Anybody may write any subject."""

    @property
    def subject(self) -> str: ...
    @property
    def not_before(self) -> datetime: ...
    @property
    def not_after(self) -> datetime: ...
    @property
    def der(self) -> bytes: ...

@final
class EnclaveImage:
    """An image whose form is right. `metadata` is JSON; sections are kind, offset and size."""

    @property
    def architecture(self) -> Literal["aarch64", "x86_64"]: ...
    @property
    def default_memory(self) -> int: ...
    @property
    def default_cpus(self) -> int: ...
    @property
    def command_line(self) -> str: ...
    @property
    def metadata(self) -> str: ...
    @property
    def sections(
        self,
    ) -> list[
        tuple[Literal["kernel", "command_line", "metadata", "ramdisk", "signature"], int, int]
    ]: ...
    @property
    def pcrs(self) -> dict[int, bytes]:
        """PCR0, 1, 2 and 8 of an enclave that is started from it."""
    @property
    def certificate(self) -> SigningCertificate | None:
        """Who says that the image is theirs; None when nobody does."""
    def verify_signature(self, now_ms: int) -> None:
        """Raise ImageError unless this very image is signed under `certificate`, valid then."""

@final
class RamdiskEntry:
    """An entry of a ramdisk; `device` is major and minor."""

    name: str
    kind: Literal[
        "block_device", "character_device", "directory", "fifo", "file", "socket", "symlink"
    ]
    permissions: int
    user: int
    group: int
    size: int | None
    sha256: str | None
    target: str | None
    device: tuple[int, int] | None

def read_image(
    path: str | PathLike[str], progress: Callable[[int], object] | None = None
) -> EnclaveImage: ...
def read_ramdisk(
    path: str | PathLike[str],
    offset: int,
    size: int,
    progress: Callable[[int], object] | None = None,
) -> list[RamdiskEntry]: ...
def read_ramdisk_files(
    path: str | PathLike[str],
    offset: int,
    size: int,
    names: Iterable[str],
    progress: Callable[[int], object] | None = None,
) -> dict[str, bytes]: ...
def section_sha256(
    path: str | PathLike[str],
    offset: int,
    size: int,
    progress: Callable[[int], object] | None = None,
) -> str: ...

@final
class ImageTree:
    """What a ramdisk will hold: each entry below a directory that is there, each name once."""

    def __init__(self) -> None: ...
    def directory(self, name: str, permissions: int) -> None:
        """Add a directory."""
    def file(self, name: str, permissions: int, content: Buffer) -> None:
        """Add a file."""
    def file_from(self, name: str, permissions: int, path: str | PathLike[str]) -> None:
        """Add a file, whose content is read from another when the image is written."""
    def part_of(
        self, name: str, permissions: int, path: str | PathLike[str], offset: int, size: int
    ) -> None:
        """Add a file, whose content is a part of another when the image is written."""
    def symlink(self, name: str, target: str) -> None:
        """Add a symbolic link."""
    def character_device(self, name: str, permissions: int, major: int, minor: int) -> None:
        """Add a character device."""
    def give_to(self, name: str, user: int, group: int) -> None:
        """Give an entry to another user and group than 0."""

@final
class ImageSigner:
    """A key on P-384 that signs images, and its certificate, both in PEM.

    Raises KeyInvalid where one of them is none, or they do not belong together.
    """

    def __new__(cls, certificate: Buffer, private_key: Buffer) -> Self: ...
    @property
    def certificate(self) -> SigningCertificate: ...
    def is_valid_at(self, now_ms: int) -> bool:
        """Tell whether the certificate is valid at a time."""

def write_image(
    output: str | PathLike[str],
    architecture: str,
    default_memory: int,
    default_cpus: int,
    command_line: str,
    metadata: str,
    kernel: str | PathLike[str],
    ramdisks: list[ImageTree],
    signer: ImageSigner | None,
    progress: Callable[[int], object] | None,
) -> dict[int, bytes]: ...
def sign_image(
    source: str | PathLike[str],
    image: EnclaveImage,
    output: str | PathLike[str],
    signer: ImageSigner,
    progress: Callable[[int], object] | None = None,
) -> dict[int, bytes]: ...

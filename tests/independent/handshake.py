"""From a ServerHello to the keys of a session. docs/spec/session.md, handshake to keys."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from . import cbor, hpke
from .document import is_number
from .errors import KeyInvalid, ProtocolError, TooLarge
from .kem import KEMS
from .keys import X25519, XWING
from .text import base64url

# KEM, and whether frames are sealed with AES.
SUITES = {1: (XWING, True), 2: (X25519, True), 3: (XWING, False), 4: (X25519, False)}

SERVER_HELLO_LIMIT = 36 * 1024
PATH_LIMIT = 16
LABELS = {"c2e key": 32, "c2e iv": 12, "e2c key": 32, "e2c iv": 12, "cape/2 owner": 32}


@dataclass(frozen=True)
class ServerHello:
    """The enclave's first message, and its bytes as received, which are hashed."""

    octets: bytes
    suite: int
    document: bytes
    kem_public: bytes
    server_nonce: bytes
    path: list[bytes]
    index: int

    @property
    def hash(self) -> bytes:
        return hashlib.sha384(self.octets).digest()


@dataclass(frozen=True)
class Keys:
    """What one side has in the end."""

    suite: int
    exports: dict[str, bytes]
    owner_session: str


def read_server_hello(octets: bytes, offer: Sequence[int]) -> ServerHello:
    """Check the form of a ServerHello and that it answers this offer: checks 1 to 4.

    Raises:
        ProtocolError: it does not.
        TooLarge: it is above the limit.
    """
    if len(octets) > SERVER_HELLO_LIMIT:
        raise TooLarge("a ServerHello of more than 36 KiB")
    try:
        members = cbor.decode(octets)
        if not isinstance(members, dict) or members.keys() != {1, 2, 3, 4, 5, 6}:
            raise ValueError("a member is missing, or one too many")
        hello = ServerHello(octets, *(members[key] for key in range(1, 7)))
        if not is_number(hello.suite) or hello.suite not in {*offer} & SUITES.keys():
            raise ValueError(f"the suite {hello.suite!r} was not offered")
        kem = KEMS[SUITES[hello.suite][0]]
        if not is_bytes(hello.kem_public, kem.public_size) or not is_bytes(hello.server_nonce, 32):
            raise ValueError("a key or nonce of another length")
        kem.check(hello.kem_public)
        if (
            not isinstance(hello.document, bytes)
            or not isinstance(hello.path, list)
            or len(hello.path) > PATH_LIMIT
            or not all(is_bytes(sibling, 32) for sibling in hello.path)
            or not is_number(hello.index)
            or hello.index >= 1 << len(hello.path)
        ):
            raise ValueError("a path and an index that do not fit")
    except (ValueError, TypeError, KeyInvalid) as error:
        raise ProtocolError(f"the ServerHello: {error}") from error
    return hello


def is_bytes(value, size: int) -> bool:
    return isinstance(value, bytes) and len(value) == size


def leaf(hello: ServerHello, offer: Sequence[int], client_nonce: bytes) -> bytes:
    """Return what names this session, over the client's own offer and nonce."""
    return hashlib.sha256(
        b"\0cape/2 session"
        + bytes([len(offer), *offer, hello.suite])
        + client_nonce
        + hello.server_nonce
        + hashlib.sha384(hello.kem_public).digest()
    ).digest()


def root(leaf: bytes, path: Sequence[bytes], index: int) -> bytes:
    """Return the nonce that a document has which answers this leaf."""
    own = leaf
    for level, sibling in enumerate(path):
        pair = sibling + own if index >> level & 1 else own + sibling
        own = hashlib.sha256(b"\1" + pair).digest()
    return own


def info(hello: ServerHello, leaf: bytes) -> bytes:
    return b"cape/2 session" + bytes([hello.suite]) + hello.hash + leaf


def client_keys(hello: ServerHello, leaf: bytes) -> tuple[bytes, Keys]:
    """Return the encapsulated key, which goes in front of the first frame, and the keys."""
    kem_id, _ = SUITES[hello.suite]
    encapsulated, context = hpke.setup_sender(kem_id, hello.kem_public, info(hello, leaf))
    return encapsulated, export(hello, context)


def enclave_keys(hello: ServerHello, leaf: bytes, private: bytes, encapsulated: bytes) -> Keys:
    kem_id, _ = SUITES[hello.suite]
    context = hpke.setup_receiver(kem_id, encapsulated, private, info(hello, leaf))
    return export(hello, context)


def export(hello: ServerHello, context: hpke.Context) -> Keys:
    exports = {label: context.export(label.encode(), size) for label, size in LABELS.items()}
    owner = hashlib.sha256(b"cape/2 owner" + hello.hash + exports["cape/2 owner"]).digest()
    return Keys(hello.suite, exports, base64url(owner))

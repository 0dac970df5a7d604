"""Sessions with everything fixed, and what the two sides say in them."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from tests.independent import cbor, handshake
from tests.independent.frames import Direction, Type
from tests.independent.handshake import SUITES, ServerHello
from tests.independent.kem import KEMS
from tests.independent.keys import XWING

from . import mlkem, platform
from .case import Case
from .fixed import NOW_MS, octets

CLIENT, ENCLAVE = "client", "enclave"
BOTH = [CLIENT, ENCLAVE]
ZERO = bytes(32)


@dataclass
class Handshake:
    """What both sides draw, and what follows; one thing of it may be changed."""

    label: str = "alone"
    suite: int = 2
    offer: list[int] = field(default_factory=lambda: [2, 1])
    # The leaves of other sessions in the same tree, and this one's place among them.
    others: int = 0
    index: int = 0

    def __post_init__(self) -> None:
        self.kem = SUITES[self.suite][0]
        self.client_nonce = octets(f"{self.label} client nonce")
        self.server_nonce = octets(f"{self.label} server nonce")
        self.kem_private = octets(f"{self.label} KEM key")
        self.encapsulation = octets(f"{self.label} encapsulation", 64 if self.kem == XWING else 32)
        self.kem_public = KEMS[self.kem].public_key(self.kem_private)
        self.leaf = handshake.leaf(self._hello(b"", []), self.offer, self.client_nonce)
        self.path, self.root = self._tree()
        self.document = platform.document(self.root)
        self.hello = self._hello(self.document, self.path)
        self.info = handshake.info(self.hello, self.leaf)
        self.encapsulated, context = mlkem.setup_sender(
            self.kem, self.kem_public, self.encapsulation, self.info
        )
        self.keys = handshake.export(self.hello, context)

    def _hello(self, document: bytes, path: list[bytes]) -> ServerHello:
        members = self.members(document, path)
        return ServerHello(cbor.encode(members), *(members[key] for key in range(1, 7)))

    def members(self, document: bytes, path: list[bytes]) -> dict[int, Any]:
        """Return the ServerHello's map."""
        values = (self.suite, document, self.kem_public, self.server_nonce, path, self.index)
        return dict(enumerate(values, start=1))

    def _tree(self) -> tuple[list[bytes], bytes]:
        """Return the path and the root."""
        level = [octets(f"another session {place}") for place in range(self.others)]
        level.insert(self.index, self.leaf)
        while len(level) & len(level) - 1:
            level.append(ZERO)
        path, index = [], self.index
        while len(level) > 1:
            path.append(level[index ^ 1])
            pairs = zip(level[::2], level[1::2], strict=True)
            level = [hashlib.sha256(b"\1" + left + right).digest() for left, right in pairs]
            index >>= 1
        return path, level[0]

    @property
    def judged_by(self) -> dict[str, Any]:
        """What the client brings along."""
        return {
            "offer": self.offer,
            "client_nonce": self.client_nonce.hex(),
            "trust_root": platform.ROOT.hex(),
            "policy": platform.POLICY,
            "now_ms": NOW_MS,
        }

    @property
    def fields(self) -> dict[str, Any]:
        return {
            **self.judged_by,
            "suite": self.suite,
            "server_nonce": self.server_nonce.hex(),
            "kem_private": self.kem_private.hex(),
            "path": [sibling.hex() for sibling in self.path],
            "index": self.index,
            "leaf": self.leaf.hex(),
            "root": self.root.hex(),
            "server_hello": self.hello.octets.hex(),
            "encapsulation": self.encapsulation.hex(),
            "encapsulated": self.encapsulated.hex(),
            "info": self.info.hex(),
            "exports": {label: value.hex() for label, value in self.keys.exports.items()},
            "owner_session": self.keys.owner_session,
        }


def pattern(start: int, length: int) -> bytes:
    """Return bytes that count up, modulo 251: what large contents are made of."""
    whole = bytes((start + place) % 251 for place in range(251))
    return (whole * (length // 251 + 1))[:length]


@dataclass(frozen=True)
class Counted:
    """A content too large to be written down: some bytes in front, and a pattern."""

    start: int
    length: int
    front: bytes = b""


class Conversation:
    """The messages of a session, in the order in which they are sent."""

    def __init__(self, of: Handshake | None = None):
        self.handshake = of or HANDSHAKE
        self.steps: list[dict[str, Any]] = []
        keys = self.handshake.keys
        self._sides = {CLIENT: Direction(keys, "c2e"), ENCLAVE: Direction(keys, "e2c")}
        self._front = self.handshake.encapsulated

    def client(self, type_: Type, call: int, content: Any = b"", **more: Any) -> "Conversation":
        return self._say(CLIENT, type_, call, content, more)

    def enclave(self, type_: Type, call: int, content: Any = b"", **more: Any) -> "Conversation":
        return self._say(ENCLAVE, type_, call, content, more)

    def raw(self, side: str, message: bytes) -> "Conversation":
        """Send bytes that are no frame in order."""
        if side == CLIENT:
            message, self._front = self._front + message, b""
        self.steps.append({"from": side, "message": message.hex()})
        return self

    def seal(self, side: str, type_: int, call: int, content: bytes, *, rest: int = 0) -> bytes:
        """Return the next frame of a side, whatever its header says.

        The `rest` is what stands where 0 has to stand: flags, then the reserved bytes.
        """
        direction = self._sides[side]
        head = bytes([type_]) + rest.to_bytes(3, "big") + call.to_bytes(4, "big")
        return direction.seal_behind(head, content)

    def _say(self, side: str, type_: Type, call: int, content: Any, more: dict) -> "Conversation":
        step = {"from": side, "type": type_.name, "call": call, **more}
        counted = isinstance(content, Counted)
        if counted:
            octets_ = content.front + pattern(content.start, content.length)
            step |= {"pattern": content.start, "length": content.length}
        else:
            octets_ = content if isinstance(content, bytes) else cbor.encode(content)
        step["content"] = (content.front if counted else octets_).hex()
        message = self._sides[side].seal(type_, call, octets_)
        if side == CLIENT:
            message, self._front = self._front + message, b""
        if counted:
            step["message_sha256"] = hashlib.sha256(message).hexdigest()
        else:
            step["message"] = message.hex()
        self.steps.append(step)
        return self

    def held(self, name: str, about: str, rule: str, roles: list[str] | None = None) -> Case:
        """Return the file of a session that both sides, or some, take to its end."""
        return self._case(name, about, rule, roles or BOTH, None)

    def refused(
        self, name: str, about: str, rule: str, role: str, error: str = "ProtocolError"
    ) -> Case:
        """Return the file of a session whose last message the `role` does not accept."""
        return self._case(name, about, rule, [role], error)

    def _case(self, name: str, about: str, rule: str, roles: list[str], error: str | None) -> Case:
        fields = {**self.handshake.fields, "roles": roles, "steps": self.steps}
        return Case("session", name, about, rule, fields, error)


HANDSHAKE = Handshake()

"""`session/` and `upgrade/`: played by the second implementation, in both roles."""

import hashlib

import pytest
from tests.independent import attestation, handshake, policy
from tests.independent.calls import Call
from tests.independent.connection import Connection
from tests.independent.contents import read_open
from tests.independent.enclave import Enclave, accept, read_query
from tests.independent.errors import CapeError
from tests.independent.frames import Direction, Frame, Type
from tests.independent.kem import KEMS

from .case import load
from .conversation import pattern

SESSIONS, UPGRADES = load("session"), load("upgrade")


def of(role):
    found = [vector for vector in SESSIONS if role in vector["roles"]]
    return pytest.mark.parametrize("vector", found, ids=lambda vector: vector["name"])


def content_of(step):
    counted = pattern(step["pattern"], step["length"]) if "pattern" in step else b""
    return bytes.fromhex(step.get("content", "")) + counted


class Sealed:
    """The messages of a file; what is too large to be written down is sealed here."""

    def __init__(self, vector, keys):
        self._sides = {"client": Direction(keys, "c2e"), "enclave": Direction(keys, "e2c")}
        self._encapsulated = bytes.fromhex(vector["encapsulated"])

    def message(self, step) -> bytes:
        content, side = content_of(step), step["from"]
        if "type" not in step:
            return bytes.fromhex(step["message"]) if "message" in step else content
        message = self._sides[side].seal(Type[step["type"]], step["call"], content)
        if side == "client":
            message, self._encapsulated = self._encapsulated + message, b""
        if "message_sha256" in step:
            assert hashlib.sha256(message).hexdigest() == step["message_sha256"]
        else:
            assert message.hex() == step["message"]
        return message


def octets(vector, *names):
    return (bytes.fromhex(vector[name]) for name in names)


def keys_of(vector):
    """Return the keys, from what the enclave has."""
    hello_octets, leaf, private, encapsulated = octets(
        vector, "server_hello", "leaf", "kem_private", "encapsulated"
    )
    hello = handshake.read_server_hello(hello_octets, vector["offer"])
    return handshake.enclave_keys(hello, leaf, private, encapsulated)


@pytest.mark.parametrize(
    "vector", [it for it in SESSIONS if "exports" in it], ids=lambda vector: vector["name"]
)
def test_what_follows_from_what_is_drawn(vector):
    server_hello, client_nonce, private, server_nonce = octets(
        vector, "server_hello", "client_nonce", "kem_private", "server_nonce"
    )
    hello = handshake.read_server_hello(server_hello, vector["offer"])
    kem = KEMS[handshake.SUITES[vector["suite"]][0]]
    assert hello.kem_public == kem.public_key(private)
    assert hello.server_nonce == server_nonce
    assert [sibling.hex() for sibling in hello.path] == vector["path"]
    assert (hello.suite, hello.index) == (vector["suite"], vector["index"])
    leaf = handshake.leaf(hello, vector["offer"], client_nonce)
    assert leaf.hex() == vector["leaf"]
    assert handshake.root(leaf, hello.path, hello.index).hex() == vector["root"]
    assert handshake.info(hello, leaf).hex() == vector["info"]
    keys = keys_of(vector)
    assert {label: value.hex() for label, value in keys.exports.items()} == vector["exports"]
    assert keys.owner_session == vector["owner_session"]


@of("client")
def test_a_client_takes_it_as_it_says(vector):
    assert outcome(lambda: play_client(vector)) == (vector["error"], len(vector.get("steps", ())))


@of("enclave")
def test_an_enclave_takes_it_as_it_says(vector):
    assert outcome(lambda: play_enclave(vector)) == (vector["error"], len(vector["steps"]))


def outcome(play):
    """Return the class of the error, and how many steps were taken until then."""
    taken = 0
    try:
        for _ in play():
            taken += 1
    except CapeError as error:
        return type(error).__name__, taken
    return None, taken


class NoSocket:
    """What a client sends by itself is not looked at: the file says what it sends."""

    def send(self, message):
        pass


def play_client(vector):
    """Take the enclave's messages, and yield before each of the steps."""
    server_hello, client_nonce = octets(vector, "server_hello", "client_nonce")
    hello = handshake.read_server_hello(server_hello, vector["offer"])
    leaf = handshake.leaf(hello, vector["offer"], client_nonce)
    verified = attestation.verify_session(
        hello.document,
        nonce=handshake.root(leaf, hello.path, hello.index),
        trust_roots=[*octets(vector, "trust_root")],
        releases=policy.read(vector["policy"]),
        now_ms=vector["now_ms"],
    )
    keys = keys_of(vector)
    connection = Connection(NoSocket(), verified, hello.document, leaf, b"", keys)
    sealed = Sealed(vector, keys)
    for step in vector["steps"]:
        yield
        message = sealed.message(step)
        if step["from"] == "client":
            say(connection, step)
        else:
            assert connection.take(message) == expected(step)


def say(connection, step):
    """Do what the client of the file does."""
    content, number = content_of(step), step["call"]
    match Type[step["type"]]:
        case Type.OPEN:
            members = read_open(content)
            logs = members.get(8, {}).get(2, False)
            connection.calls[number] = Call(
                number, b"", False, logs, members[1], members.get(11), 6 in members, grants=False
            )
        case Type.CREDIT:
            connection.calls[number].granted += int.from_bytes(content, "big")


def play_enclave(vector):
    """Take the client's messages, and yield before each of the steps."""
    keys, enclave = keys_of(vector), None
    sealed = Sealed(vector, keys)
    for step in vector["steps"]:
        yield
        message = sealed.message(step)
        if step["from"] == "enclave":
            enclave.answered(Type[step["type"]], step["call"], content_of(step))
            continue
        if enclave is None:
            server_hello, leaf, private = octets(vector, "server_hello", "leaf", "kem_private")
            hello = handshake.read_server_hello(server_hello, vector["offer"])
            agreed, message = accept(hello, leaf, private, message)
            enclave = Enclave(agreed)
        frame = enclave.receive(message)
        assert frame == (None if step.get("dropped") else expected(step))


def expected(step):
    return Frame(Type[step["type"]], step["call"], content_of(step))


@pytest.mark.parametrize("vector", UPGRADES, ids=lambda vector: vector["name"])
def test_upgrades(vector):
    try:
        suite = read_query(vector["query"], vector["suites"])[2]
    except CapeError as error:
        assert type(error).__name__ == vector["error"]
    else:
        assert (vector["error"], vector["suite"]) == (None, suite)

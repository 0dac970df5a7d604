"""Whatever is passed to the core: nothing but `CapeError`, `TypeError`, `ValueError` leaves it.

An exception that an object of the caller's raises, while it is looked at, is the caller's own.
"""

import ast
import base64
import contextlib
import datetime
import hashlib
import inspect
import json
import tempfile
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.e2e.garbage import GARBAGE
from tests.images import made
from tests.independent import cbor, minted

import pycape
from pycape import _core
from pycape.errors import CapeError

VECTORS = Path(__file__).parents[1] / "vectors"
NOW_MS = 1_800_000_000_000
STATEMENTS = json.loads((VECTORS / "session2.json").read_bytes())["statements"]
ENVELOPE = json.loads((VECTORS / "envelope2.json").read_bytes())["cases"][0]["text"]

RECEIPT = json.loads((VECTORS / "receipts" / "good.json").read_bytes())


class HostileError(Exception):
    """Raised by an object that is looked at."""


class Hostile:
    """Raises whatever is asked of it."""

    def _raise(self, *_arguments, **_options):
        raise HostileError

    __len__ = __index__ = __fspath__ = __buffer__ = __iter__ = __getitem__ = __bool__ = __int__ = (
        _raise
    )
    __float__ = __eq__ = __hash__ = __str__ = __repr__ = __contains__ = keys = items = _raise


class Liar(list):
    """Says that it is of another length than it is."""

    def __len__(self):
        return 2**62


class OtherKind:
    """Answers with another type than Python wants."""

    def _text(self):
        return "x"

    __len__ = __index__ = __fspath__ = __buffer__ = __iter__ = _text


def released() -> memoryview:
    view = memoryview(bytearray(8))
    view.release()
    return view


def session() -> _core.ClientSession:
    """Open a session with an enclave that was minted for it."""
    handshake = _core.ClientHandshake([2])
    nonce = base64.urlsafe_b64decode(parse_qs(handshake.query)["nonce"][0] + "=")
    share = _core.PrivateKey.generate("x25519").public_key.to_raw()
    bound = nonce + bytes(32) + hashlib.sha384(share).digest()
    leaf = hashlib.sha256(b"\0cape/2 session" + bytes([1, 2, 2]) + bound).digest()
    vault = bytes([7]) * 32
    user_data = {"v": 2, "use": "session", "vault": vault, "runtime": vault, "receipts": vault}
    document = minted.document(
        CHAIN, minted.members(CHAIN, nonce=leaf, user_data=cbor.encode(user_data))
    )
    hello = cbor.encode({1: 2, 2: document, 3: share, 4: bytes(32), 5: [], 6: 0})
    policy = _core.Policy([_core.Release({0: bytes([1]) * 48}, vault)])
    return handshake.verify(hello, ROOTS, policy, _core.ChainCache(), NOW_MS)


def chain() -> list[minted.Authority]:
    root = minted.Certificate("root").issue(None)
    return [root, minted.leaf().issue(root)]


def sealer() -> _core.StreamSealer:
    return _core.StreamSealer([KEY.public_key], {}, b"", False)


def random_access() -> _core.RandomAccess:
    sealing, chunks = sealer(), bytearray(64)
    size = sealing.finish(b"hello", chunks)
    return _core.RandomAccess(sealing.head, KEY, b"", size, chunks[:size])


def receipt() -> _core.VerifiedReceipt:
    """Verify the published receipt that is in order."""
    pcrs = {int(index): bytes.fromhex(value) for index, value in RECEIPT["pcrs"].items()}
    policy = _core.Policy([_core.Release(pcrs, bytes.fromhex(RECEIPT["vault"]))])
    roots = _core.TrustRoots.development([bytes.fromhex(RECEIPT["trust_root"])])
    salts = bytes.fromhex(RECEIPT["asked"]["salts"])
    file, now_ms = bytes.fromhex(RECEIPT["file"]), RECEIPT["now_ms"]
    asked = (None, None, None, None)
    return _core.verify_receipt_file(file, policy, roots, now_ms, salts, *asked)


def enclave() -> _core.InsecureEnclave:
    pcrs = (bytes([1]) * 48, bytes([2]) * 48, bytes([3]) * 48)
    return _core.InsecureEnclave(
        pcrs=pcrs, python="3.11", platform="p", limits=(1, 1, 1), now_ms=NOW_MS
    )


def served() -> tuple[_core.EnclaveSession, _core.OpenEvent]:
    """Open a session between both sides, in which a function is asked for."""
    serving = enclave()
    asking = _core.ClientHandshake([2])
    answering = serving.handshake(asking.query, NOW_MS)
    roots = _core.TrustRoots.development([serving.root])
    policy = _core.Policy([_core.Release({0: bytes([1]) * 48}, serving.vault)])
    client = asking.verify(answering.hello, roots, policy, _core.ChainCache(), NOW_MS)
    _, message = client.open_run(
        bytes(32),
        call_nonce=bytes(32),
        token=None,
        owner_proof=None,
        statements=[],
        shared=False,
        log=True,
        deadline_ms=None,
        input=None,
        salts=None,
    )
    session, opened = answering.receive(message, 1)
    assert isinstance(opened, _core.OpenEvent)
    return session, opened


@cache
def image() -> tuple[_core.EnclaveImage, _core.ImageSigner]:
    """Write an image, signed, and read it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key, certificate = made.signer(folder)
        signer = _core.ImageSigner(certificate.read_bytes(), key.read_bytes())
        metadata = dict.fromkeys(["ImageName", "ImageVersion", "DockerInfo", "CustomMetadata"], "x")
        build = ["BuildTime", "BuildTool", "BuildToolVersion", "OperatingSystem", "KernelVersion"]
        text = json.dumps(metadata | {"BuildMetadata": dict.fromkeys(build, "x")})
        file, ramdisks = folder / "x.eif", [_core.ImageTree()]
        _core.write_image(file, "x86_64", 1, 1, "x", text, certificate, ramdisks, signer, None)
        return _core.read_image(file), signer


CHAIN = chain()
ROOTS = _core.TrustRoots.development([CHAIN[0].der])
KEY = _core.PrivateKey.generate("x25519")

#: One of each class, made anew where a call changes it.
INSTANCES = {
    "PublicKey": lambda: KEY.public_key,
    "PrivateKey": lambda: KEY,
    "EnvelopeHeader": lambda: _core.inspect_envelope(ENVELOPE.encode()),
    "Stanza": lambda: _core.inspect_envelope(ENVELOPE.encode()).recipients[0],
    "StreamSealer": sealer,
    "StreamOpener": lambda: _core.StreamOpener(sealer().head, KEY, b""),
    "RandomAccess": random_access,
    "Release": lambda: _core.Release({0: bytes([1]) * 48}),
    "Policy": _core.Policy.insecure_any_code,
    "TrustRoots": lambda: ROOTS,
    "ChainCache": _core.ChainCache,
    "Certificate": lambda: session().attestation.chain[0],
    "VerifiedAttestation": lambda: session().attestation,
    "UnverifiedAttestation": lambda: _core.inspect_document(session().attestation.document),
    "Account": _core.Account.generate,
    "Manifest": lambda: _core.Manifest.verify(STATEMENTS["manifest"]),
    "TokenClaims": lambda: _core.TokenClaims.read(STATEMENTS["token"]),
    "RevocationList": lambda: _core.RevocationList.verify(
        _core.Account.generate().sign_revocations(1, [], [], NOW_MS)
    ),
    "VerifiedReceipt": receipt,
    "UnverifiedReceipt": lambda: _core.inspect_receipt_file(bytes.fromhex(RECEIPT["file"])),
    "ClientHandshake": lambda: _core.ClientHandshake([2]),
    "ClientSession": session,
    "InsecureEnclave": enclave,
    "EnclaveHandshake": lambda: enclave().handshake(_core.ClientHandshake([2]).query, NOW_MS),
    "EnclaveSession": lambda: served()[0],
    "OpenEvent": lambda: served()[1],
    "Compressor": _core.Compressor,
    "EnclaveImage": lambda: image()[0],
    "ImageSigner": lambda: image()[1],
    "ImageTree": _core.ImageTree,
    "ZstdDecompressor": _core.ZstdDecompressor,
}

STUB = ast.parse((Path(pycape.__file__).parent / "_core.pyi").read_text("utf-8"))


def callables():
    """Yield each callable of the stub: its name, how to get it, and its parameters."""
    for node in STUB.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, (lambda name=node.name: getattr(_core, name)), node.args
        if isinstance(node, ast.ClassDef):
            yield from members(node)


def members(node: ast.ClassDef):
    for method in node.body:
        if not isinstance(method, ast.FunctionDef):
            continue
        decorators = {decorator.id for decorator in method.decorator_list}
        kind, name = node.name, method.name
        if "property" in decorators or name == "__hash__":
            continue
        if name == "__new__":
            yield kind, (lambda kind=kind: getattr(_core, kind)), method.args
        elif "staticmethod" in decorators:
            yield (
                f"{kind}.{name}",
                (lambda kind=kind, name=name: getattr(getattr(_core, kind), name)),
                method.args,
            )
        else:
            yield (
                f"{kind}.{name}",
                (lambda kind=kind, name=name: getattr(INSTANCES[kind](), name)),
                method.args,
            )


CALLABLES = {name: (get, arguments) for name, get, arguments in callables()}


def one_of(values: list):
    """Draw one of values that hypothesis cannot hash or print."""
    return st.integers(0, len(values) - 1).map(lambda index: values[index])


def values():
    """Anything: what would be right somewhere, and what is right nowhere."""
    right = [
        STATEMENTS["manifest"],
        STATEMENTS["token"],
        STATEMENTS["account_id"],
        STATEMENTS["checksum"],
    ]
    right += [
        STATEMENTS["function_id"],
        ENVELOPE,
        ENVELOPE.encode(),
        "x25519",
        "xwing",
        "rsa",
        NOW_MS,
        1,
        [2],
    ]
    right += [
        {},
        {0: bytes(48)},
        {"0": ["00" * 48]},
        bytes(32),
        bytearray(600),
        KEY.public_key.to_raw(),
        None,
    ]
    wrong = [
        memoryview(bytes(600)),
        memoryview(bytearray(600))[::-2],
        memoryview(bytes(12)).cast("B", (3, 4)),
    ]
    wrong += [
        memoryview(bytes(8)).cast("d"),
        released(),
        Hostile(),
        Liar([b"x"]),
        OtherKind(),
        [Hostile()],
    ]
    wrong += [
        {"a": Hostile()},
        {0: Hostile()},
        (KEY.public_key,) * 40,
        2**63,
        -(2**63),
        10**4000,
        datetime.date.min,
    ]
    wrong += [datetime.datetime.max.replace(tzinfo=datetime.UTC), "\ud800", "x" * 100_000]
    instances = st.sampled_from(sorted(INSTANCES)).map(lambda kind: INSTANCES[kind]())
    made = st.one_of(st.binary(max_size=64), st.text(max_size=64), st.integers(), st.floats())
    several = st.lists(st.one_of(made, instances), max_size=3)
    pairs = st.dictionaries(st.one_of(st.text(max_size=8), st.integers()), made, max_size=3)
    sampled = one_of([*right, *wrong, *GARBAGE.values()])
    return st.one_of(sampled, sampled, instances, made, several, pairs)


def expected(annotation: ast.expr | None):
    """What the stub says is right, where that is a class of the core's or something simple."""
    text = "" if annotation is None else ast.unparse(annotation).removesuffix(" | None")
    simple = {
        "str": st.sampled_from(["x25519", *STATEMENTS.values()]).filter(
            lambda value: isinstance(value, str)
        ),
        "int": st.sampled_from([0, 1, 2, NOW_MS, 2**64 - 1, 2**64]),
        "bytes": st.sampled_from([bytes(32), b""]),
        "Buffer": st.sampled_from([b"hello", ENVELOPE.encode(), bytearray(600)]),
        "dict[str, str]": st.sampled_from([{}, {"note": "x"}]),
        "Sequence[PublicKey]": st.just([KEY.public_key]),
        "Sequence[str]": st.sampled_from([[], [STATEMENTS["token"]]]),
    }
    if text in INSTANCES:
        return st.builds(INSTANCES[text])
    return simple.get(text, st.none())


def test_each_class_with_methods_has_an_instance():
    named = {name.partition(".")[0] for name in CALLABLES if "." in name}
    assert named <= INSTANCES.keys()
    for kind, make in INSTANCES.items():
        assert type(make()).__name__ == kind


def test_the_stub_names_what_there_is():
    public = {name for name in dir(_core) if name[0] != "_"}
    assert public == {
        node.name
        for node in STUB.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name[0] != "_"
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLABLES)
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_garbage(name, data):
    get, arguments = CALLABLES[name]
    anything = values()

    def draw(argument):
        return data.draw(st.one_of(expected(argument.annotation), anything))

    positional = [
        draw(argument) for argument in arguments.args if argument.arg not in {"self", "cls"}
    ]
    positional = positional[: data.draw(st.sampled_from([len(positional)] * 9 + [0]))]
    named = {argument.arg: draw(argument) for argument in arguments.kwonlyargs}
    with contextlib.suppress(CapeError, TypeError, ValueError, HostileError):
        get()(*positional, **named)


def test_nothing_is_written_into_what_is_read_only():
    frozen = bytes(600)
    context: dict[str, str] = {}
    with pytest.raises((TypeError, ValueError)):
        _core.seal_into(b"x", [KEY.public_key], frozen, context, b"")
    assert frozen == bytes(600)
    assert inspect.isbuiltin(_core.seal_into)

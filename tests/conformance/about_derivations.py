"""What is computed from what, step by step."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from tests.independent import cbor, payload
from tests.independent.kem import KEMS
from tests.independent.keys import X25519, XWING
from tests.independent.labeled import expand_sha512
from tests.independent.text import base58, base64url, bech32m, from_base64url

from .case import Case
from .fixed import ALICE, octets
from .statement import FUNCTION

SECRET = octets("vault secret")
CHECKSUM = FUNCTION.checksum
Step = dict[str, str]


@dataclass
class Derivation:
    """A file in the making: what goes in, and each step with its input and output."""

    derives: str
    rule: str
    about: str
    inputs: dict[str, Any]
    steps: list[Step] = field(default_factory=list)

    def hash(self, name: str, algorithm: str, input_: bytes) -> bytes:
        digest = hashlib.new(algorithm.replace("-", ""), input_).digest()
        return self.add(name, algorithm, digest, input=input_.hex())

    def hkdf(self, name: str, key: bytes, info: bytes) -> bytes:
        derived = HKDF(hashes.SHA512(), 32, salt=None, info=info).derive(key)
        return self.add(name, "HKDF-SHA-512", derived, key=key.hex(), info=info.hex())

    def expand(self, name: str, key: bytes, info: bytes) -> bytes:
        derived = expand_sha512(key, info, 32)
        return self.add(name, "HKDF-Expand-SHA-512", derived, key=key.hex(), info=info.hex())

    def public_key(self, name: str, algorithm: str, kem: int, private: bytes) -> bytes:
        return self.add(name, algorithm, KEMS[kem].public_key(private), key=private.hex())

    def text(self, name: str, algorithm: str, text: str, input_: bytes, **more: str) -> None:
        step = {"name": name, "algorithm": algorithm, "input": input_.hex(), "output": text, **more}
        self.steps.append(step)

    def case(self, name: str) -> Case:
        fields = {"derives": self.derives, "inputs": self.inputs, "steps": self.steps}
        return Case("derivations", name, self.about, self.rule, fields)

    def add(self, name: str, algorithm: str, output: bytes, **inputs: str) -> bytes:
        step = {"name": name, "algorithm": algorithm, **inputs, "output": output.hex()}
        self.steps.append(step)
        return output


def cases() -> list[Case]:
    return [
        account(),
        function(),
        vault_id(),
        *(account_key(kem, epoch) for kem in (X25519, XWING) for epoch in (0, 1, 2**32 - 1)),
        *(blob(kind, name) for kind, name in ((1, "bundle"), (2, "manifest"))),
        *(key_id(kem) for kem in (X25519, XWING)),
        *releases(),
        owner_session(),
    ]


def account() -> Case:
    made = Derivation(
        "account", "account", "from a seed to an account's texts", {"seed": ALICE.seed.hex()}
    )
    public = made.add("public", "Ed25519", ALICE.public, key=ALICE.seed.hex())
    made.text("account_id", "bech32m", bech32m("cape", public), public, prefix="cape")
    private = bech32m("capeaccountsk", ALICE.seed)
    made.text("private_text", "bech32m", private, ALICE.seed, prefix="capeaccountsk")
    return made.case("account")


def function() -> Case:
    made = Derivation(
        "function",
        "function",
        "from a manifest to the names of its function",
        {"manifest": FUNCTION.manifest},
    )
    part = FUNCTION.manifest.split(".")[1]
    decoded = from_base64url(part)
    made.text("payload", "base64url", part, decoded)
    checksum = made.hash("checksum", "SHA-256", b"cape/2 function" + decoded)
    made.text("function_id", "Base58", base58(checksum[:20]), checksum[:20])
    return made.case("function")


def vault_id() -> Case:
    made = Derivation(
        "vault_id", "vault", "from a vault's secret to its id", {"secret": SECRET.hex()}
    )
    made.expand("vault_id", SECRET, b"cape/2 vault id")
    return made.case("vault_id")


def account_key(kem: int, epoch: int) -> Case:
    name = {X25519: "X25519", XWING: "X-Wing"}[kem]
    made = Derivation(
        "account_key",
        "encryption keys",
        f"an account's {name} key of the epoch {epoch}",
        {"secret": SECRET.hex(), "kem": kem, "account": ALICE.id, "epoch": epoch},
    )
    info = b"cape/2 account key" + kem.to_bytes(2, "big") + ALICE.public + epoch.to_bytes(4, "big")
    private = made.hkdf("private", SECRET, info)
    made.public_key("public", name, kem, private)
    return made.case(f"account_key_{name.lower().replace('-', '')}_{epoch}")


def blob(kind: int, name: str) -> Case:
    content = f"a {name}".encode()
    made = Derivation(
        "blob",
        "sealed blobs",
        f"the key, the name and the form of a sealed {name}",
        {
            "secret": SECRET.hex(),
            "kind": kind,
            "checksum": CHECKSUM.hex(),
            "content": content.hex(),
        },
    )
    place, salt = bytes([kind]) + CHECKSUM, octets(name, 24)
    key = made.hkdf("key", SECRET, b"cape/2 blob" + place)
    made.text("name", "hex", place.hex(), place)
    sealed = payload.seal(1, key, b"cape/2 blob" + place, content, salt=salt)
    made.text("sealed", "payload", sealed.hex(), content, salt=salt.hex())
    return made.case(f"blob_{name}")


def key_id(kem: int) -> Case:
    name = {X25519: "X25519", XWING: "X-Wing"}[kem]
    private = octets(f"recipient {name}")
    made = Derivation(
        "key_id",
        "stanzas",
        f"the id, the fingerprint and the texts of a recipient's {name} key",
        {"type": kem, "private": private.hex()},
    )
    public = made.public_key("public", name, kem, private)
    type_ = kem.to_bytes(2, "big")
    digest = made.hash("hash", "SHA-256", b"cape/2 key" + type_ + public)
    made.text("key_id", "hex", digest[:8].hex(), digest[:8])
    made.text("fingerprint", "hex", digest[:16].hex(), digest[:16])
    made.text(
        "public_text", "bech32m", bech32m("capepk", type_ + public), type_ + public, prefix="capepk"
    )
    made.text(
        "private_text",
        "bech32m",
        bech32m("capesk", type_ + private),
        type_ + private,
        prefix="capesk",
    )
    return made.case(f"key_id_{name.lower().replace('-', '')}")


def releases() -> list[Case]:
    vault = octets("vault")
    variants = {
        "one_register": ("one register and no vault", {0: octets("pcr0", 48)}, None),
        "with_vault": ("one register and the vault", {0: octets("pcr0", 48)}, vault),
        "several_registers": (
            "registers in the order of their numbers, whatever the file's order",
            {index: octets(f"pcr{index}", 48) for index in (8, 2, 1, 0, 23)},
            vault,
        ),
    }
    return [release(name, *variant) for name, variant in variants.items()]


def release(name: str, about: str, pcrs: dict[int, bytes], vault: bytes | None) -> Case:
    lines = [f'pcr{index} = "{value.hex()}"' for index, value in pcrs.items()]
    if vault is not None:
        lines.append(f'vault = "{vault.hex()}"')
    policy = '[[release]]\nname = "release"\n' + "\n".join(lines) + "\n"
    made = Derivation("release_digest", "policy", about, {"policy": policy})
    content: dict[str, Any] = {"pcrs": pcrs}
    if vault is not None:
        content["vault"] = vault
    made.hash("digest", "SHA-256", b"cape/2 release" + cbor.encode(content))
    return made.case(f"release_{name}")


def owner_session() -> Case:
    hello, export = octets("a ServerHello's hash", 48), octets("an export")
    made = Derivation(
        "owner_session",
        "owner proof",
        "what an owner proof signs",
        {"server_hello_sha384": hello.hex(), "export": export.hex()},
    )
    session = made.hash("session", "SHA-256", b"cape/2 owner" + hello + export)
    made.text("text", "base64url", base64url(session), session)
    return made.case("owner_session")

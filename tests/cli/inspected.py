"""What `cape inspect` is shown: something of each kind."""

import io
import json
import zipfile
from pathlib import Path

from pycape import _core, envelope, keys
from pycape.packaging._lock import TITLE

ACCOUNT = _core.Account.from_seed(bytes(range(32)))
KEY = keys.PrivateKey.from_raw("x25519", bytes(range(1, 33)))
NOW_MS = 1_800_000_000_000

STATEMENTS = {
    "epoch": ACCOUNT.sign_epoch_record(3),
    "name": ACCOUNT.sign_name_claim("alice"),
    "owner": ACCOUNT.sign_owner_proof("A" * 43),
    "request": ACCOUNT.sign_request("DELETE", "/v2/functions/x", NOW_MS),
    "revocations": ACCOUNT.sign_revocations(1, ["a-jti"], ["ab" * 32], NOW_MS),
    "token": ACCOUNT.sign_token("cd" * 32, 60, "for bob", NOW_MS),
    "manifest": ACCOUNT.sign_manifest(
        name="echo",
        version=1,
        bundle_sha256="ab" * 32,
        bundle_size=1,
        python="3.11",
        platform="x86_64-manylinux_2_28",
        handler="app:cape_handler",
        isolation="session",
        memory_mib=64,
        timeout_s=1,
        env={},
        min_epoch=2,
    ),
}
MANIFEST = _core.Manifest.verify(STATEMENTS["manifest"])
TEXTS = {
    **STATEMENTS,
    "account-id": ACCOUNT.id,
    "account-key": ACCOUNT.to_text(),
    "private-key": KEY.to_text(),
    "public-key": KEY.public_key.to_text(),
    "function": json.dumps(
        {"function_id": MANIFEST.function_id, "function_checksum": MANIFEST.checksum}
    ),
    "lock": f"{TITLE}# wheels, python 3.11\nsix==1.17.0 \\\n    --hash=sha256:{'ab' * 32}\n",
    "policy": f'[[release]]\nname = "r"\npcr0 = "{"11" * 48}"\nvault = "{"22" * 32}"\n',
}
VECTORS = Path(__file__).parents[1] / "vectors" / "envelope"


def sealed(data: bytes = b"x" * 100, **options) -> bytes:
    return envelope.seal(data, [KEY.public_key], **options)


def binary(data: bytes, **options) -> bytes:
    size = envelope.sealed_size(len(data), [KEY.public_key], context=options.get("context"))
    buffer = bytearray(size)
    envelope.seal_into(data, [KEY.public_key], buffer, **options)
    return bytes(buffer)


def zipped(name: str = "app.py") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(name, "def cape_handler(x): return x\n")
        file.writestr("lib/data.bin", bytes(1000))
    return buffer.getvalue()

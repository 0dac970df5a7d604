"""Everything public that can be called, each with arguments that are right."""

import asyncio
import functools
import inspect
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pycape
from pycape import (
    AsyncCape,
    Cape,
    FunctionRef,
    Manifest,
    Token,
    attestation,
    envelope,
    errors,
    insecure,
    keys,
    policy,
    receipts,
    serde,
)
from pycape._profile import Profile
from pycape.demo import echo_folder
from pycape.experimental import cli
from pycape.local import LocalPlatform

from .conftest import user
from .garbage import finish

MODULES = {
    "": pycape,
    "attestation.": attestation,
    "cli.": cli,
    "envelope.": envelope,
    "errors.": errors,
    "insecure.": insecure,
    "keys.": keys,
    "policy.": policy,
    "receipts.": receipts,
    "serde.": serde,
}
# Classes without a constructor, or without one for users: others give them.
NOT_CONSTRUCTED = {
    "AsyncFunctionContext",
    "AsyncFunctionContextManager",
    "AsyncOutputStream",
    "AsyncRemoteFunction",
    "AsyncValueStream",
    "Description",
    "FunctionContext",
    "FunctionContextManager",
    "FunctionDecorator",
    "IsolationLayer",
    "Manifest",
    "OutputStream",
    "RemoteFunction",
    "RuntimeDescription",
    "RuntimeLimits",
    "TypedFunction",
    "ValueStream",
    "attestation.Certificate",
    "attestation.UnverifiedAttestation",
    "attestation.VerifiedAttestation",
    "envelope.EnvelopeHeader",
    "envelope.Reader",
    "envelope.Stanza",
    "envelope.Writer",
    "keys.PrivateKey",
    "keys.PublicKey",
    "receipts.UnverifiedReceipt",
    "receipts.VerifiedReceipt",
}

# What users write themselves; what refuses whatever it is given; what needs a package index; and
# the package's own, on a class of the core's: its time comes from the clock.
NOT_CALLED = {
    "TypedFunction.deploy",
    "TypedFunction.map",
    "TypedFunction.remote",
    "TypedFunction.stream",
    "envelope.Reader.read",
    "envelope.Writer.write",
    "policy.Policy.has_release",
}

Entry = tuple[Callable[..., Any], dict[str, Any]]


def public_names() -> list[str]:
    """Return the names of what can be called, from what the modules and classes have."""
    names = [
        name
        for prefix, module in MODULES.items()
        for each in module.__all__
        for name in _names_of(prefix + each, getattr(module, each))
    ]
    return sorted(set(names) - NOT_CONSTRUCTED - NOT_CALLED)


def _names_of(name: str, value: Any) -> Iterator[str]:
    if callable(value):
        yield name
    if inspect.isclass(value):
        yield from _methods(name, value)


def _methods(name: str, kind: type) -> list[str]:
    methods = [each for each in dir(kind) if each[0] != "_" and callable(getattr(kind, each))]
    if issubclass(kind, BaseException):
        methods = [each for each in methods if each not in dir(Exception)]
    if issubclass(kind, io.IOBase):
        methods = [each for each in methods if each in vars(kind)]
    return [f"{name}.{each}" for each in methods]


def entries(
    platform: LocalPlatform, folder: Path, runner: asyncio.Runner, opened: list[Any]
) -> dict[str, Entry]:
    """Return each of them with arguments that are right, where the defaults are not.

    What `opened` gets has to be kept for as long as they are used.
    """
    cape = user(platform, folder / "config")
    ref = cape.deploy(echo_folder(), name="garbage")
    token = cape.create_token(ref)
    cape.claim_name("trusted")
    result = cape.call(ref, token, b"x")
    # It gives a value, whatever it is called with.
    (folder / "five").mkdir()
    (folder / "five" / "app.py").write_text(
        f"def cape_handler(data): return {serde.serialize(5)!r}\n"
    )
    five = cape.deploy(folder / "five")
    found = {
        **_of_references(ref, token, folder),
        **_of_keys_and_envelopes(keys.PrivateKey.generate("x25519"), folder),
        **_of_attestation(result.verified, platform.profile, folder),
        **_of_receipts(result.receipt, platform.profile),
        **_of_values(),
    }
    for kind in (Cape, AsyncCape):
        client = kind(config_dir=folder / "config")
        name = kind.__name__.lower()
        arguments_of = _of_clients(cape, ref, token, name) | _of_files(folder / name)
        for method, arguments in arguments_of.items():
            found[f"{kind.__name__}.{method}"] = (getattr(client, method), arguments)
        found[kind.__name__] = (_used(kind), {"config_dir": folder / "config"})
        # What closes a connection has one of its own.
        for method in ("call", "close", "invoke", "stream"):
            manager = client.function_context(ref, token)
            context = finish(manager, runner)
            opened.append(manager)
            arguments = {} if method == "close" else {"args": b"x"}
            called = getattr(context, method)
            if method == "stream":
                called = _taken(called)
            found[f"{type(context).__name__}.{method}"] = (called, arguments)
        found |= _of_typed_functions(client, five)
        found["Manifest.verify"] = (Manifest.verify, {"text": cape.manifest(ref).text})
        stream = context.stream(b"x")
        found[f"{type(stream).__name__}.close"] = (stream.close, {})
        connected = kind(config_dir=folder / "config")
        finish(connected.connect(ref, token), runner)
        found[f"{kind.__name__}.invoke"] = (connected.invoke, {"args": b"x"})
    return found


def _of_typed_functions(client: Cape | AsyncCape, five: FunctionRef) -> dict[str, Entry]:
    decorated = pycape.function(_anything)
    remote = decorated.on(client, five)
    stream, name = remote.stream(1), type(remote).__name__
    return {
        "TypedFunction.as_cape_handler": (decorated.as_cape_handler, {}),
        "TypedFunction.on": (decorated.on, {"client": client, "function": five}),
        f"{name}.map": (_taken(remote.map), {"iterables": [1]}),
        f"{name}.remote": (remote.remote, {"args": 1}),
        f"{name}.stream": (_taken(remote.stream), {"args": 1}),
        f"{type(stream).__name__}.close": (stream.close, {}),
    }


def _anything(value: Any, **named: Any) -> Any:
    return value, named


def _of_clients(cape: Cape, ref: FunctionRef, token: Token, name: str) -> dict[str, dict[str, Any]]:
    run = {"function": ref, "token": token}
    return {
        "account_of": {"user": cape.account_id},
        "attest": {},
        "call": {**run, "args": b"x"},
        "claim_name": {"name": f"garbage-{name}"},
        "close": {},
        "connect": run,
        "create_token": {"function": ref},
        "delete": {"function": cape.deploy(echo_folder(), name=f"deleted-by-{name}")},
        "deploy": {"folder": echo_folder()},
        "encrypt": {"input": b"x"},
        "function": {"identifier": ref},
        "function_context": run,
        "functions": {},
        "key": {},
        "key_record": {},
        "manifest": {"function": ref},
        "revoke": {"tokens": [cape.create_token(ref)]},
        "rotate_keys": {},
        "run": {**run, "args": b"x"},
        "token": {"token": token},
        "tokens": {},
        "trust_account": {"name": "trusted"},
        "with_options": {},
        "verify_function": {"folder": echo_folder(), "function": ref},
    }


def _of_files(folder: Path) -> dict[str, dict[str, Any]]:
    key = keys.PrivateKey.generate("x25519")
    sealed = io.BytesIO()
    envelope.seal_stream(io.BytesIO(b"x"), sealed, [key.public_key])
    folder.mkdir()
    source = folder / "sealed"
    source.write_bytes(sealed.getvalue())
    files = {"source": source, "destination": folder / "destination"}
    streams = {"reader": Again(sealed.getvalue()), "writer": io.BytesIO()}
    return {
        "decrypt_file": {**files, "private_key": key},
        "decrypt_stream": {**streams, "private_key": key},
        "encrypt_file": files,
        "encrypt_stream": streams,
    }


def _of_references(ref: FunctionRef, token: Token, folder: Path) -> dict[str, Entry]:
    target = {"python": "3.11", "platform": "x86_64-manylinux_2_28"}
    bundle = pycape.package(echo_folder(), **target)
    token.to_disk(folder / "token")
    return {
        "Bundle": (pycape.Bundle, vars(bundle)),
        "Bundle.close": (bundle.close, {}),
        "FunctionRef": (FunctionRef, {"id": ref.id}),
        "FunctionRef.from_json": (FunctionRef.from_json, {"function_json": ref.to_json()}),
        "FunctionRef.to_json": (ref.to_json, {}),
        "KeyRecord": (
            pycape.KeyRecord,
            dict.fromkeys(
                ["account", "epoch", "public_key", "fetched_ms", "trust_root", "release"]
            ),
        ),
        "Result": (
            pycape.Result,
            dict.fromkeys(["output", "checksum", "timing", "usage", "verified", "receipt"]),
        ),
        "Timeout": (pycape.Timeout, {}),
        "Timing": (pycape.Timing, {}),
        "Token": (Token, {"token": "x"}),
        "Token.from_disk": (Token.from_disk, {"location": folder / "token"}),
        "Token.inspect": (token.inspect, {}),
        "Token.to_disk": (token.to_disk, {"location": folder / "token"}),
        "cli.deploy": (cli.deploy, {"deploy_path": echo_folder()}),
        "cli.token": (cli.token, {"function": ref}),
        "function": (pycape.function, {"function": len}),
        "package": (pycape.package, {"folder": echo_folder(), **target}),
    }


def _of_keys_and_envelopes(key: keys.PrivateKey, folder: Path) -> dict[str, Entry]:
    public = key.public_key
    sealed = envelope.seal(b"x", [public])
    keys.save_private_key(key, folder / "private.key")
    seal = {"data": b"x", "recipients": [public]}
    return {
        **_of_streams(key),
        "envelope.change_recipients": (
            envelope.change_recipients,
            {"data": sealed, "private_key": key},
        ),
        "envelope.inspect": (envelope.inspect, {"data": sealed}),
        "envelope.open": (envelope.open, {"data": sealed, "private_key": key}),
        "envelope.seal": (envelope.seal, seal),
        "envelope.seal_into": (envelope.seal_into, {**seal, "buffer": bytearray(9000)}),
        "envelope.sealed_size": (envelope.sealed_size, {"size": 1, "recipients": [public]}),
        "envelope.use_rules": (envelope.use_rules, {}),
        "keys.PrivateKey.from_raw": (key.from_raw, {"kind": "x25519", "raw": key.to_raw()}),
        "keys.PrivateKey.from_text": (key.from_text, {"text": key.to_text()}),
        "keys.PrivateKey.generate": (key.generate, {}),
        "keys.PrivateKey.to_raw": (key.to_raw, {}),
        "keys.PrivateKey.to_text": (key.to_text, {}),
        "keys.PublicKey.from_raw": (public.from_raw, {"kind": "x25519", "raw": public.to_raw()}),
        "keys.PublicKey.from_text": (public.from_text, {"text": public.to_text()}),
        "keys.PublicKey.to_raw": (public.to_raw, {}),
        "keys.PublicKey.to_text": (public.to_text, {}),
        "keys.load_private_key": (keys.load_private_key, {"path": folder / "private.key"}),
        "keys.save_private_key": (
            keys.save_private_key,
            {"private_key": key, "path": folder / "another.key"},
        ),
    }


class Again(io.BytesIO):
    """A file that begins again when it was read to its end."""

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer)
        if not count:
            self.seek(0)
        return count


def _of_streams(key: keys.PrivateKey) -> dict[str, Entry]:
    recipients, sealed = [key.public_key], io.BytesIO()
    envelope.seal_stream(io.BytesIO(b"x"), sealed, recipients)
    reader = envelope.EnvelopeReader(sealed, key)

    def streams() -> dict[str, Any]:
        return {"reader": Again(sealed.getvalue()), "writer": io.BytesIO()}

    return {
        "envelope.EnvelopeReader": (envelope.EnvelopeReader, {"file": sealed, "private_key": key}),
        "envelope.EnvelopeReader.close": (
            envelope.EnvelopeReader(io.BytesIO(sealed.getvalue()), key).close,
            {},
        ),
        "envelope.EnvelopeReader.read": (reader.read, {}),
        "envelope.EnvelopeReader.readable": (reader.readable, {}),
        "envelope.EnvelopeReader.readall": (reader.readall, {}),
        "envelope.EnvelopeReader.readinto": (reader.readinto, {"buffer": bytearray(5)}),
        "envelope.EnvelopeReader.seek": (reader.seek, {"offset": 0}),
        "envelope.EnvelopeReader.seekable": (reader.seekable, {}),
        "envelope.EnvelopeReader.tell": (reader.tell, {}),
        "envelope.change_recipients_stream": (
            envelope.change_recipients_stream,
            {**streams(), "private_key": key},
        ),
        "envelope.open_stream": (envelope.open_stream, {**streams(), "private_key": key}),
        "envelope.seal_stream": (envelope.seal_stream, {**streams(), "recipients": recipients}),
    }


def _of_attestation(
    verified: attestation.VerifiedAttestation, profile: Profile, folder: Path
) -> dict[str, Entry]:
    trusted = policy.Policy.from_toml(profile.policy_toml)
    text = trusted.to_toml()
    (folder / "policy.toml").write_text(text)
    roots = attestation.TrustRoots
    certificates = {"certificates": list(profile.trust_roots)}
    verify = {
        "document": verified.document,
        "policy": trusted,
        "nonce": None,
        "purpose": "session",
        "trust_roots": profile.roots(),
    }
    return {
        "attestation.ChainCache": (attestation.ChainCache, {}),
        "attestation.TrustRoots": (roots, certificates),
        "attestation.TrustRoots.aws": (roots.aws, {}),
        "attestation.TrustRoots.development": (roots.development, certificates),
        "attestation.inspect": (attestation.inspect, {"document": verified.document}),
        "attestation.verify": (attestation.verify, verify),
        "errors.error_class": (errors.error_class, {"name": "NotFound"}),
        "errors.from_wire": (errors.from_wire, {"name": "NotFound", "message": "x"}),
        **{f"errors.{kind.__name__}": (kind, {}) for kind in errors._descendants(errors.CapeError)},
        "insecure.any_code": (insecure.any_code, {}),
        "policy.Policy": (policy.Policy, {"releases": trusted.releases}),
        "policy.Policy.from_toml": (policy.Policy.from_toml, {"text": text}),
        "policy.Policy.insecure_any_code": (policy.Policy.insecure_any_code, {}),
        "policy.Policy.matching": (trusted.matching, {"pcrs": verified.pcrs}),
        "policy.Policy.to_toml": (trusted.to_toml, {}),
        "policy.Policy.with_alternatives": (trusted.with_alternatives, {"pcrs": {0: ["11" * 48]}}),
        "policy.Release": (policy.Release, {"pcrs": verified.pcrs}),
        "policy.load": (policy.load, {"path": folder / "policy.toml"}),
        "policy.parse": (policy.parse, {"text": text, "where": "here"}),
    }


def _of_receipts(receipt: receipts.VerifiedReceipt, profile: Profile) -> dict[str, Entry]:
    verify = {
        "file": receipt.to_bytes(),
        "policy": policy.Policy.from_toml(profile.policy_toml),
        "trust_roots": profile.roots(),
        "salts": receipt.salts,
        "checksum": receipt.checksum,
        "input": b"x",
        "output": b"x",
    }
    return {
        "receipts.VerifiedReceipt.to_bytes": (receipt.to_bytes, {}),
        "receipts.inspect": (receipts.inspect, {"file": receipt.to_bytes()}),
        "receipts.verify": (receipts.verify, verify),
    }


def _of_values() -> dict[str, Entry]:
    hooks = {"encoder_hook": repr, "decoder_hook": str}
    bundle = serde.SerdeHookBundle(**hooks)
    return {
        "serde.SerdeHookBundle": (serde.SerdeHookBundle, hooks),
        "serde.SerdeHookBundle.to_dict": (bundle.to_dict, {}),
        "serde.SerdeHookBundle.unbundle": (bundle.unbundle, {}),
        "serde.bundle_serde_hooks": (serde.bundle_serde_hooks, {"hook_bundle": bundle}),
        "serde.deserialize": (serde.deserialize, {"data": serde.serialize(1)}),
        "serde.serialize": (serde.serialize, {"args": 1}),
    }


def _taken(stream: Callable[..., Any]) -> Callable[..., Any]:
    """Return what takes all of the output of a stream."""

    @functools.wraps(stream)
    def taken(*arguments: Any, **options: Any) -> Any:
        pieces = stream(*arguments, **options)
        return list(pieces) if isinstance(pieces, Iterator) else _all_of(pieces)

    return taken


async def _all_of(pieces: Any) -> list[bytes]:
    return [piece async for piece in pieces]


def _used(kind: type[Cape] | type[AsyncCape]) -> Callable[..., Any]:
    """Return a function like a client's class, which uses the client that it makes."""

    def use(*arguments: Any, **options: Any) -> Any:
        client = kind(*arguments, **options)
        repr(client)
        return client.functions()

    use.__signature__ = inspect.signature(kind)
    return use

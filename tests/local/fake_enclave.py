"""A program with the command line of cape-enclave, for what these tests ask of its parent.

It keeps the promises that the local platform relies on (one line when ready, an end when its
standard input closes) and can be told to break them: the file `behaviour`, beside the settings,
holds one word. Nothing of it is an enclave.
"""

import argparse
import base64
import http.client
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

VAULT = "ab" * 32


def main():
    arguments = parse()
    folder = Path(arguments.settings or arguments.dir).parent
    behaviour = folder / "behaviour"
    word = behaviour.read_text().strip() if behaviour.exists() else ""
    {
        ("nsm", "create"): create_nsm,
        ("vault", "create"): create_vault,
        ("measure", None): measure,
        ("serve", None): serve,
    }[arguments.command, arguments.action](arguments, word)


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    parser.add_argument("action", nargs="?")
    for option in ("dir", "key", "nsm", "settings", "python", "vault-key", "vault-id", "blobs"):
        parser.add_argument(f"--{option}")
    parser.add_argument("--listen")
    parser.add_argument("--operate")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def create_nsm(arguments, _word):
    Path(arguments.dir).mkdir()
    answer({"root": base64.b64encode(b"a root").decode(), "sha256": "00" * 32})


def create_vault(arguments, _word):
    with Path(arguments.key).open("x") as key:
        key.write("secret")
    answer({"vault": VAULT, "birth": base64.b64encode(b"a birth document").decode()})


def measure(arguments, word):
    assert Path(arguments.python).is_file()
    pcr = "2" if word == "upgraded" else "1"
    pcrs = {"0": pcr * 96, "1": pcr * 96, "2": pcr * 96}
    answer({"pcrs": pcrs, "python": "3.11", "platform": "x86_64-manylinux_2_28"})


def serve(arguments, word):
    assert Path(arguments.vault_key).read_text() == "secret"
    assert arguments.vault_id == VAULT
    if word == "refuse":
        error = {"code": "CAPE-CFG-001", "message": "a layer is missing"}
        print(json.dumps({"ok": False, "error": error}), file=sys.stderr)
        raise SystemExit(78)
    if word == "mute":
        time.sleep(3600)
    if word == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    put_blob(arguments.blobs, "0f" * 4, b"sealed")
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    print(json.dumps({"message": "listening", "environment": sorted(os.environ)}), file=sys.stderr)
    ports = {"port": port, "operate": 1}
    ready = {"ready": True, **ports, "vault": VAULT, "document": "00" * 48}
    answer(ready | ({"stop_grace_s": 3600} if word == "busy" else {}))
    if word == "die":
        raise SystemExit(1)
    if word == "leaving":
        signal.signal(signal.SIGTERM, lambda *_: answer({"stopping": True}))
    sys.stdin.read()
    if word == "busy":
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if word in {"busy", "stubborn"}:
        time.sleep(3600)


def put_blob(path, name, content):
    connection = http.client.HTTPConnection("blobs")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(path)
    connection.request("PUT", f"/blobs/{name}", content)
    assert connection.getresponse().status == 204


def answer(value):
    print(json.dumps(value), flush=True)


main()

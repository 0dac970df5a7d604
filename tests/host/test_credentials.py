"""Credentials for KMS: of the environment, of a file, of the instance's role."""

import json
import socket
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from pycape.errors import ConfigError
from pycape.host.configuration import Kms
from pycape.host.credentials import credentials

ROLE = "latest/meta-data/iam/security-credentials"
OF_ROLE = {
    "Code": "Success",
    "Type": "AWS-HMAC",
    "AccessKeyId": "ASIA",
    "SecretAccessKey": "secret",
    "Token": "session",
    "Expiration": "2026-11-27T23:00:00Z",
}


def kms(source: str, **changes: object) -> Kms:
    known = {"region": "r", "endpoint": "kms.example", "key_id": "k", "wrapped_file": "w"}
    return msgspec.convert({**known, "credentials": source, **changes}, Kms)


@contextmanager
def metadata_service(**answers: tuple[int, str]):
    """A metadata service of version 2: nothing is answered without a token it gave."""
    found = {
        "token": (200, "a-token"),
        "roles": (200, "enclaves\n"),
        "role": (200, json.dumps(OF_ROLE)),
        **answers,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            asks = self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
            self.answer(found["token"] if asks == "60" else (400, ""))

        def do_GET(self):
            if self.headers["X-aws-ec2-metadata-token"] != "a-token":
                return self.answer((401, ""))
            paths = {f"/{ROLE}/": "roles", f"/{ROLE}/enclaves": "role"}
            return self.answer(found[paths[self.path]] if self.path in paths else (404, ""))

        def answer(self, answer: tuple[int, str]) -> None:
            self.send_response(answer[0])
            self.send_header("Content-Length", str(len(answer[1].encode())))
            self.end_headers()
            self.wfile.write(answer[1].encode())

        def log_message(self, *_words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield kms("instance", imds_url=f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_those_of_the_instances_role():
    with metadata_service() as told:
        assert credentials(told) == {
            "access_key_id": "ASIA",
            "secret_access_key": "secret",
            "session_token": "session",
        }


@pytest.mark.parametrize(
    ("answers", "says", "hint"),
    [
        ({"token": (403, "")}, "answered 403 for latest/api/token", "version 2"),
        ({"token": (200, "another")}, "answered 401", "instance profile"),
        ({"roles": (404, "")}, f"answered 404 for {ROLE}/", "instance profile"),
        ({"roles": (200, "")}, "has no role", "instance profile"),
        ({"role": (200, '{"Code": "Failed"}')}, "no credentials of the role enclaves", "profile"),
        ({"role": (200, "<html>")}, "no credentials of the role enclaves", "profile"),
        ({"role": (200, json.dumps({**OF_ROLE, "Token": ""}))}, "no credentials", "profile"),
        ({"role": (200, "x" * 100_000)}, "nonsense", "profile"),
        ({"token": (200, "ü")}, "nonsense", "profile"),
        ({"roles": (200, "../../user-data")}, "nonsense", "profile"),
        ({"roles": (200, "\x01")}, "nonsense", "profile"),
    ],
)
def test_a_metadata_service_that_has_none_says_what_is_missing(answers, says, hint):
    with metadata_service(**answers) as told, pytest.raises(ConfigError) as raised:
        credentials(told)
    assert says in str(raised.value)
    assert hint in raised.value.hint
    assert "secret" not in str(raised.value)


def test_no_metadata_service_is_said_to_be_none():
    with pytest.raises(ConfigError, match="does not answer"):
        credentials(kms("instance", imds_url="http://127.0.0.1:9"))


def test_an_address_that_is_none_is_said_to_be_none():
    with pytest.raises(ConfigError, match="is not the address of a metadata service"):
        credentials(kms("instance", imds_url="http://[::1"))


def test_an_answer_without_an_end_is_not_read_to_its_end():
    """It comes for as long as somebody reads it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sent = threading.Thread(target=send_without_end, args=(listener,))
        sent.start()
        told = kms("instance", imds_url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(ConfigError, match="nonsense"):
            credentials(told)
        sent.join(60)
        assert not sent.is_alive()


def send_without_end(listener):
    connection, _ = listener.accept()
    with connection, suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(1024):  # of 64 KiB each, where more than one is too much
            connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        raise AssertionError("all was read")


def test_those_of_the_environment(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    with pytest.raises(ConfigError, match="AWS_SECRET_ACCESS_KEY is not set"):
        credentials(kms("environment"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    told = {"access_key_id": "AKIA", "secret_access_key": "s"}
    assert credentials(kms("environment")) == told
    monkeypatch.setenv("AWS_SESSION_TOKEN", "t")
    assert credentials(kms("environment")) == {**told, "session_token": "t"}


def test_those_of_a_file_that_nobody_else_reads(tmp_path):
    file = tmp_path / "credentials.json"
    told = kms(f"file:{file}")
    with pytest.raises(ConfigError, match="there is no file"):
        credentials(told)
    file.touch(0o600)
    file.write_text('{"access_key_id": "AKIA", "secret_access_key": "s"}')
    assert credentials(told) == {"access_key_id": "AKIA", "secret_access_key": "s"}
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="others may read"):
        credentials(told)
    file.chmod(0o600)
    for wrong in ('{"access_key_id": "AKIA"}', "[]", '{"access_key_id": "a", "secret": "s"}'):
        file.write_text(wrong)
        with pytest.raises(ConfigError, match="has no credentials in it"):
            credentials(told)

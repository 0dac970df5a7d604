"""What a control plane does with a report keeps no agent from its end."""

import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest
from tests.e2e.processes import wait_until
from tests.ports import free_port

from pycape.host.configuration import ControlPlane
from pycape.host.reports import Reports
from pycape.server import HostReport

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
REPORT = HostReport(
    url="wss://one.example/v2/session",
    vault="ab" * 32,
    instance="cd" * 16,
    enclaves=1,
    slots=4,
    calls=0,
)


def test_an_answer_that_does_not_end_is_not_waited_for(tmp_path):
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text("ab" * 32)
    stopped, asked = threading.Event(), threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(HEAD)
            asked.set()
            while not stopped.wait(0.2):
                connection.sendall(b"1\r\nx\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        dripping = threading.Thread(target=drip, args=(listener,))
        dripping.start()
        urls = [f"http://127.0.0.1:{port}" for port in (listener.getsockname()[1], free_port())]
        plane = ControlPlane(urls=urls, token_file=str(token))
        reports = Reports("one", plane, lambda: REPORT)
        try:
            assert asked.wait(30)
            stopping = threading.Thread(target=reports.stop, daemon=True)
            stopping.start()
            stopping.join(30)
            assert not stopping.is_alive()
        finally:
            stopped.set()
            dripping.join()


@contextmanager
def reporting(tmp_path, answer: bytes):
    """Reports to what answers each of them so; and what came."""
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text("ab" * 32)
    drains, came = [False], []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self):
            came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(409)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    plane = ControlPlane(urls=[f"http://127.0.0.1:{server.server_port}/"], token_file=str(token))
    reports = Reports("one", plane, lambda: msgspec.structs.replace(REPORT, draining=drains[0]))
    try:
        yield reports, drains, came
    finally:
        reports.stop()
        server.shutdown()
        server.server_close()
        thread.join()


SAID = {
    "a reason": (b'{"detail": "another agent\\nreports"}', "another agent reports"),
    "none": (b"{}", "without a reason: is it a control plane?"),
    "another page": (b"<html>" * 30_000, "without a reason: is it a control plane?"),
    "no end": (b'{"x": ' + b"[" * 60_000, "without a reason: is it a control plane?"),
}


@pytest.mark.parametrize(("answer", "why"), SAID.values(), ids=SAID)
def test_a_refusal_is_told_in_one_line_with_its_reason(tmp_path, answer, why):
    with reporting(tmp_path, answer) as (reports, _, _):
        wait_until(lambda: [*reports.heard().values()] == [f"refused (409): {why}"])


def test_the_last_report_says_that_the_host_drains(tmp_path):
    with reporting(tmp_path, b"{}") as (reports, drains, came):
        wait_until(lambda: came)
        drains[0] = True
        reports.stop()
        assert came[-1]["draining"] is True
        assert {each["instance"] for each in came} == {REPORT.instance}


def test_a_token_that_is_gone_is_said_and_reports_go_on(tmp_path):
    with reporting(tmp_path, b"{}") as (reports, _, _):
        (tmp_path / "token").unlink()
        wait_until(lambda: "there is no file" in next(iter(reports.heard().values())))
        (tmp_path / "token").touch(0o600)
        (tmp_path / "token").write_text("ab" * 32)
        wait_until(lambda: "refused (409)" in next(iter(reports.heard().values())))


@pytest.mark.parametrize("variable", ["CAPE_CA_FILE", "SSL_CERT_FILE"])
def test_authorities_that_cannot_be_read_are_said_and_reports_go_on(
    tmp_path, monkeypatch, variable
):
    monkeypatch.setenv(variable, str(tmp_path / "missing"))
    with reporting(tmp_path, b"{}") as (reports, _, _):
        wait_until(lambda: variable in next(iter(reports.heard().values())))
        monkeypatch.delenv(variable)
        wait_until(lambda: "refused (409)" in next(iter(reports.heard().values())))


def test_a_proxy_that_is_none_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1080")
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text("ab" * 32)
    plane = ControlPlane(urls=["https://control.invalid"], token_file=str(token))
    reports = Reports("one", plane, lambda: REPORT)
    try:
        wait_until(lambda: "HTTPS_PROXY names a proxy" in next(iter(reports.heard().values())))
    finally:
        reports.stop()


def test_the_token_for_a_control_plane_of_this_machine_passes_no_proxy(tmp_path, monkeypatch):
    for variable in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{free_port()}")
    with reporting(tmp_path, b"{}") as (_, _, came):
        wait_until(lambda: came)

"""What a control plane does with a report keeps no agent from its end."""

import socket
import threading

from tests.host.hosts import free_port

from pycape.host.configuration import ControlPlane
from pycape.host.reports import Reports
from pycape.server import HostReport

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
REPORT = HostReport(
    url="wss://one.example/v2/session", vault="ab" * 32, enclaves=1, slots=4, calls=0
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

"""What an enclave says of itself decides how many calls come, and nonsense is no number."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.e2e.processes import wait_until

from pycape.host.health import Health, HealthWatch


@contextmanager
def enclave(metrics: list[str], lacks: list[str] | None = None):
    """An enclave whose metrics are the last of these at present; its port.

    It is ready, or what `/readyz` says is the last of what it lacks.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            is_ready = self.path == "/metrics" or lacks is None
            report = b"" if lacks is None else lacks[-1].encode()
            said = metrics[-1].encode() if self.path == "/metrics" else report
            self.send_response(200 if is_ready else 503)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def says(slots: str) -> str:
    return f"cape_enclave_worker_slots {slots}\ncape_enclave_calls_running 1\n"


def test_a_number_that_is_none_does_not_end_the_watch():
    for nonsense in ("1e999", "1.2.3", "9" * 400):
        metrics = [says(nonsense)]
        with enclave(metrics) as port:
            watch = HealthWatch(port, lambda: True)
            try:
                wait_until(lambda watch=watch: watch.last == Health(ready=True, calls=1))
                metrics.append(says("4"))
                wait_until(lambda watch=watch: watch.last == Health(ready=True, slots=4, calls=1))
            finally:
                watch.stop()


def test_one_that_is_not_ready_says_what_it_lacks_and_nonsense_is_nothing():
    def report(**checks):
        return json.dumps({"status": "not ready", "checks": checks})

    lacks = [report(workers="none is left", clock="ok", blobs="it does not answer")]
    with enclave([says("4")], lacks) as port:
        watch = HealthWatch(port, lambda: True)
        try:
            failed = Health(slots=4, calls=1, failed_checks=("blobs", "workers"))
            wait_until(lambda: watch.last == failed)
            for nonsense in (
                "",
                "[]",
                '{"checks": [' + "[" * 100_000,
                report(**{"\x1b[2J": "x"}),
                report(**{f"c{'x' * number}": "x" for number in range(17)}),
            ):
                lacks.append(nonsense)
                wait_until(lambda: watch.last == Health(slots=4, calls=1))
                lacks.append(lacks[0])
                wait_until(lambda: watch.last == failed)
        finally:
            watch.stop()

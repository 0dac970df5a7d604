"""What an enclave says of itself decides how many calls come, and nonsense is no number."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.e2e.processes import wait_until

from pycape.host.health import Health, HealthWatch


@contextmanager
def enclave(metrics: list[str]):
    """An enclave that is ready, whose metrics are the last of these at present; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            said = metrics[-1].encode() if self.path == "/metrics" else b""
            self.send_response(200)
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

"""Several threads of Python with one session."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
import threading

from tests.bindings.test_garbage_into_the_core import session

from pycape.errors import CapeError

refused = []
session = session()


def use():
    for _ in range(2_000):
        for make in (session.cancel, session.end):
            try:
                make(99)
            except CapeError as error:
                refused.append(error.code)


sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=use) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(refused))
"""


def test_a_refusal_does_not_stop_another_thread():
    # An error is made by Python, which may let another thread go on meanwhile.
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "16000\n"), done.stderr

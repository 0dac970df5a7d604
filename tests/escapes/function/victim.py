"""A function with secrets: in its memory, environment, files and processes, and a socket."""

import ctypes
import json
import os
import socket
import subprocess
import sys
import time

SECRET = "what another tenant keeps to itself"
FILE = "/tmp/of-the-victim"
PR_SET_NAME = 15


def hold(facts):
    """Hold them, tell where they are, and go on until nobody listens any more."""
    ctypes.CDLL(None).prctl(PR_SET_NAME, facts["name"].encode())
    os.environ["SECRET"] = SECRET
    with open(FILE, "w") as file:
        file.write(SECRET)
    program = "import time; time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", program, SECRET])
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("\0" + facts["name"])
    listener.listen()
    yield json.dumps({"file": FILE, "socket": facts["name"], "child": child.pid}).encode()
    while child.poll() is None and open(FILE).read() == SECRET:
        time.sleep(0.02)
        yield b"alive"

"""What the harness reads of processes that it started."""

import os
import sys

from benches.children import Child, peak_memory, times_below

# Below a child that does nothing itself: one that works and ends, then one that works and stays.
WORK = """
import json, os, sys, time
def work():
    while time.process_time() < 0.3: pass
if os.fork():
    os.wait()
    os._exit(0)
if not os.fork():
    work()
    os._exit(0)
os.wait()
reading, writing = os.pipe()
if not os.fork():
    os.close(reading)
    work()
    os.write(writing, b"x")
    sys.stdin.read()
    os._exit(0)
os.read(reading, 1)
print(json.dumps("ready"), flush=True)
sys.stdin.read()
os.wait()
"""


def test_the_time_of_descendants_is_that_of_those_that_run_and_that_ended():
    child = Child([sys.executable, "-c", WORK])
    try:
        child.receive()
        below = sum(times_below(child.pid).values())
    finally:
        child.end()
    assert below > 0.55, "both worked for 0.3 s of processor time"


def test_the_peak_of_memory_is_in_bytes():
    page = os.sysconf("SC_PAGE_SIZE")
    assert peak_memory("self") % page == 0
    assert peak_memory(os.getpid()) > 1 << 20

"""What a caller leaves behind for the next one: state, files, threads and processes.

Each attempt is made twice, by two callers; the second looks for what the first one left. They are
separated by isolation, not by a layer, so no layer is named."""

import os
import subprocess
import sys
import threading
import time

from declare import attempt

kept = []


def second(found):
    if not found:
        raise FileNotFoundError(2, "nothing was left")
    return found


@attempt("ENOENT")
def a_variable(facts):
    kept.append(facts["caller"])
    return second(kept[:-1])


@attempt("ENOENT")
def a_file(facts):
    found = os.listdir("/tmp")
    with open(f"/tmp/{facts['caller']}", "w") as file:
        file.write(facts["caller"])
    return second(found)


@attempt("ENOENT")
def a_thread(facts):
    found = [thread.name for thread in threading.enumerate() if thread.name.startswith("left")]
    threading.Thread(
        target=time.sleep, args=(60,), name=f"left {facts['caller']}", daemon=True
    ).start()
    return second(found)


@attempt("ENOENT")
def a_process(facts):
    program = "import time; time.sleep(60)"
    found = [process.pid for process in kept if process.poll() is None]
    kept.append(subprocess.Popen([sys.executable, "-I", "-S", "-c", program]))
    return second(found)


@attempt("ENOENT")
def a_process_that_left(facts):
    """Another process of the same namespace, by its number."""
    others = [number for number in range(3, 200) if number != os.getpid() and is_there(number)]
    child = os.fork()
    if child == 0:
        os.setsid()
        time.sleep(60)
        os._exit(0)
    return second(others)


def is_there(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


@attempt("ENOENT")
def a_working_directory(facts):
    found = os.getcwd() if os.getcwd() != os.path.dirname(__file__) else ""
    os.chdir("/tmp")
    return second(found)


@attempt("ENOENT")
def an_environment(facts):
    found = os.environ.get("LEFT", "")
    os.environ["LEFT"] = facts["caller"]
    return second(found)


@attempt("ENOENT")
def a_module(facts):
    found = getattr(sys, "left", "")
    sys.left = facts["caller"]
    return second(found)

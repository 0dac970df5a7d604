"""One thread looks after all that is idle, and ends when nothing is."""

import gc
import threading
import weakref

from tests.e2e.processes import wait_until

from pycape._caretaker import Caretaker

PATIENCE = 30


class Idle:
    def __init__(self, *, looks: int = 1 << 30) -> None:
        self.left = looks
        self.looked_at = threading.Event()

    def look_after(self) -> bool:
        self.looked_at.set()
        self.left -= 1
        return self.left > 0


def test_all_are_looked_after_by_one_thread():
    caretaker, several = Caretaker(every=0.01), [Idle() for _ in range(3)]
    for idle in several:
        caretaker.add(idle)
    thread = caretaker._thread
    assert all(idle.looked_at.wait(PATIENCE) for idle in several)
    assert caretaker._thread is thread
    for idle in several:
        caretaker.remove(idle)
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert caretaker._thread is None


def test_what_needs_it_no_more_is_not_looked_after():
    caretaker, idle = Caretaker(every=0.01), Idle(looks=2)
    caretaker.add(idle)
    wait_until(lambda: caretaker._thread is None)
    assert idle.left == 0


def test_it_begins_anew():
    caretaker = Caretaker(every=0.01)
    for _ in range(2):
        idle = Idle(looks=1)
        caretaker.add(idle)
        assert idle.looked_at.wait(PATIENCE)
        if thread := caretaker._thread:
            thread.join(PATIENCE)


def test_it_keeps_nothing_alive():
    caretaker, idle = Caretaker(every=0.01), Idle()
    caretaker.add(idle)
    assert idle.looked_at.wait(PATIENCE)
    thread, gone = caretaker._thread, weakref.ref(idle)
    del idle
    thread.join(PATIENCE)
    gc.collect()
    assert gone() is None

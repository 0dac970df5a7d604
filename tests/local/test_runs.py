"""What the enclave's log tells of runs, line by line."""

import json
import time

import pytest

from pycape.local.runs import MOST_KEPT, PHASES, Runs

TARGET = "cape_enclave::runs"


class Enclave:
    """Writes what an enclave writes."""

    def __init__(self, runs: Runs) -> None:
        self.reader = runs.reader()

    def say(self, message: str, run: int = 1, target: str = TARGET, **fields: object) -> bool:
        fields = {"message": message, "run": run, **fields}
        line = {"timestamp": "2026-11-27T16:00:00.25Z", "level": "INFO", "fields": fields}
        return self.reader.take(json.dumps({**line, "target": target}) + "\n")

    def begin(self, run: int = 1, **fields: object) -> None:
        self.say("run begins", run, checksum="ab" * 32, **fields)

    def end(self, run: int = 1, outcome: str = "ok") -> None:
        said = {"elapsed_us": 40_000, "input_bytes": 5, "output_bytes": 7}
        self.say("run ended", run, outcome=outcome, **said)


@pytest.fixture
def runs():
    return Runs()


@pytest.fixture
def enclave(runs):
    return Enclave(runs)


def test_a_run_is_followed_from_its_beginning_to_its_end(runs, enclave):
    enclave.begin(attest_us=3_000)
    [run] = runs
    assert (run.state, run.running, run.checksum) == ("runs", "worker", "ab" * 32)
    assert [run.state_of(phase) for phase in PHASES] == ["done", "runs", "waits", "waits"]
    assert run.begun.isoformat() == "2026-11-27T16:00:00.250000+00:00"
    enclave.say("run found its function", function="4vJ9", name="echo", version=3)
    enclave.say("run has its worker", elapsed_us=10_000, cold=True)
    [run] = runs
    assert (run.name, run.version, run.function_id, run.cold) == ("echo", 3, "4vJ9", True)
    enclave.say("handler begins", elapsed_us=15_000)
    [run] = runs
    assert run.running == "run"
    assert [run.state_of(phase) for phase in PHASES] == ["done", "done", "done", "runs"]
    before = run.so_far["run"]
    time.sleep(0.01)
    assert run.so_far["run"] > before
    enclave.end()
    [run] = runs
    assert (run.state, run.running, run.outcome) == ("done", None, "ok")
    assert (run.input_size, run.output_size) == (5, 7)
    assert run.so_far == pytest.approx(
        {"attest": 0.003, "worker": 0.01, "input": 0.005, "run": 0.025}
    )


@pytest.mark.parametrize(
    ("outcome", "state"),
    [("ok", "done"), ("FunctionError", "failed"), ("Cancelled", "stopped")],
)
def test_how_a_run_ended(runs, enclave, outcome, state):
    enclave.begin()
    enclave.end(outcome=outcome)
    [run] = runs
    assert (run.state, run.outcome) == (state, outcome)
    assert run.state_of("attest") == run.state_of("run") == "not needed"
    assert run.state_of("worker") == ("done" if state == "done" else "failed")
    assert run.so_far == pytest.approx({"worker": 0.04})


def test_an_enclave_that_ends_takes_what_runs_along_and_nothing_of_the_next(runs, enclave):
    enclave.begin(1)
    enclave.begin(2)
    enclave.end(2)
    another = Enclave(runs)
    another.begin(1)
    enclave.reader.end()
    assert [run.outcome for run in runs] == [None, "ok", "the enclave ended"]
    assert [run.state for run in runs] == ["runs", "done", "stopped"]


def test_the_last_are_kept_and_what_runs_before_all(runs, enclave):
    enclave.begin(1)
    for number in range(2, MOST_KEPT + 10):
        enclave.begin(number)
        enclave.end(number)
    kept = list(runs)
    assert len(kept) == MOST_KEPT
    assert kept[-1].state == "runs"
    assert runs.go_on


def test_changes_are_told(runs, enclave):
    told = []
    runs.on_change = lambda: told.append(len(list(runs)))
    enclave.begin()
    enclave.end()
    assert told == [1, 1]


@pytest.mark.parametrize(
    "line",
    ["no JSON", "", TARGET, f'{{"target": "{TARGET}"}}', f'{{"target": "{TARGET}", "fields": 1}}'],
)
def test_what_is_no_such_line_is_left_to_the_log(runs, enclave, line):
    assert not enclave.reader.take(line)
    assert not enclave.say("call failed", target="cape_enclave::operations")
    assert not enclave.say(TARGET, target="cape_enclave::operations")
    assert list(runs) == []


def test_what_goes_on_after_its_end_or_never_began_is_nothing(runs, enclave):
    assert enclave.say("handler begins", 7, elapsed_us=1)
    assert list(runs) == []
    enclave.begin()
    enclave.end()
    enclave.end(outcome="Cancelled")
    [run] = runs
    assert run.outcome == "ok"

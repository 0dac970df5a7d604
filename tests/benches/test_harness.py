"""The benchmark harness: its statistics, its verdicts, its table, and that it runs. No times."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benches.harness import Contender, Sample, UnavailableError, race
from benches.machine import describe
from benches.page import with_tables
from benches.report import Comparison, Cost, Measurement, PeerCost
from benches.targets import AtMost, SpeedAtLeast, TimeAtMost, verdict

ROOT = Path(__file__).parent.parent.parent


def test_percentiles_are_interpolated():
    sample = Sample([5, 1, 4, 2, 3])
    assert [sample.percentile(percent) for percent in (0, 50, 75, 90, 100)] == [1, 3, 4, 4.6, 5]
    assert sample.median == 3
    assert sample.spread == pytest.approx(1 / 3)
    assert Sample([7]).percentile(99) == 7


def test_a_sample_without_laps_is_none():
    with pytest.raises(ValueError, match="at least one lap"):
        Sample([])


def test_what_takes_nothing_has_no_spread():
    assert Sample([0, 0, 0]).spread == 0


def test_contenders_take_turns():
    order = []

    def contender(name: str) -> Contender:
        return Contender.of(name, lambda: order.append(name), rest=0.05)

    samples = race([contender("a"), contender("b")], 0)
    assert list(samples) == ["a", "b"]
    assert order == [*"aabb", *"ababab"], "two laps that do not count, then turns of one lap"
    assert len(samples["a"]) == len(samples["b"]) == 3


def test_a_contender_that_is_unavailable_is_left_out(capsys):
    def missing(_laps: int) -> list[float]:
        raise UnavailableError("no such peer")

    samples = race([Contender.of("here", lambda: None), Contender("away", missing)], 0)
    assert list(samples) == ["here"]
    assert capsys.readouterr().err == "away is left out: no such peer\n"


@pytest.mark.parametrize(
    ("target", "ours", "peer", "expected"),
    [
        (TimeAtMost(1.5), 1.4, 1.0, "Improved"),
        (TimeAtMost(1.5), 1.52, 1.0, "Equal"),
        (TimeAtMost(1.5), 1.6, 1.0, "Worse"),
        (SpeedAtLeast(5), 1.0, 6.0, "Improved"),
        (SpeedAtLeast(5), 1.0, 5.0, "Equal"),
        (SpeedAtLeast(5), 1.0, 4.0, "Worse"),
        (AtMost(0.1), 0.05, None, "Improved"),
        (AtMost(0.1), 0.2, None, "Worse"),
        (AtMost(0.1), 0, None, "Improved"),
        (AtMost(0.1), -0.2, None, "Improved"),
        (SpeedAtLeast(5), 1.0, None, None),
        (None, 1.0, 1.0, None),
    ],
)
def test_verdicts(target, ours, peer, expected):
    assert verdict(target, ours, peer) == expected


def test_ratios_are_of_times_only_where_the_target_is():
    ours, peer = Sample([2.0]), Sample([1.0])
    assert Comparison("peer", peer, TimeAtMost(3)).ratio(ours) == 2
    assert Comparison("peer", peer, SpeedAtLeast(1)).ratio(ours) == 0.5
    assert Comparison("peer", peer).ratio(ours) == 0.5
    assert Comparison("the limit", None, AtMost(3)).ratio(ours) is None


def test_a_measurement_fits_eighty_columns():
    comparisons = (
        Comparison("bare AES-256-GCM, 16 KiB, AWS-LC", Sample([0.001]), SpeedAtLeast(0.85)),
        Comparison("not installed", None, SpeedAtLeast(1)),
    )
    size = 64 << 20
    lines = list(
        Measurement("sealed", Sample([0.01] * 20), comparisons, "bytes a second", size).lines()
    )
    assert lines[0].split() == ["sealed", "6,711", "MB/s", "p95", "6,711", "p99", "6,711", "MB/s"]
    assert lines[1].split()[-6:] == ["MB/s", "0.10", "speed", ">=", "0.85", "Worse"]
    assert lines[2].split() == ["not", "installed", "speed", ">=", "1"]
    tail = next(Measurement("call", Sample([0.01] * 20)).lines())
    assert tail.split() == ["call", "10.00", "ms", "p95", "10.00", "ms", "p99", "10.00", "ms"]
    few = next(Measurement("sealed", Sample([0.01] * 19), (), "bytes a second", size).lines())
    assert few.split() == ["sealed", "6,711", "MB/s"]
    rate = next(Measurement("calls", Sample([1e-5] * 20), unit="calls a second").lines())
    assert rate.split()[1:] == ["100,000", "/s", "p95", "100,000", "p99", "100,000", "/s"]
    assert all(len(line) <= 80 for line in [*lines, tail, rate])


def test_the_slow_laps_of_a_rate_are_the_lower_figures():
    line = next(
        Measurement("calls", Sample([1e-3] * 50 + [1e-2] * 50), unit="calls a second").lines()
    )
    assert line.split()[-5:] == ["p95", "100", "p99", "100", "/s"]


def test_what_a_call_costs_is_shown_with_that_of_a_plain_one():
    cost = Cost(0.9996, 0.9996, 0.9996, 1023 << 20, PeerCost(0.9996, 0.9996))
    _, processors, rest = Measurement("call", Sample([0.01]), cost=cost).lines()
    assert processors == "  CPU of client 999.60 ms, enclave 999.60 ms, workers 999.60 ms"
    assert rest == (
        "  memory of enclave 1023.00 MiB; CPU of plain client 999.60 ms, server 999.60 ms"
    )
    assert len(rest) <= 80
    alone = Cost(0.1, 0.1, 0.1, 1 << 10)
    *_, rest = Measurement("call", Sample([0.01]), cost=alone).lines()
    assert rest == "  memory of enclave 1.0 KiB"


def test_costs_are_a_table_of_the_page():
    rows = [
        Measurement("both", Sample([0.01]), cost=Cost(1, 2, 3, 4 << 20, PeerCost(5, 6))),
        Measurement("alone", Sample([0.01]), cost=Cost(1, 2, 3, 4 << 20)),
        Measurement("neither", Sample([0.01])),
    ]
    results = {
        "time": "2026-01-01T00:00:00",
        "machine": describe(),
        "suites": {"one": [row.as_json() for row in rows]},
    }
    page = with_tables("<!-- tables -->\n<!-- end of tables -->\n", results)
    times = "10.00 ms | 10.00 ms | 10.00 ms | 1.00 s | 2.00 s | 3.00 s | 4.00 MiB"
    assert page.splitlines()[-4:-1] == [
        f"|{'---|' * 10}",
        f"| both | {times} | 5.00 s | 6.00 s |",
        f"| alone | {times} |  |  |",
    ]


def test_a_quick_run_prints_and_keeps_what_it_measured():
    command = [sys.executable, "-m", "benches", "--quick", "--only", "start"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    results = Path(run.stdout.splitlines()[-1])
    try:
        kept = json.loads(results.read_text())
    finally:
        results.unlink()
    assert list(kept["suites"]) == ["start"]
    assert [measured["name"] for measured in kept["suites"]["start"]][:2] == [
        "cape --help",
        "import pycape",
    ]
    assert kept["machine"]["processor"] in run.stdout
    assert all(len(line) <= 80 for line in run.stdout.splitlines()[:-1])

"""Draws the plots of docs/performance.md: `python -m benches.plots RESULTS.json FOLDER`.

Runs in the environment of the peers, which has matplotlib.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

# Each drawing of the same figures has the same bytes, and text stays text.
mpl.rcParams.update({"svg.hashsalt": "cape", "svg.fonttype": "none", "font.size": 9})

_OURS = "Cape"


def _throughput(measurements: list[dict[str, Any]], verb: str) -> plt.Figure:
    """Bytes a second against the size of the plaintext, both in powers."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for measurement in measurements:
        if measurement["name"].startswith(verb) and measurement["name"].endswith("text"):
            size = measurement["size"]
            lines.setdefault(_OURS, []).append((size, size / measurement["median"]))
            for comparison in measurement["comparisons"]:
                if "median" in comparison:
                    point = (size, size / comparison["median"])
                    lines.setdefault(comparison["peer"], []).append(point)
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, points in lines.items():
        sizes, speeds = zip(*sorted(points), strict=True)
        width = 2.5 if name == _OURS else 1.2
        axes.plot(sizes, speeds, marker="o", markersize=4, linewidth=width, label=name)
    axes.set(xscale="log", yscale="log", xlabel="plaintext, bytes", ylabel="bytes a second")
    axes.set_title(f"{verb}, text form")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def main(results: Path, folder: Path) -> None:
    """Draw each plot as SVG."""
    measurements = json.loads(results.read_text())["suites"].get("envelope", [])
    for verb in ("encrypt", "decrypt"):
        figure = _throughput(measurements, verb)
        figure.savefig(folder / f"{verb}.svg", metadata={"Date": None})
        plt.close(figure)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

import statistics

import pycape


@pycape.function
def summarise(numbers: list[float], digits: int = 2) -> dict[str, float]:
    """Summarise numbers. Arguments and result are values, not bytes."""
    return {
        "mean": round(statistics.fmean(numbers), digits),
        "median": statistics.median(numbers),
    }

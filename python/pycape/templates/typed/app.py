import statistics

import serdio


@serdio.lift_io(as_handler=True)
def cape_handler(numbers, digits):
    """Summarise numbers. Arguments and result are values, not bytes."""
    return {
        "mean": round(statistics.fmean(numbers), digits),
        "median": statistics.median(numbers),
    }

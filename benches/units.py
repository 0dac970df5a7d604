"""How values are shown."""

from typing import Literal

Unit = Literal["seconds", "bytes a second", "calls a second", "handshakes a second", "bytes"]


def formatted(value: float, unit: Unit, size: int = 0) -> str:
    """Return a value in its unit.

    What is so much a second is kept as the seconds that one of them, or `size` bytes, took.
    """
    match unit:
        case "bytes":
            mib = value / 2**20
            return f"{mib:.2f} MiB" if abs(mib) >= 1 else f"{mib * 2**10:.1f} KiB"
        case "bytes a second":
            return f"{size / value / 1e6:,.0f} MB/s"
        case "calls a second" | "handshakes a second":
            return f"{1 / value:,.0f} /s"
        case "seconds" if value >= 1:
            return f"{value:.2f} s"
        case "seconds" if value >= 1e-3:
            return f"{value * 1e3:.2f} ms"
        case _:
            return f"{value * 1e6:.1f} us"

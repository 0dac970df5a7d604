"""Check 6: the document's time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from .case import Case
from .chain import NOW, NOW_MS, chain, validity
from .document import document

AGE_MS, SKEW_MS = 300_000, 120_000


def cases() -> Iterator[Case]:
    check = "time"
    for name, about, made in [
        ("oldest", "five minutes old", NOW_MS - AGE_MS),
        ("newest", "two minutes in the future", NOW_MS + SKEW_MS),
    ]:
        yield Case(f"time_{name}", check, about, document(timestamp=made))
    for name, about, made in [
        ("too_old", "five minutes and a millisecond old", NOW_MS - AGE_MS - 1),
        ("too_new", "two minutes and a millisecond in the future", NOW_MS + SKEW_MS + 1),
        ("in_seconds", "seconds for milliseconds", NOW_MS // 1000),
        ("of_one", "the first millisecond of 1970", 1),
    ]:
        yield refused(f"time_{name}", about, made)
    yield refused(
        "time_at_end_of_uint", "the largest number", (1 << 64) - 1, "584556019-04-03T14:25:51Z"
    )
    yield Case(
        "time_within_another_age",
        check,
        "an hour old, as the verifier allows",
        document(chain(leaf={"validity": HOURS}), timestamp=NOW_MS - 3_600_000),
        max_age_ms=3_600_000,
    )
    yield Case(
        "time_beyond_another_age",
        check,
        "a millisecond old, as the verifier does not allow",
        document(timestamp=NOW_MS - 1),
        *too_old(NOW_MS - 1, NOW_MS, NOW_MS + SKEW_MS),
        max_age_ms=0,
    )
    yield from within_the_chain()


HOURS = validity(NOW - timedelta(hours=2), NOW + timedelta(hours=1))


def within_the_chain() -> Iterator[Case]:
    """The leaf is valid for two minutes around now."""
    minute = timedelta(minutes=1)
    narrow = chain(leaf={"validity": validity(NOW - minute, NOW + minute)})
    for name, about, made, accepted in [
        ("when_the_leaf_begins", "made in the leaf's first second", NOW_MS - 60_000, True),
        ("before_the_leaf", "made a millisecond before the leaf", NOW_MS - 60_001, False),
        ("when_the_leaf_ends", "made in the leaf's last millisecond", NOW_MS + 60_999, True),
        ("after_the_leaf", "made a millisecond after the leaf", NOW_MS + 61_000, False),
    ]:
        told = (None, None) if accepted else too_old(made, NOW_MS - 60_000, NOW_MS + 60_999)
        yield Case(f"time_{name}", "time", about, document(narrow, timestamp=made), *told)


def refused(name: str, about: str, made: int, shown: str | None = None) -> Case:
    told = too_old(made, NOW_MS - AGE_MS, NOW_MS + SKEW_MS, shown)
    return Case(name, "time", about, document(timestamp=made), *told)


def too_old(made: int, earliest: int, latest: int, shown: str | None = None) -> tuple[str, str]:
    """Return the error's class and words; `shown` is a time that no datetime can hold."""
    return (
        "DocumentTooOld",
        f"the document was made at {shown or text(made)}; judged at {text(NOW_MS)} it had to be "
        f"made between {text(earliest)} and {text(latest)}",
    )


def text(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"

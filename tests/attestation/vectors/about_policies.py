"""Check 8: measurements, vault, date."""

from collections.abc import Iterator
from datetime import timedelta

from .about_purposes import SESSION, stated
from .case import Case
from .chain import NOW_MS, around, chain
from .document import PCRS, VAULT, document, policy

OTHER = b"\xee" * 48
OTHER_VAULT = b"\xee" * 32


def cases() -> Iterator[Case]:
    yield from measurements()
    yield from vaults()
    yield from dates()
    yield from nearest()


def pins(*indexes: int, **others: str) -> dict[str, str]:
    """Return a release that pins these registers as they are, and others as said."""
    return {**{f"pcr{index}": PCRS[index].hex() for index in indexes}, **others}


def differs(index: int, actual: bytes | None, release: str = "release 0") -> tuple[str, str]:
    found = "and is missing" if actual is None else f"and is {actual.hex()[:8]}..."
    expected = OTHER.hex()[:8]
    return "PcrMismatch", f'PCR{index} should be {expected}... for "{release}", {found}'


def measurements() -> Iterator[Case]:
    check = "policy.measurements"
    every = policy(pins(*PCRS))
    yield Case("all_pins_hold", check, "sixteen pins", document(), policy=every)
    for index in PCRS:
        wrong = policy(pins(*PCRS, **{f"pcr{index}": OTHER.hex()}))
        told = differs(index, PCRS[index])
        yield Case(
            f"pcr{index}_differs", check, f"PCR{index} is another", document(), *told, policy=wrong
        )
    yield Case(
        "pin_on_missing_register",
        check,
        "a pin on a register that is not told",
        document(),
        *differs(16, None),
        policy=policy(pins(pcr16=OTHER.hex())),
    )
    zero = document(pcrs={**PCRS, 8: bytes(48)})
    yield Case(
        "pin_on_zero_register",
        check,
        "a pin on a register that is zero",
        zero,
        *differs(8, bytes(48)),
        policy=policy(pins(pcr8=OTHER.hex())),
    )
    yield Case(
        "pin_of_zero_holds",
        check,
        "PCR8 is pinned to zero beside PCR0: the image is not signed",
        zero,
        policy=policy(pins(pcr8=bytes(48).hex())),
    )
    yield Case(
        "pin_of_zero_differs",
        check,
        "PCR16 is pinned to zero and not told, which is not the same",
        document(),
        "PcrMismatch",
        'PCR16 should be 00000000... for "release 0", and is missing',
        policy=policy(pins(pcr16=bytes(48).hex())),
    )


def vaults() -> Iterator[Case]:
    ours = document(user_data=stated(SESSION))
    of_other = policy({"vault": OTHER_VAULT.hex()})
    expected, actual = OTHER_VAULT.hex()[:8], VAULT.hex()[:8]
    other = ("VaultMismatch", f"the vault should be {expected}..., and is {actual}...")
    for purpose in ("any", "session"):
        yield Case(
            f"vault_differs_{purpose}",
            "policy.vault",
            f"another platform's secret, judged for the purpose {purpose}",
            ours,
            *other,
            policy=of_other,
            purpose=purpose,
        )
    yield Case(
        "vault_not_named",
        "policy.vault",
        "a document of somebody else's, where the release names a vault",
        document(user_data=b"hello"),
        "VaultMismatch",
        f"the vault should be {expected}..., and the document names none",
        policy=of_other,
    )
    yield Case(
        "vault_not_pinned_session",
        "policy.vault",
        "a release without a vault for a session",
        ours,
        "VaultMismatch",
        'release "release 0" names no vault, and without one nobody\'s data is safe',
        purpose="session",
    )
    yield Case(
        "vault_not_pinned", "policy.vault", "a release without a vault for any purpose", ours
    )


def dates() -> Iterator[Case]:
    expired = lambda until, at: (
        "PcrMismatch",
        f'release "release 0" was approved until {until}, and is judged at {at}',
    )
    day = chain(leaf={"validity": around(timedelta(hours=-1), timedelta(hours=13))})
    for name, about, not_after, now_ms, told in [
        ("time_at_end", "its last second", "2026-01-15T12:00:00Z", NOW_MS + 999, None),
        (
            "time_over",
            "a second after its last",
            "2026-01-15T11:59:59Z",
            NOW_MS,
            expired("2026-01-15T11:59:59Z", "2026-01-15T12:00:00Z"),
        ),
        (
            "day_at_end",
            "the last millisecond of the day, in UTC",
            "2026-01-15",
            NOW_MS + 43_199_999,
            None,
        ),
        (
            "day_over",
            "the first millisecond of the next day, in UTC",
            "2026-01-15",
            NOW_MS + 43_200_000,
            expired("2026-01-15T23:59:59Z", "2026-01-16T00:00:00Z"),
        ),
    ]:
        yield Case(
            f"release_{name}",
            "policy.date",
            about,
            document(day, timestamp=now_ms),
            *(told or (None, None)),
            policy=policy({"not_after": not_after}),
            now_ms=now_ms,
        )


def nearest() -> Iterator[Case]:
    """The error is that of the nearest release: date, vault, then the fewest registers."""
    ours = document(user_data=stated(SESSION))
    mine = {"vault": VAULT.hex()}
    two = pins(pcr1=OTHER.hex(), pcr2=OTHER.hex(), **mine)
    one = pins(pcr2=OTHER.hex(), **mine)
    other_vault = {"vault": OTHER_VAULT.hex()}
    over = {**mine, "not_after": "2026-01-14"}
    of_vault = ("VaultMismatch", "the vault should be eeeeeeee..., and is 7a7a7a7a...")
    of_date = lambda number: (
        "PcrMismatch",
        f'release "release {number}" was approved until 2026-01-14T23:59:59Z, and is '
        "judged at 2026-01-15T12:00:00Z",
    )
    for name, about, releases, told in [
        ("registers", "one register before two", (two, one), differs(2, PCRS[2], "release 1")),
        ("vault", "the vault before registers", (one, other_vault), of_vault),
        ("date", "the date before the vault", (one, other_vault, over), of_date(2)),
        (
            "tie_of_registers",
            "the first of two with one",
            (one, pins(pcr1=OTHER.hex(), **mine)),
            differs(2, PCRS[2]),
        ),
        ("tie_of_dates", "the first of two that are over", (over, over), of_date(0)),
        (
            "fits",
            "a release that fits, behind all others",
            (two, one, other_vault, over, mine),
            None,
        ),
        ("overlap", "one that is over, and its successor", (over, mine), None),
    ]:
        yield Case(
            f"nearest_{name}",
            "policy.nearest",
            about,
            ours,
            *(told or (None, None)),
            policy=policy(*releases),
            purpose="session",
        )

"""What the control plane answers and is asked, as JSON. Times are seconds since 1970, UTC."""

from datetime import date
from typing import Annotated

import msgspec

# Python's $ also matches before a final newline, hence (?!\n).
AccountId = Annotated[str, msgspec.Meta(pattern=r"^cape1[02-9ac-hj-np-z]{58}$(?!\n)")]
UserName = Annotated[str, msgspec.Meta(pattern=r"^(?!cape1)[a-z][a-z0-9-]{2,31}$(?!\n)")]
HostName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$(?!\n)")]
FunctionName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,63}$(?!\n)")]


class Status(msgspec.Struct, frozen=True):
    """Whether the control plane works; `checks` says of each part what is wrong, if anything."""

    status: str
    checks: dict[str, str]


class HostReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a host says of itself: where clients find its enclaves, and how many calls it can take.

    `instance` is 16 random bytes in hex, of one run of its agent: two agents of one name differ.
    `enclaves` are those that serve, `slots` their workers, `calls` those that run. `measurement` is
    PCR0 of what they run, if the host knows. Nobody believes it: attestation decides.
    """

    url: Annotated[str, msgspec.Meta(max_length=2048)]
    vault: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    instance: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")]
    enclaves: Annotated[int, msgspec.Meta(ge=0, le=64)]
    slots: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
    calls: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
    draining: bool = False
    measurement: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{96}$(?!\n)")] | None = None

    def encode(self) -> bytes:
        """Return it as JSON."""
        return msgspec.json.encode(self)


class NameAnswer(msgspec.Struct, frozen=True):
    """A name, its account, and the claim that the account signed."""

    name: str
    account: str
    claim: str


class EpochAnswer(msgspec.Struct, frozen=True):
    """The account's epoch, and its record as signed."""

    epoch: int
    record: str


class RevocationsAnswer(msgspec.Struct, frozen=True):
    """The number of the account's newest revocation list, and the list as signed."""

    number: int
    list: str


class FunctionAnswer(msgspec.Struct, frozen=True):
    """A published function. Only `manifest` is signed: the rest is for display."""

    id: str
    checksum: str
    account: str
    name: str
    version: int
    manifest: str
    created: int


class FunctionsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which functions to list; `cursor` is the one of the page before."""

    account: AccountId
    name: FunctionName | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 50
    cursor: str | None = None


class FunctionsAnswer(msgspec.Struct, frozen=True):
    """A page of functions, by name, newest version first; `cursor` is there if more follow.

    `last_version`, when a name was asked for, is the highest version that this name ever had,
    deleted ones included: the next deployment needs a higher one.
    """

    functions: list[FunctionAnswer]
    cursor: str | None = None
    last_version: int | None = None


class PlacementRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The id or checksum of the function to run, or none for any other purpose."""

    function: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class PlacementAnswer(msgspec.Struct, frozen=True):
    """Where to open the session, and until when that may be remembered."""

    url: str
    expires: int


class Release(msgspec.Struct, frozen=True):
    """A release as a policy file names it; PCRs that it pins and the vault's id in hex."""

    name: str
    pcr0: str | None
    pcr1: str | None
    pcr2: str | None
    vault: str
    not_after: date | None = None
    pcr8: str | None = None


class Platform(msgspec.Struct, frozen=True):
    """What the platform says of itself. Informative: clients trust their profile, not this.

    `trust_root` is empty where it is AWS's own.
    """

    vault: str
    birth: str
    python: str
    platform: str
    trust_root: str
    releases: list[Release]

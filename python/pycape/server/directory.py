"""Operations on what an account says of itself: names, epochs, revocations."""

from collections.abc import Sequence

from pycape.errors import NotFound, PermissionDenied
from pycape.server.messages import AccountId, EpochAnswer, NameAnswer, RevocationsAnswer, UserName
from pycape.server.operations import Answer, Call, Operation
from pycape.server.services import Services
from pycape.server.statements import (
    StatementType,
    read_epoch_record,
    read_name_claim,
    read_revocation_list,
)


def claim_name(services: Services, call: Call) -> Answer:
    """Give a free name to the account that signed the claim."""
    text = call.statement()
    claim = read_name_claim(text)
    name = call.path["name"]
    if claim.name != name:
        raise PermissionDenied(f"the claim is for {claim.name}, not for {name}")
    is_new = services.records.claim_name(name, claim.account, text, services.clock())
    return Answer(NameAnswer(name, claim.account, text), status=201 if is_new else 200)


def resolve_name(services: Services, call: Call) -> Answer:
    """Tell which account claimed a name."""
    name = call.path_value("name", UserName)
    record = services.records.name(name)
    if record is None:
        raise NotFound(f"no account has the name {name}", hint="names are spelled in lower case")
    return Answer(NameAnswer(record.name, record.owner, record.claim))


def raise_epoch(services: Services, call: Call) -> Answer:
    """Keep an account's epoch record; its number only rises."""
    text = call.statement()
    record = read_epoch_record(text)
    _check_account(call, record.account)
    services.records.raise_statement("epoch", record.account, record.epoch, text, services.clock())
    return Answer(EpochAnswer(record.epoch, text))


def show_epoch(services: Services, call: Call) -> Answer:
    """Hand out an account's epoch record."""
    account = call.path_value("account", AccountId)
    kept = services.records.rising_statement("epoch", account)
    if kept is None:
        raise NotFound(f"{account} has published no epoch record: it is in epoch 0")
    return Answer(EpochAnswer(kept.version, kept.statement))


def raise_revocations(services: Services, call: Call) -> Answer:
    """Keep an account's revocation list; its number only rises."""
    text = call.statement()
    revocations = read_revocation_list(text)
    _check_account(call, revocations.account)
    services.records.raise_statement(
        "revocations", revocations.account, revocations.number, text, services.clock()
    )
    return Answer(RevocationsAnswer(revocations.number, text))


def show_revocations(services: Services, call: Call) -> Answer:
    """Hand out an account's revocation list."""
    account = call.path_value("account", AccountId)
    kept = services.records.rising_statement("revocations", account)
    if kept is None:
        raise NotFound(f"{account} has published no revocation list")
    return Answer(RevocationsAnswer(kept.version, kept.statement))


OPERATIONS: Sequence[Operation] = (
    Operation(
        "PUT",
        "/v2/names/{name}",
        "Claim a name",
        claim_name,
        body=StatementType.NAME,
        answers={200: NameAnswer, 201: NameAnswer},
        refusals=(403, 409),
    ),
    Operation(
        "GET",
        "/v2/names/{name}",
        "Find the account behind a name",
        resolve_name,
        answers={200: NameAnswer},
        refusals=(404,),
    ),
    Operation(
        "PUT",
        "/v2/accounts/{account}/epoch",
        "Raise an account's epoch",
        raise_epoch,
        body=StatementType.EPOCH,
        answers={200: EpochAnswer},
        refusals=(403, 409),
    ),
    Operation(
        "GET",
        "/v2/accounts/{account}/epoch",
        "Fetch an account's epoch record",
        show_epoch,
        answers={200: EpochAnswer},
        refusals=(404,),
    ),
    Operation(
        "PUT",
        "/v2/revocations/{account}",
        "Publish a revocation list",
        raise_revocations,
        body=StatementType.REVOCATIONS,
        answers={200: RevocationsAnswer},
        refusals=(403, 409),
    ),
    Operation(
        "GET",
        "/v2/revocations/{account}",
        "Fetch an account's revocation list",
        show_revocations,
        answers={200: RevocationsAnswer},
        refusals=(404,),
    ),
)


def _check_account(call: Call, account: str) -> None:
    if call.path["account"] != account:
        raise PermissionDenied(f"the statement is of {account}, the path names another account")

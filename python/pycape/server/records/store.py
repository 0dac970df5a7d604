"""What can be asked of the records, each question or change one transaction.

Changes are single statements that compare and set, so several control planes may share one
database. Two that race are decided by the database, and the loser gets `Conflict`.
"""

import uuid
from dataclasses import dataclass
from typing import Any, Literal, Self

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    Select,
    Table,
    and_,
    delete,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from pycape.errors import Conflict
from pycape.server.records.engine import open_engine
from pycape.server.records.migrate import is_current, migrate
from pycape.server.records.tables import (
    function_versions,
    functions,
    names,
    rising_statements,
    spent_nonces,
)

Kind = Literal["epoch", "revocations"]


@dataclass(frozen=True, slots=True)
class NameRecord:
    """A name and the account that claimed it; `claim` is the signed statement."""

    name: str
    owner: str
    version: int
    claim: str


@dataclass(frozen=True, slots=True)
class RisingStatement:
    """An account's newest epoch record or revocation list; `version` is the number signed in it."""

    owner: str
    version: int
    statement: str


@dataclass(frozen=True, slots=True)
class FunctionRecord:
    """A published function; `manifest` is the signed statement, `created` is in seconds."""

    id: str
    checksum: str
    owner: str
    name: str
    version: int
    manifest: str
    created: int
    deleting: bool = False


class Records:
    """The records of a control plane. Safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = engine.execution_options(cape_read_only=True)

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the database at an SQLAlchemy URL and bring its schema up to date."""
        engine = open_engine(url)
        migrate(engine)
        return cls(engine)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def check(self, now: int) -> bool:
        """Tell whether the database takes changes, and has the schema this version knows.

        It notes a nonce of nobody's, which counts no longer: the next change forgets it.
        """
        with self._reading.begin() as connection:
            if not is_current(connection):
                return False
        return self.spend_nonce("", uuid.uuid4().hex, now - 1, now)

    # Names

    def claim_name(self, name: str, owner: str, claim: str, now: int) -> bool:
        """Record a claim; true when the name was free. `Conflict` when another account has it."""
        statement = (
            self._insert(names)
            .values(name=name, owner=owner, version=1, claim=claim, changed=now)
            .on_conflict_do_nothing()
            .returning(names.c.name)
        )
        with self._engine.begin() as connection:
            if connection.execute(statement).scalar() is not None:
                return True
            holder = connection.execute(select(names.c.owner).where(names.c.name == name)).scalar()
        if holder != owner:
            raise Conflict(
                f"the name {name} belongs to {holder}", hint="choose another name for your account"
            )
        return False

    def name(self, name: str) -> NameRecord | None:
        """Find who claimed `name`."""
        row = self._one(select(names).where(names.c.name == name))
        return row and NameRecord(row.name, row.owner, row.version, row.claim)

    # Epoch records and revocation lists

    def raise_statement(
        self, kind: Kind, owner: str, version: int, statement: str, now: int
    ) -> None:
        """Replace the account's statement of this kind by one with a higher number.

        The same statement again changes nothing. `Conflict` for a lower number, or for another
        statement with the same one.
        """
        table = rising_statements
        upsert = (
            self._insert(table)
            .values(owner=owner, kind=kind, version=version, statement=statement, changed=now)
            .on_conflict_do_update(
                index_elements=[table.c.owner, table.c.kind],
                set_={"version": version, "statement": statement, "changed": now},
                where=table.c.version < version,
            )
            .returning(table.c.version)
        )
        with self._engine.begin() as connection:
            if connection.execute(upsert).scalar() is not None:
                return
            row = connection.execute(_rising_statement(kind, owner)).one()
        if (row.version, row.statement) != (version, statement):
            raise Conflict(
                f"the account's {kind} number is {row.version} already, this one is {version}",
                hint=f"sign one with a number above {row.version}",
                details={"last": str(row.version)},
            )

    def rising_statement(self, kind: Kind, owner: str) -> RisingStatement | None:
        """Find the account's newest statement of this kind."""
        row = self._one(_rising_statement(kind, owner))
        return row and RisingStatement(row.owner, row.version, row.statement)

    # Functions

    def add_function(self, function: FunctionRecord) -> tuple[FunctionRecord, bool]:
        """Publish a function; the record kept, and whether it is new.

        The same function again is no change. `Conflict` when its version is not above the highest
        that this account ever registered under this name, or while it is being deleted.
        """
        table = function_versions
        raise_version = (
            self._insert(table)
            .values(owner=function.owner, name=function.name, version=function.version)
            .on_conflict_do_update(
                index_elements=[table.c.owner, table.c.name],
                set_={"version": function.version},
                where=table.c.version < function.version,
            )
            .returning(table.c.version)
        )
        with self._engine.begin() as connection:
            if connection.execute(raise_version).scalar() is not None:
                connection.execute(functions.insert().values(**_columns(function)))
                return function, True
            known = connection.execute(
                select(functions).where(functions.c.checksum == function.checksum)
            ).one_or_none()
            last = _last_version(connection, function.owner, function.name)
        if known is None:
            raise Conflict(
                f"version {function.version} of {function.name} is not above the last, {last}",
                hint=f"deploy with a version above {last}",
                details={"last": str(last)},
            )
        if known.deleting:
            raise Conflict(f"the function {function.id} is being deleted")
        return _function(known), False

    def function(self, id_or_checksum: str, *, deleting: bool = False) -> FunctionRecord | None:
        """Find a published function by its id or its checksum.

        With `deleting` also one whose deletion has begun.
        """
        query = select(functions).where(
            or_(functions.c.id == id_or_checksum, functions.c.checksum == id_or_checksum)
        )
        row = self._one(query if deleting else query.where(~functions.c.deleting))
        return row and _function(row)

    def functions(
        self, owner: str, name: str | None, limit: int, after: tuple[str, int] | None
    ) -> list[FunctionRecord]:
        """List an account's functions by name, newest version first, after (name, version)."""
        query = select(functions).where(functions.c.owner == owner, ~functions.c.deleting)
        if name is not None:
            query = query.where(functions.c.name == name)
        if after is not None:
            after_name, after_version = after
            query = query.where(
                or_(
                    functions.c.name > after_name,
                    and_(functions.c.name == after_name, functions.c.version < after_version),
                )
            )
        query = query.order_by(functions.c.name, functions.c.version.desc()).limit(limit)
        with self._reading.begin() as connection:
            return [_function(row) for row in connection.execute(query)]

    def last_version(self, owner: str, name: str) -> int:
        """Tell the highest version this name ever had, deleted functions included; 0 if none."""
        with self._reading.begin() as connection:
            return _last_version(connection, owner, name)

    def begin_deletion(self, function_id: str) -> None:
        """Take the function out of the directory. Its record stays until `finish_deletion`."""
        with self._engine.begin() as connection:
            connection.execute(
                update(functions).where(functions.c.id == function_id).values(deleting=True)
            )

    def finish_deletion(self, function_id: str) -> None:
        """Remove the record of a function whose blobs are gone."""
        with self._engine.begin() as connection:
            connection.execute(
                delete(functions).where(functions.c.id == function_id, functions.c.deleting)
            )

    def deletions(self) -> list[FunctionRecord]:
        """List the functions whose deletion has begun and not ended."""
        with self._reading.begin() as connection:
            return [
                _function(row)
                for row in connection.execute(select(functions).where(functions.c.deleting))
            ]

    # Nonces of requests

    def spend_nonce(self, owner: str, nonce: str, expires: int, now: int) -> bool:
        """Note that a request's nonce was used; false when it had been. Kept until `expires`."""
        statement = (
            self._insert(spent_nonces)
            .values(owner=owner, nonce=nonce, expires=expires)
            .on_conflict_do_nothing()
            .returning(spent_nonces.c.nonce)
        )
        with self._engine.begin() as connection:
            connection.execute(delete(spent_nonces).where(spent_nonces.c.expires < now))
            return connection.execute(statement).scalar() is not None

    def _one(self, query: Select[Any]) -> Row[Any] | None:
        with self._reading.begin() as connection:
            return connection.execute(query).one_or_none()

    def _insert(self, table: Table) -> sqlite.Insert:
        # Both dialects spell ON CONFLICT the same way; SQLAlchemy's generic insert has none.
        if self._engine.dialect.name == "postgresql":
            return postgresql.insert(table)  # type: ignore[return-value]
        return sqlite.insert(table)


def _rising_statement(kind: Kind, owner: str) -> Select[Any]:
    return select(rising_statements).where(
        rising_statements.c.owner == owner, rising_statements.c.kind == kind
    )


def _last_version(connection: Connection, owner: str, name: str) -> int:
    query = select(function_versions.c.version).where(
        function_versions.c.owner == owner, function_versions.c.name == name
    )
    return connection.execute(query).scalar() or 0


def _columns(function: FunctionRecord) -> dict[str, Any]:
    return {column: getattr(function, column) for column in FunctionRecord.__slots__}


def _function(row: Row[Any]) -> FunctionRecord:
    return FunctionRecord(**{column: row._mapping[column] for column in FunctionRecord.__slots__})

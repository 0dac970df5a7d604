"""The tables, as SQLAlchemy Core metadata. Changing one needs a migration beside it.

Times are seconds since 1970 (UTC), as in the signed statements.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

ACCOUNT_LENGTH = 63
CHECKSUM_LENGTH = 64
FUNCTION_ID_LENGTH = 32
NAME_LENGTH = 64

metadata: MetaData = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

names: Table = Table(
    "names",
    metadata,
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("owner", String(ACCOUNT_LENGTH), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("claim", Text, nullable=False),
    Column("changed", BigInteger, nullable=False),
    PrimaryKeyConstraint("name"),
)

rising_statements: Table = Table(
    "rising_statements",
    metadata,
    Column("owner", String(ACCOUNT_LENGTH), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("statement", Text, nullable=False),
    Column("changed", BigInteger, nullable=False),
    PrimaryKeyConstraint("owner", "kind"),
)
"""Epoch records and revocation lists: one of each kind for an account, its number only rising."""

function_versions: Table = Table(
    "function_versions",
    metadata,
    Column("owner", String(ACCOUNT_LENGTH), nullable=False),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("version", BigInteger, nullable=False),
    PrimaryKeyConstraint("owner", "name"),
)
"""The highest version ever registered. It outlives deletion: manifests are public, and anyone who
kept one could otherwise register a deleted function again."""

functions: Table = Table(
    "functions",
    metadata,
    Column("id", String(FUNCTION_ID_LENGTH), nullable=False),
    Column("checksum", String(CHECKSUM_LENGTH), nullable=False),
    Column("owner", String(ACCOUNT_LENGTH), nullable=False),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("manifest", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("deleting", Boolean, nullable=False),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("checksum"),
    UniqueConstraint("owner", "name", "version"),
)

spent_nonces: Table = Table(
    "spent_nonces",
    metadata,
    Column("owner", String(ACCOUNT_LENGTH), nullable=False),
    Column("nonce", String(128), nullable=False),
    Column("expires", BigInteger, nullable=False),
    PrimaryKeyConstraint("owner", "nonce"),
)
Index(None, spent_nonces.c.expires)

"""The directory: names, rising statements, functions, spent nonces."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "names",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(63), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("claim", sa.Text, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_names"),
    )
    op.create_table(
        "rising_statements",
        sa.Column("owner", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("statement", sa.Text, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("owner", "kind", name="pk_rising_statements"),
    )
    op.create_table(
        "function_versions",
        sa.Column("owner", sa.String(63), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("owner", "name", name="pk_function_versions"),
    )
    op.create_table(
        "functions",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("checksum", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(63), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("deleting", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_functions"),
        sa.UniqueConstraint("checksum", name="uq_functions_checksum"),
        sa.UniqueConstraint("owner", "name", "version", name="uq_functions_owner_name_version"),
    )
    op.create_table(
        "spent_nonces",
        sa.Column("owner", sa.String(63), nullable=False),
        sa.Column("nonce", sa.String(128), nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("owner", "nonce", name="pk_spent_nonces"),
    )
    op.create_index("ix_spent_nonces_expires", "spent_nonces", ["expires"])


def downgrade() -> None:
    """Drop everything: there is nothing before this version."""
    for table in ("spent_nonces", "functions", "function_versions", "rising_statements", "names"):
        op.drop_table(table)

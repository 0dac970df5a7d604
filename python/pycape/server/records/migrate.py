"""Bringing a database to the present schema, with Alembic, at every start."""

from functools import cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

from pycape.errors import ConfigError

MIGRATIONS = "pycape.server.records:migrations"
POSTGRESQL_LOCK = 0x63617065  # "cape": control planes that start together migrate one at a time


def migrate(engine: Engine) -> None:
    """Upgrade to the newest schema, in one transaction.

    Raises `ConfigError` for a database that a newer version of this package has written.
    """
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": POSTGRESQL_LOCK})
        config = _config()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise ConfigError(
                f"the records cannot be upgraded: {error}",
                hint="they were written by a newer version of pycape; install that one",
            ) from error


def is_current(connection: Connection) -> bool:
    """Tell whether the schema is the one this version knows."""
    return MigrationContext.configure(connection).get_current_revision() == _newest()


@cache
def _newest() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    return config

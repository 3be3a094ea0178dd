"""Runs Alembic's migrations over an open connection."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection


def config_of(name: str) -> Config:
    """Return Alembic's configuration of a database: journal or warehouse."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / name))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(name: str, connection: Connection, revision: str) -> None:
    """Bring a database to a migration ("head": the newest), inside the caller's transaction."""
    config = config_of(name)
    config.attributes["connection"] = connection
    command.upgrade(config, revision)

"""Creates and upgrades the schema, and says whether it is current. Alembic does the work; this is the only door."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from worker.errors import BroadsheetError
from worker.store.engine import Engine
from worker.store.installation import name_installation

_SCRIPTS = Path(__file__).parent / "migrations"


def migrate(engine: Engine) -> None:
    """Bring the database to the newest schema in one transaction; nothing happens where it already is."""
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        name_installation(connection)


def require_current(engine: Engine) -> None:
    """Raise BroadsheetError if the database's schema is not the newest one."""
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    if found != newest:
        raise BroadsheetError(
            f"the database has schema {found or 'none'}, this version needs {newest}", fix="run `broadsheet migrate`"
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    return config

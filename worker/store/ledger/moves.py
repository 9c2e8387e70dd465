"""What every move of a batch or a mailing shares: the row count that decides, and one log line per move."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import CursorResult, Executable

from worker.store.engine import Connection

_log = logging.getLogger("broadsheet.ledger")


def changed(connection: Connection, statement: Executable, parameters: dict[str, Any] | None = None) -> int:
    """Run an UPDATE, INSERT or DELETE and return its row count."""
    # SQLAlchemy forgets the row count of an INSERT unless told to keep it.
    kept = {"preserve_rowcount": True}
    result: CursorResult[Any] = connection.execute(statement, parameters or {}, execution_options=kept)
    return result.rowcount


def log_attention(mailing_id: int, reason: str) -> None:
    """One line where a mailing begins to need a person; the reason holds no address."""
    _log.warning("mailing needs attention", extra={"fields": {"mailing": mailing_id, "reason": reason}})


def log_move(what: str, row_id: int, before: str, after: str, **ids: int | str | None) -> None:
    """One line per state move: ids and states only, no address, no name, no body."""
    _log.info("%s moved", what, extra={"fields": {what: row_id, "from": before, "to": after, **ids}})

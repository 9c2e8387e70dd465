"""The installation: one row, and the fence that stops everything when the database turns out to be an old copy.

The database numbers every submission. A small file outside it, the mark, keeps the highest number this host has
seen, written before each call. A database that knows fewer submissions than the mark was restored from a
backup: it would send again what went out since, so everything is fenced until a person decides.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from sqlalchemy import func, insert, select, update

from worker.store.engine import Connection
from worker.store.tables import installation, submissions


def name_installation(connection: Connection) -> None:
    """Give a new database its one row and a random identity; an existing one keeps what it has."""
    if connection.execute(select(installation.c.id)).first() is None:
        connection.execute(insert(installation).values(id=1))
    connection.execute(
        update(installation).where(installation.c.identity.is_(None)).values(identity=secrets.token_hex(8))
    )


def fenced_reason(connection: Connection) -> str | None:
    """Why nothing may be sent from this installation; None where it may."""
    reason: str | None = connection.execute(select(installation.c.fenced_reason)).scalar()
    return reason


def fence(connection: Connection, reason: str) -> None:
    """Stop every claim and start, everywhere, until `lift_fence`."""
    connection.execute(update(installation).where(installation.c.fenced_reason.is_(None)).values(fenced_reason=reason))


def lift_fence(connection: Connection) -> None:
    """Let the installation send again."""
    connection.execute(update(installation).values(fenced_reason=None))


class Mark:
    """The highest submission number this host has seen, in a file named after the database's identity."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._noted: dict[Path, int] = {}  # what this process wrote: spares a look into the file before each call

    def note(self, name: str, submission_id: int) -> None:
        """Raise the mark; never lowers it. Two processes may race and leave it a little low, which only costs sharpness."""
        path = self._path(name)
        if submission_id <= self._noted.get(path, 0):
            return
        self._noted[path] = submission_id
        if submission_id > self._seen(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # One write of fixed width: a reader sees the old number or the new one.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
            try:
                os.pwrite(descriptor, b"%020d\n" % submission_id, 0)
            finally:
                os.close(descriptor)

    def is_ahead_of(self, connection: Connection) -> bool:
        """Whether this host has seen submissions that the database does not know.

        A snapshot may be older than the mark: where True has consequences, ask again in a `writing` transaction.
        """
        seen = self._seen(self._path(identity(connection)))  # first: a number is noted only after its commit
        known: int = connection.execute(select(func.coalesce(func.max(submissions.c.id), 0))).scalar_one()
        return seen > known

    def catch_up(self, connection: Connection) -> None:
        """Raise the mark to what the database knows, other hosts' submissions among it."""
        known: int = connection.execute(select(func.coalesce(func.max(submissions.c.id), 0))).scalar_one()
        if known:
            self.note(identity(connection), known)

    def disowns(self, connection: Connection, submission_id: int) -> bool:
        """Whether a number just given, not committed yet, was given before: the database went back under its workers.

        Another worker's later number may be noted already; then the database knows that one too.
        """
        seen = self._seen(self._path(identity(connection)))
        if submission_id > seen:
            return False
        others = select(func.coalesce(func.max(submissions.c.id), 0)).where(submissions.c.id != submission_id)
        return seen > int(connection.execute(others).scalar_one())

    def forget(self, connection: Connection) -> None:
        """Take the database as it is for the truth (an operator's decision after a restore)."""
        path = self._path(identity(connection))
        self._noted.pop(path, None)
        path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"mark-{name}"

    @staticmethod
    def _seen(path: Path) -> int:
        try:
            return int(path.read_bytes() or b"0")
        except FileNotFoundError:
            return 0


def identity(connection: Connection) -> str:
    """The database's random identity, which a copy of it shares."""
    found: str | None = connection.execute(select(installation.c.identity)).scalar()
    return found or "unnamed"

"""Sign-ups that wait to be looked at, and how often strangers have asked. Knows addresses only until then.

Counting is one statement, so that two at once are counted twice. Decides nothing: worker/usecases/sign_up.py and
take_signups.py do.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from worker.domain.address import address_key
from worker.domain.mailing import MailingKind, MailingStatus
from worker.domain.signup import Signup
from worker.store.engine import Connection
from worker.store.tables import addressees, mailings, signup_counts, signups


class Asked(NamedTuple):
    """The confirmations a subscriber was sent so far: how many, and when the newest was made."""

    times: int
    newest_at: datetime | None


def count(connection: Connection, name: str, since: datetime) -> int:
    """Count one more under a keyed hash in the window that began `since`; how many there are now."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = (
        dialect.insert(signup_counts)
        .values(name=name, since=since, count=1)
        .on_conflict_do_update(index_elements=["name", "since"], set_={"count": signup_counts.c.count + 1})
        .returning(signup_counts.c.count)
    )
    return int(connection.execute(statement).scalar_one())


def forget_counts(connection: Connection, before: datetime) -> int:
    """Remove counts of windows that began before then; how many there were."""
    return connection.execute(delete(signup_counts).where(signup_counts.c.since < before)).rowcount


def keep_signup(connection: Connection, new: Signup) -> None:
    """Keep a sign-up until a job looks at it."""
    connection.execute(
        insert(signups).values(
            address=new.address,
            name=new.name,
            referral_code=new.referral_code,
            later_code=new.later_code,
            network=new.network,
            page=new.page,
            asked_at=new.asked_at,
        )
    )


def waiting_signups(connection: Connection, limit: int) -> Sequence[int]:
    """The ids of those that wait, oldest first."""
    return connection.execute(select(signups.c.id).order_by(signups.c.id).limit(limit)).scalars().all()


def typed_by(connection: Connection, keys: Collection[str]) -> list[Row[Any]]:
    """Those that wait with one of these address keys, oldest first: few rows, each in the spelling it came in."""
    waiting = connection.execute(select(signups).order_by(signups.c.id)).all()
    return [row for row in waiting if address_key(row.address) in keys]


def any_signup_waits(connection: Connection) -> bool:
    """Whether one waits."""
    return connection.execute(select(signups.c.id).limit(1)).first() is not None


def count_paused_confirmations(connection: Connection) -> int:
    """How many confirmations are paused: by a person, or because something about them is wrong."""
    paused = (mailings.c.status == MailingStatus.PAUSED, mailings.c.kind == MailingKind.CONFIRMATION)
    return int(connection.execute(select(func.count()).select_from(mailings).where(*paused)).scalar_one())


def take_signup(connection: Connection, signup_id: int) -> Signup | None:
    """Remove a sign-up and return it; None where another job took it. It stays if this transaction does not end well."""
    row = connection.execute(delete(signups).where(signups.c.id == signup_id).returning(*signups.c)).first()
    if row is None:
        return None
    return Signup(
        address=row.address,
        asked_at=row.asked_at,
        name=row.name,
        referral_code=row.referral_code,
        page=row.page,
        later_code=row.later_code,
        network=row.network,
    )


def confirmations_of(connection: Connection, subscriber_id: int) -> Asked:
    """What a subscriber was asked so far."""
    query = (
        select(func.count(), func.max(mailings.c.created_at))
        .select_from(addressees)
        .join(mailings, mailings.c.id == addressees.c.mailing_id)
        .where(addressees.c.subscriber_id == subscriber_id, mailings.c.kind == MailingKind.CONFIRMATION)
    )
    return Asked(*connection.execute(query).one())

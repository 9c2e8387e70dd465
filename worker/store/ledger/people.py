"""People: who a mailing is about, each with the reason not to be mailed, where there is one. Planning freezes what it finds."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Text, cast, literal, null, select

from worker.domain.address import address_key
from worker.domain.mailing import Mailing, MailingKind
from worker.domain.segment import Rule
from worker.domain.subscriber import SubscriberStatus
from worker.store.engine import Connection
from worker.store.ledger.eligibility import Asking, asking, skip_reason
from worker.store.ledger.holders import has_another_text
from worker.store.segments import where
from worker.store.tables import addressees, subscribers, suppressions


def everybody(connection: Connection, mailing: Mailing, rule: Rule, texts: Collection[str]) -> Select[Any]:
    """(subscriber_id, address_key, address, plan, reason) of everybody this mailing is about."""
    if mailing.corrects_id is not None:
        return _people(asking(mailing)).where(has_another_text(mailing.corrects_id, texts))
    named = connection.execute(select(addressees).where(addressees.c.mailing_id == mailing.id).limit(1)).first()
    if named is None and mailing.run_id is None:  # a step never goes to a segment
        # By the mailing's hour, not the moment of planning: planned again or late, the same days are meant.
        return by_rule(mailing.kind, mailing.launch_id, rule, mailing.send_at)
    if mailing.rules.outsiders:
        return _outsiders(connection, mailing)
    ids = select(addressees.c.subscriber_id).where(addressees.c.mailing_id == mailing.id)
    return _people(asking(mailing)).where(subscribers.c.id.in_(ids))


def by_rule(kind: MailingKind, launch_id: str | None, rule: Rule, at: datetime) -> Select[Any]:
    """The same for everybody a segment picks, whatever their consent; `at` is the hour from which days ago are counted."""
    return _people(Asking(kind, launch_id)).where(subscribers.c.status != SubscriberStatus.ERASED, where(rule, at))


def by_text(kind: MailingKind, launch_id: str | None, corrected_id: int, texts: Collection[str]) -> Select[Any]:
    """The same for everybody who has that mailing in none of these texts."""
    return _people(Asking(kind, launch_id)).where(has_another_text(corrected_id, texts))


def _people(asks: Asking) -> Select[Any]:
    return select(
        subscribers.c.id.label("subscriber_id"),
        subscribers.c.address_key,
        cast(null(), Text).label("address"),
        subscribers.c.plan,
        skip_reason(asks).label("reason"),
    ).outerjoin_from(subscribers, suppressions, suppressions.c.address_key == subscribers.c.address_key)


def _outsiders(connection: Connection, mailing: Mailing) -> Select[Any]:
    # Tests and alerts name one address each. Its key is made in Python, where the rules for keys are. Somebody
    # without a subscriber's row cannot be an exclusion, so a suppressed address is skipped by `start` instead.
    row = connection.execute(select(addressees).where(addressees.c.mailing_id == mailing.id)).one()
    return select(
        cast(literal(row.subscriber_id), subscribers.c.id.type).label("subscriber_id"),
        literal(address_key(row.address), Text).label("address_key"),
        literal(row.address, Text).label("address"),
        literal(row.plan, Text).label("plan"),
        cast(null(), Text).label("reason"),
    )

"""What is known of readers when a step of theirs falls due, for a part of the list at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Boolean, ColumnElement, and_, case, false, literal, select, true

from worker.domain.calendar import usable
from worker.domain.delivery import SkipReason
from worker.domain.mailing import MailingKind
from worker.domain.segment import Rule
from worker.domain.step_rules import StepRules
from worker.domain.subscriber import Plan, SubscriberStatus
from worker.store.engine import Connection
from worker.store.ledger.eligibility import Asking, skip_reason
from worker.store.rows import among
from worker.store.segments import where
from worker.store.tables import returns, subscribers, suppressions


class Standing(NamedTuple):
    """`barred`: why a reader may not be mailed at all, empty where they may; `paused`: not now, but from `paused_until` on.
    `returning`: not yet, for they have come back, and the provider's list is still to let them go.
    """

    zone: str
    plan: Plan
    barred: str
    paused: bool
    only_if: bool
    stop_if: bool
    returning: bool
    paused_until: datetime | None = None


#: Somebody of whom nothing is known, and whom every rule means.
NOBODY = Standing("", Plan.FREE, "", paused=False, only_if=True, stop_if=False, returning=False)


def standings(
    connection: Connection, subscriber_ids: Sequence[int], launch_id: str | None, rules: StepRules, now: datetime
) -> dict[int, Standing]:
    """How these readers stand towards one step, by id."""
    reason = skip_reason(Asking(MailingKind.STEP, launch_id))
    query = (
        select(
            subscribers.c.id,
            subscribers.c.zone,
            subscribers.c.plan,
            reason,
            _holds(rules.only_if, true(), now),
            _holds(rules.stop_if, false(), now),
            and_(returns.c.address_key.is_not(None), subscribers.c.status == SubscriberStatus.CONFIRMED),
            subscribers.c.paused_until,
        )
        .outerjoin_from(subscribers, suppressions, suppressions.c.address_key == subscribers.c.address_key)
        .outerjoin(returns, returns.c.address_key == subscribers.c.address_key)
        .where(among(connection, subscribers.c.id, sorted(subscriber_ids)))
    )
    return {row[0]: _standing(*row[1:]) for row in connection.execute(query)}


def _holds(rule: Rule | None, otherwise: ColumnElement[bool], now: datetime) -> ColumnElement[bool]:
    return otherwise if rule is None else case((where(rule, now), literal(True)), else_=literal(False, Boolean))


def _standing(
    zone: str, plan: str, reason: str | None, only_if: bool, stop_if: bool, back: bool, until: datetime | None
) -> Standing:
    paused = reason == SkipReason.PAUSED
    returning = bool(back) and reason == SkipReason.UNSUBSCRIBED
    barred = "" if paused or returning or reason is None else reason
    return Standing(usable(zone), Plan(plan), barred, paused, bool(only_if), bool(stop_if), returning, until)

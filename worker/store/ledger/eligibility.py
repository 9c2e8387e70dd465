"""Who may not be mailed, and why: one list of rules, read at planning and again just before each call.

A new reason to skip is one line in `SkipReason` (worker/domain/delivery.py) and one rule here. The first rule
that holds gives the reason. Rules see the row of `subscribers`, its row of `suppressions` if there is one, and
what kind of mailing asks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Text, and_, case, literal, null, or_

from worker.domain.delivery import SkipReason
from worker.domain.mailing import KINDS, MailingKind
from worker.domain.subscriber import SubscriberStatus, Wants
from worker.domain.suppression import SuppressionReason
from worker.store.instants import DatabaseNow
from worker.store.launches import is_converted, is_muted
from worker.store.tables import subscribers, suppressions


@dataclass(frozen=True, slots=True)
class Asking:
    """The mailing that asks."""

    kind: MailingKind
    launch_id: str | None


@dataclass(frozen=True, slots=True)
class SkipRule:
    """`condition` in SQL; None where the rule does not apply to this mailing."""

    reason: SkipReason
    condition: Callable[[Asking], ColumnElement[bool] | None]


def _suppressed(reason: SuppressionReason) -> Callable[[Asking], ColumnElement[bool] | None]:
    return lambda asking: suppressions.c.reason == reason.value


def _unsubscribed(asking: Asking) -> ColumnElement[bool] | None:
    """Who left is asked whether they come back, where somebody asked for that in their name; nothing else reaches them."""
    rules = KINDS[asking.kind]
    if rules.asks:
        return None
    left = suppressions.c.reason == SuppressionReason.UNSUBSCRIBED.value
    return left if rules.outsiders else or_(left, subscribers.c.status == SubscriberStatus.UNSUBSCRIBED.value)


def _has_status(status: SubscriberStatus) -> Callable[[Asking], ColumnElement[bool] | None]:
    return lambda asking: None if KINDS[asking.kind].outsiders else subscribers.c.status == status.value


def _unconfirmed(asking: Asking) -> ColumnElement[bool] | None:
    rules = KINDS[asking.kind]
    return None if rules.unconfirmed or rules.outsiders else subscribers.c.status == SubscriberStatus.PENDING.value


def _confirmed(asking: Asking) -> ColumnElement[bool] | None:
    return subscribers.c.status == SubscriberStatus.CONFIRMED.value if KINDS[asking.kind].asks else None


def _launches_only(asking: Asking) -> ColumnElement[bool] | None:
    """What belongs to no launch does not go to who wants launches alone."""
    if not KINDS[asking.kind].preferences or asking.launch_id is not None:
        return None
    return subscribers.c.wants == Wants.LAUNCHES.value


def _paused(asking: Asking) -> ColumnElement[bool] | None:
    if not KINDS[asking.kind].preferences:
        return None
    until = subscribers.c.paused_until
    return and_(until.is_not(None), until > DatabaseNow())


def _merged(asking: Asking) -> ColumnElement[bool] | None:
    return None if KINDS[asking.kind].outsiders else subscribers.c.merged_into.is_not(None)


def _converted(asking: Asking) -> ColumnElement[bool] | None:
    if asking.launch_id is None:
        return None
    return is_converted(asking.launch_id, subscribers.c.id)


def _muted(asking: Asking) -> ColumnElement[bool] | None:
    if asking.launch_id is None:
        return None
    return is_muted(asking.launch_id, subscribers.c.id)


RULES: tuple[SkipRule, ...] = (
    SkipRule(SkipReason.MERGED, _merged),
    SkipRule(SkipReason.ERASED, _has_status(SubscriberStatus.ERASED)),
    SkipRule(SkipReason.ERASED, _suppressed(SuppressionReason.ERASED)),
    SkipRule(SkipReason.COMPLAINED, _suppressed(SuppressionReason.COMPLAINED)),
    SkipRule(SkipReason.UNSUBSCRIBED, _unsubscribed),
    SkipRule(SkipReason.BOUNCED, _suppressed(SuppressionReason.BOUNCED)),
    SkipRule(SkipReason.INVALID, _suppressed(SuppressionReason.INVALID)),
    SkipRule(SkipReason.MANUAL, _suppressed(SuppressionReason.MANUAL)),
    SkipRule(SkipReason.UNCONFIRMED, _unconfirmed),
    SkipRule(SkipReason.CONFIRMED, _confirmed),
    SkipRule(SkipReason.CONVERTED, _converted),
    SkipRule(SkipReason.MUTED, _muted),
    SkipRule(SkipReason.LAUNCHES_ONLY, _launches_only),
    SkipRule(SkipReason.PAUSED, _paused),
)


def skip_reason(kind: MailingKind, launch_id: str | None) -> ColumnElement[str | None]:
    """An SQL expression: the first reason not to mail, or NULL."""
    asking = Asking(kind, launch_id)
    whens = [
        (condition, literal(rule.reason.value, Text))
        for rule in RULES
        if (condition := rule.condition(asking)) is not None
    ]
    return case(*whens, else_=null())

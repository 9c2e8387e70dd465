"""Who may not be mailed, and why: one list of rules, read at planning and again just before each call.

A new reason to skip is one line in `SkipReason` (worker/domain/delivery.py) and one rule here. The first rule
that holds gives the reason. Rules see the row of `subscribers`, its row of `suppressions` if there is one, and
what kind of mailing asks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Text, and_, case, exists, literal, not_, null, or_, select

from worker.domain.delivery import SkipReason
from worker.domain.mailing import KINDS, Mailing, MailingKind
from worker.domain.step_rules import load_rules
from worker.domain.subscriber import SubscriberStatus, Wants
from worker.domain.suppression import SuppressionReason
from worker.store.instants import DatabaseNow
from worker.store.launches import is_converted, is_muted
from worker.store.segments import where
from worker.store.tables import due_steps, enrollments, subscribers, suppressions


@dataclass(frozen=True, slots=True)
class Step:
    """The step of a sequence that a mailing is; `at` is the hour from which its rules count days ago."""

    run_id: int
    step_id: str
    mailing_id: int
    rules: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Asking:
    """The mailing that asks."""

    kind: MailingKind
    launch_id: str | None = None
    step: Step | None = None


def asking(mailing: Mailing) -> Asking:
    """What of a mailing the rules look at."""
    step = None
    if mailing.run_id is not None and mailing.step_id is not None:
        step = Step(mailing.run_id, mailing.step_id, mailing.id, mailing.step_rules, mailing.send_at)
    return Asking(mailing.kind, mailing.launch_id, step)


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


def _late(asking: Asking) -> ColumnElement[bool] | None:
    """What follows an event or an issue has a time of its own for each reader. A launch's has one for all, the mailing's."""
    if (step := asking.step) is None or asking.launch_id is not None:
        return None
    return _in_this_step(step, due_steps.c.expires_at <= DatabaseNow())


def _stopped(asking: Asking) -> ColumnElement[bool] | None:
    return None if asking.step is None else _in_this_step(asking.step, enrollments.c.status == "stopped")


def _in_this_step(step: Step, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Looked up by keys for each reader: their enrollments in the run, and the row of this very step."""
    return exists(
        select(enrollments.c.id)
        .join(
            due_steps, and_(due_steps.c.enrollment_id == enrollments.c.id, due_steps.c.step_id == literal(step.step_id))
        )
        .where(
            enrollments.c.run_id == step.run_id,
            enrollments.c.subscriber_id == subscribers.c.id,
            condition,
            due_steps.c.mailing_id == step.mailing_id,
        )
    )


def _stop_if(asking: Asking) -> ColumnElement[bool] | None:
    rule = load_rules(asking.step.rules).stop_if if asking.step else None
    return where(rule, asking.step.at) if asking.step and rule is not None else None


def _only_if(asking: Asking) -> ColumnElement[bool] | None:
    rule = load_rules(asking.step.rules).only_if if asking.step else None
    return not_(where(rule, asking.step.at)) if asking.step and rule is not None else None


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
    SkipRule(SkipReason.LATE, _late),
    SkipRule(SkipReason.STOPPED, _stopped),
    SkipRule(SkipReason.STOP_IF, _stop_if),
    SkipRule(SkipReason.ONLY_IF, _only_if),
    SkipRule(SkipReason.PAUSED, _paused),
)


def skip_reason(asking: Asking) -> ColumnElement[str | None]:
    """An SQL expression: the first reason not to mail, or NULL."""
    whens = [
        (condition, literal(rule.reason.value, Text))
        for rule in RULES
        if (condition := rule.condition(asking)) is not None
    ]
    return case(*whens, else_=null())

"""Counting what came of a launch. Reads alone; what each count means is in worker/domain/launch_report.py.

A mail of the launch is one of its own steps, or a letter whose edition shows its card. Clicks are SendGrid's events:
following a link changes nothing here, so a scanner's clicks may be among them and convert nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Text, and_, case, distinct, exists, func, literal, or_, select

from worker.domain.delivery import BatchStatus
from worker.domain.event import EventType
from worker.domain.launch import Launch
from worker.domain.launch_report import CARD, STEP, People
from worker.domain.mailing import MailingKind
from worker.domain.segment import EVERYONE, Rule
from worker.store.engine import Connection
from worker.store.launches import has_its_tag, is_converted
from worker.store.ledger.counts import STATE
from worker.store.segments import where
from worker.store.tables import (
    batches,
    deliveries,
    editions,
    events,
    exclusions,
    launch_cards,
    launch_conversions,
    mailings,
    submissions,
    subscribers,
)

_TAKEN = BatchStatus.SUBMITTED.value


class Row(NamedTuple):
    """One kind of mail, one plan, one state: how many, and the hour of the first."""

    kind: str
    source: str
    plan: str
    state: str
    number: int
    send_at: datetime


class Mailed(NamedTuple):
    """A recorded conversion beside one mail of the launch that its reader was sent, if there is one."""

    subscriber_id: int
    how: str
    converted_at: datetime
    kind: str | None
    source: str | None
    plan: str | None
    mailed_at: datetime | None


def count_states(connection: Connection, launch_id: str) -> list[Row]:
    """Deliveries of the launch's mails by kind, source, plan and state."""
    mails = _mails(launch_id, *_NAMES, STATE.label("state"), mailings.c.send_at).subquery()
    query = select(mails.c.kind, mails.c.source, mails.c.plan, mails.c.state, func.count(), func.min(mails.c.send_at))
    found = connection.execute(query.group_by(mails.c.kind, mails.c.source, mails.c.plan, mails.c.state))
    return [Row(*row) for row in found]


def count_excluded(connection: Connection, launch_id: str) -> dict[str, dict[str, int]]:
    """Who was left out of the launch's own steps at planning, by source and reason."""
    query = (
        select(mailings.c.source, exclusions.c.reason, func.count())
        .join(exclusions, exclusions.c.mailing_id == mailings.c.id)
        .where(_own(launch_id))
        .group_by(mailings.c.source, exclusions.c.reason)
    )
    found: dict[str, dict[str, int]] = {}
    for source, reason, number in connection.execute(query):
        found.setdefault(source, {})[reason] = number
    return found


def count_clicked(connection: Connection, launch: Launch) -> dict[tuple[str, str, str], int]:
    """Readers who followed a link, by kind, source and plan of the mail."""
    mails = _clicked(launch, *_NAMES).subquery()
    query = select(mails.c.kind, mails.c.source, mails.c.plan, func.count(distinct(mails.c.reader)))
    rows = connection.execute(query.group_by(mails.c.kind, mails.c.source, mails.c.plan))
    return {(row[0], row[1], row[2]): row[3] for row in rows}


def count_people(connection: Connection, launch: Launch, now: datetime, rule: Rule = EVERYONE) -> People:
    """Readers whom the rule picks now, each counted once."""
    told = _mails(launch.id).where(_submitted()).subquery()
    followed = _clicked(launch).subquery()
    return People(
        _count(connection, rule, now, subscribers.c.id.in_(select(told.c.reader))),
        _count(connection, rule, now, subscribers.c.id.in_(select(followed.c.reader))),
        _count(connection, rule, now, is_converted(launch.id, subscribers.c.id)),
    )


def count_how(connection: Connection, launch_id: str) -> dict[str, int]:
    """Readers who converted, by how they first did; `tag`: by the launch's tag and nothing else."""
    query = select(launch_conversions.c.how, func.count()).where(launch_conversions.c.launch_id == launch_id)
    found: dict[str, int] = {row[0]: row[1] for row in connection.execute(query.group_by(launch_conversions.c.how))}
    recorded = exists().where(
        launch_conversions.c.launch_id == launch_id, launch_conversions.c.subscriber_id == subscribers.c.id
    )
    tagged = select(func.count()).select_from(subscribers).where(has_its_tag(launch_id, subscribers.c.id), ~recorded)
    if by_tag := connection.execute(tagged).scalar_one():
        found["tag"] = by_tag
    return found


def stream_conversions(connection: Connection, launch_id: str) -> Iterator[Mailed]:
    """Every recorded conversion with every mail of the launch that its reader was sent: one row for each, or one alone."""
    mails = (
        _mails(launch_id, *_NAMES, _mailed_at().label("mailed_at"))
        .where(
            _submitted(),
            deliveries.c.subscriber_id.in_(
                select(launch_conversions.c.subscriber_id).where(launch_conversions.c.launch_id == launch_id)
            ),
        )
        .subquery()
    )
    query = (
        select(
            launch_conversions.c.subscriber_id,
            launch_conversions.c.how,
            launch_conversions.c.converted_at,
            mails.c.kind,
            mails.c.source,
            mails.c.plan,
            mails.c.mailed_at,
        )
        .outerjoin_from(launch_conversions, mails, mails.c.reader == launch_conversions.c.subscriber_id)
        .where(launch_conversions.c.launch_id == launch_id)
        .order_by(launch_conversions.c.subscriber_id)
    )
    for row in connection.execution_options(yield_per=2_000).execute(query):
        yield Mailed(*row)


def _own(launch_id: str) -> ColumnElement[bool]:
    return mailings.c.launch_id == launch_id


_NAMES: tuple[ColumnElement[Any], ...] = (
    case((mailings.c.launch_id.is_not(None), literal(STEP, Text)), else_=literal(CARD, Text)).label("kind"),
    mailings.c.source,
    editions.c.plan,
)


def _mails(launch_id: str, *columns: ColumnElement[Any]) -> Select[Any]:
    """`reader` and `columns` of every delivery of the launch's own steps, and of letters whose edition shows its card.

    Along the index of mailings: both kinds of mail are few, however many deliveries each has.
    """
    cards = select(launch_cards.c.edition_id).where(launch_cards.c.launch_id == launch_id)
    letters = select(editions.c.mailing_id).where(editions.c.id.in_(cards))
    shows = and_(mailings.c.launch_id.is_(None), deliveries.c.edition_id.in_(cards))
    return (
        select(deliveries.c.subscriber_id.label("reader"), *columns)
        .select_from(mailings)
        .join(deliveries, deliveries.c.mailing_id == mailings.c.id)
        .join(batches, batches.c.id == deliveries.c.batch_id)
        .join(editions, editions.c.id == deliveries.c.edition_id)
        .where(
            or_(_own(launch_id), mailings.c.id.in_(letters)),
            or_(_own(launch_id), shows),
            mailings.c.kind.not_in((MailingKind.TEST, MailingKind.ALERT)),
            deliveries.c.subscriber_id.is_not(None),
        )
    )


def _submitted() -> ColumnElement[bool]:
    return and_(
        batches.c.status == _TAKEN, deliveries.c.skipped_reason.is_(None), deliveries.c.refused_reason.is_(None)
    )


def _clicked(launch: Launch, *columns: ColumnElement[Any]) -> Select[Any]:
    """Of a letter only its links to the launch count; of a mail that is about the launch alone, every link."""
    leads_there = or_(*(_begins_with(address) for address in {launch.page, launch.leads_to}))
    followed = exists().where(
        events.c.delivery_id == deliveries.c.id,
        events.c.type == EventType.CLICKED.value,
        or_(_own(launch.id), leads_there),
    )
    return _mails(launch.id, *columns).where(_submitted(), followed)


def _begins_with(address: str) -> ColumnElement[bool]:
    """The address itself, or with parameters or a fragment after it. Not LIKE, which reads % and _ in it."""
    longer = [f"{address}{mark}" for mark in "?#&"]
    return or_(events.c.url == address, func.substr(events.c.url, 1, len(address) + 1).in_(longer))


def _mailed_at() -> ColumnElement[datetime]:
    """When a delivery's mail was taken, or its hour, where it waited at SendGrid for that."""
    called = select(func.max(submissions.c.started_at)).where(submissions.c.batch_id == batches.c.id).scalar_subquery()
    waited = and_(mailings.c.stage_at.is_not(None), mailings.c.send_at > called)
    return case((waited, mailings.c.send_at), else_=func.coalesce(called, mailings.c.send_at))


def _count(connection: Connection, rule: Rule, now: datetime, condition: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(subscribers).where(condition)
    if rule != EVERYONE:
        query = query.where(where(rule, now))
    return int(connection.execute(query).scalar_one())


def stream_applicants(connection: Connection, launch_id: str) -> Iterator[tuple[str, str, str, str, datetime | None]]:
    """Address, name, plan, how and when of everybody who converted and is still known; by tag alone: how is `tag`, no moment."""
    recorded = and_(launch_conversions.c.launch_id == launch_id, launch_conversions.c.subscriber_id == subscribers.c.id)
    query = (
        select(
            subscribers.c.address,
            subscribers.c.name,
            subscribers.c.plan,
            func.coalesce(launch_conversions.c.how, "tag"),
            launch_conversions.c.converted_at,
        )
        .outerjoin_from(subscribers, launch_conversions, recorded)
        .where(is_converted(launch_id, subscribers.c.id), subscribers.c.address != "")
        .order_by(subscribers.c.id)
    )
    for row in connection.execution_options(yield_per=2_000).execute(query):
        yield row[0], row[1], row[2], row[3], row[4]

"""Advance follow-ups: create the mailing of every launch step and every first-referral mail that is due.

Derived afresh from the database, the files and `now` on each tick. A mailing's key names the occurrence, so two
hosts and two clocks make one mailing. Who of its audience is still to be mailed (converted, muted, left) is read
by the ledger, at planning and again just before each call, not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from worker.domain.calendar import instant
from worker.domain.issue import Step
from worker.domain.launch import Launch
from worker.domain.mailing import MailingKind
from worker.domain.publication import Publication
from worker.domain.sequence import LATEST, TRIGGER, Hour, late_policy, launch_step_due, triggered_step_due
from worker.store.engine import Connection, Engine, reading, writing
from worker.store.ledger.mailings import NewAddressee, NewMailing, create_mailing, find_mailing
from worker.store.referrals import FirstReferral, first_referrals

REFERRAL_SEQUENCE = "referral"
CHUNK = 500  # mailings created in one transaction, and referrers looked at in one query


def advance_followups(
    engine: Engine,
    launches: Mapping[str, Launch],
    steps: Mapping[str, Sequence[Step]],
    publication: Publication,
    now: datetime,
    batch_size: int,
) -> list[int]:
    """Create what is due at `now`; returns the ids of the mailings this call created, often none.

    `launches` by id, `steps` by the name of their sequence, as worker/sources.py reads them. Raises SourceError for a step whose timing cannot be understood, before anything is written.
    """
    due = [
        mailing
        for launch in launches.values()
        for mailing in _launch_mailings(launch, steps.get(launch.sequence, ()), publication, now, batch_size)
    ]
    with reading(engine) as connection:  # nearly every tick ends here, without a lock
        due = [mailing for mailing in due if find_mailing(connection, mailing.key) is None]
        for step in steps.get(REFERRAL_SEQUENCE, ()):
            if step.timing.anchor == TRIGGER:
                due += _referral_mailings(connection, step, publication.slot.zone, now, batch_size)
    created: list[int] = []
    for start in range(0, len(due), CHUNK):
        with writing(engine) as connection:
            made = [create_mailing(connection, mailing, now) for mailing in due[start : start + CHUNK]]
        created += [mailing_id for mailing_id in made if mailing_id is not None]
    return created


def _launch_mailings(
    launch: Launch, steps: Iterable[Step], publication: Publication, now: datetime, batch_size: int
) -> Iterator[NewMailing]:
    for step in steps:
        hour = launch_step_due(step, launch, now)
        if hour is not None:
            yield NewMailing(
                key=f"step:{launch.id}:{step.id}",
                kind=MailingKind.STEP,
                source=f"step:{step.sequence}/{step.id}",
                segment=launch.audience,
                send_at=hour.at,
                wall_time=hour.wall.isoformat(),
                zone=hour.zone,
                batch_size=batch_size,
                launch_id=launch.id,
                late=late_policy(step, publication.late.policy),
                expires_at=instant(launch.closes, launch.zone),
            )


def _referral_mailings(
    connection: Connection, step: Step, zone: str, now: datetime, batch_size: int
) -> Iterator[NewMailing]:
    prefix = f"reward:{step.id}:"
    # Two days more than needed: a wall time on a calendar day may lie that far from whole days since the trigger.
    since = now - LATEST - timedelta(days=step.timing.days + 2)
    last = 0
    while found := first_referrals(connection, prefix, since, now, after=last, limit=CHUNK):
        for first in found:
            hour = triggered_step_due(step, first.confirmed_at, zone, now)
            if hour is not None:
                yield _reward(prefix, step, first, hour, batch_size)
        last = found[-1].referrer_id


def _reward(prefix: str, step: Step, first: FirstReferral, hour: Hour, batch_size: int) -> NewMailing:
    return NewMailing(
        key=f"{prefix}{first.referrer_id}",
        kind=MailingKind.REWARD,
        source=f"step:{step.sequence}/{step.id}",
        send_at=hour.at,
        wall_time=hour.wall.isoformat(),
        zone=hour.zone,
        batch_size=batch_size,
        addressees=[NewAddressee(first.referrer_id, first.plan)],
        late=step.text.late,
    )

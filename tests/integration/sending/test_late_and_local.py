"""Missed hours and local hours from the clock to the inbox: ticks with a given time, jobs as workers run them."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tests.support.followups import PUBLICATION, make_launch, make_step, wall
from tests.support.ledger import check_invariants, counts, planned_mailing
from tests.support.mailroom import messages, messages_to
from tests.support.makers import make_subscriber, make_subscribers
from tests.support.sending import SAMPLE, mailing_row, submit
from worker import sources
from worker.domain.late import Late
from worker.domain.mailing import MailingKind
from worker.store.engine import reading, writing
from worker.store.ledger.mailings import list_mailings, resume_mailing
from worker.store.tables import batches, due_steps, mailings
from worker.usecases.advance_followups import advance_followups
from worker.usecases.plan_mailing import plan_mailing
from worker.usecases.schedule_broadcast import Hour, schedule_broadcast
from worker.usecases.submit_batches import submit_batches
from worker.usecases.tick import Content, tick

AUTHOR = "ines@example.com"
QUIET = Content(PUBLICATION, {}, {})
LONG_AGO = datetime(2020, 1, 6, 7, 0, tzinfo=UTC)
GRACE = timedelta(hours=2)


def turn(context, now=None, content=QUIET):
    """One tick, and every job it offers, as their workers run them."""
    now = now or datetime.now(UTC)
    for due in tick(context.engine, content, now=now, batch_size=1_000, lanes=1, alert_address=AUTHOR):
        if due.job == "plan_mailing":
            for more in plan_mailing(context.engine, due.mailing_id, context.prepare, now, GRACE, now):
                submit(context, more.mailing_id)
        else:
            submit(context, due.mailing_id)


def broadcast(context, hour, ahead=timedelta(hours=1), **rest):
    """The sample issue, scheduled for twelve readers so long before `hour`."""
    with writing(context.engine) as connection:
        make_subscribers(connection, 12)
    return schedule_broadcast(
        context.engine,
        sources.read_issue(context.settings.project, SAMPLE),
        context.publication,
        segment="everyone",
        hour=Hour(hour.replace(tzinfo=None), "UTC", hour),
        batch_size=5,
        now=hour - ahead,
        **rest,
    )


def to_readers(mailroom):
    return [one for one in messages(mailroom) if one["to"] != AUTHOR]


def test_a_missed_hour_is_asked_about_by_mail_and_resume_sends_it(context, mailroom):
    mailing_id = broadcast(context, LONG_AGO)
    for _ in range(2):
        turn(context)
    assert to_readers(mailroom) == []
    (asked,) = messages_to(mailroom, AUTHOR)
    text = " ".join(asked["text"].split())
    assert "missed its hour by" in text
    assert f"broadsheet resume {mailing_id}" in text
    assert f"broadsheet cancel {mailing_id}" in text
    with writing(context.engine) as connection:
        assert resume_mailing(connection, mailing_id)
    turn(context)
    assert len(to_readers(mailroom)) == 12
    check_invariants(context.engine)


def test_a_little_late_it_simply_goes(context, mailroom):
    now = datetime.now(UTC)
    broadcast(context, now - GRACE + timedelta(minutes=5))
    turn(context)
    assert len(to_readers(mailroom)) == 12


@pytest.mark.parametrize(("policy", "mailed", "status"), [(Late.SEND, 12, "sending"), (Late.EXPIRE, 0, "cancelled")])
def test_what_is_not_asked_about_goes_or_expires_and_an_expiry_is_told(context, mailroom, policy, mailed, status):
    mailing_id = broadcast(context, LONG_AGO)
    with writing(context.engine) as connection:
        connection.execute(update(mailings).where(mailings.c.id == mailing_id).values(late=policy))
    for _ in range(2):
        turn(context)
    assert len(to_readers(mailroom)) == mailed
    assert (mailing_row(context.engine, mailing_id).status, len(messages_to(mailroom, AUTHOR))) in [
        (status, 0 if mailed else 1),
        ("finished", 0),
    ]


def test_the_policy_is_frozen_when_it_is_scheduled(context):
    mailing_id = broadcast(context, LONG_AGO)
    assert mailing_row(context.engine, mailing_id).late == context.publication.late.policy


@pytest.mark.parametrize("job", ["plan", "submit"])
def test_a_job_that_waited_in_the_queue_while_all_was_off_mails_nobody_unasked(context, mailroom, job):
    if job == "plan":
        mailing_id = broadcast(context, LONG_AGO)
        assert plan_mailing(context.engine, mailing_id, context.prepare, LONG_AGO, GRACE) == []
    else:
        with writing(context.engine) as connection:
            make_subscribers(connection, 3)
        mailing_id = planned_mailing(context.engine, send_at=LONG_AGO)
        assert submit_batches(context.engine, context.provider, mailing_id, context.terms) == []
    found = mailing_row(context.engine, mailing_id)
    assert (found.status, "missed its hour" in found.needs_attention) == ("paused", True)
    assert messages(mailroom) == []


def steps_made(context, now, publication=PUBLICATION, **text):
    launch = make_launch()
    steps = [make_step(), make_step(step_id="open", when="at opens")]
    with writing(context.engine) as connection:
        make_subscriber(connection)
    content = Content(publication, {launch.id: launch}, {"launch": steps})
    made = advance_followups(context.engine, content, now, batch_size=500)
    with reading(context.engine) as connection:
        query = select(mailings.c.step_id, mailings.c.late).where(mailings.c.id.in_(made))
        return {row.step_id: row.late for row in connection.execute(query)}


def test_a_step_that_counts_from_the_close_expires_and_others_follow_the_publication(context):
    now = datetime(2026, 12, 15, 9, tzinfo=UTC)
    assert steps_made(context, now) == {"reminder": "expire", "open": "ask"}


def test_a_last_call_whose_hour_passed_while_the_clock_was_off_reaches_nobody(context, mailroom):
    with writing(context.engine) as connection:
        make_subscribers(connection, 3)
    launch = make_launch(closes=wall("2026-12-18T18:00"))
    content = Content(PUBLICATION, {launch.id: launch}, {"launch": [make_step(when="1 day before closes, at 09:00")]})
    back = datetime(2026, 12, 17, 20, tzinfo=UTC)
    for _ in range(3):
        tick(context.engine, content, now=back, batch_size=1_000, lanes=1)
    with reading(context.engine) as connection:
        assert [one for one in list_mailings(connection) if one.kind is MailingKind.STEP] == []
        rows = connection.execute(select(due_steps.c.state, due_steps.c.reason)).all()
    assert [tuple(row) for row in rows] == [("skipped", "late")] * 3


def test_readers_get_it_at_their_own_hour_and_it_ends_with_the_last(context, mailroom):
    """07:00 tomorrow in Tokyo, in UTC, and in Denver; the rows are moved instead of the time."""
    with writing(context.engine) as connection:
        for zone in ("Asia/Tokyo", "America/Denver"):
            make_subscriber(connection, zone=zone, address=f"{zone.split('/')[1].lower()}@example.com")
    hour = (datetime.now(UTC) + timedelta(days=2)).replace(hour=7, minute=0, second=0, microsecond=0)
    mailing_id = broadcast(context, hour, ahead=timedelta(days=1), local_hour=True)
    assert mailing_row(context.engine, mailing_id).send_at == hour - timedelta(hours=9)
    turn(context, now=hour - timedelta(hours=9, minutes=1))
    assert mailing_row(context.engine, mailing_id).status == "scheduled"
    reached = []
    turn(context, now=hour - timedelta(hours=9))
    with reading(context.engine) as connection:
        moments = sorted(set(connection.execute(select(batches.c.not_before)).scalars()))
    assert [len(messages(mailroom)), len(moments)] == [0, 3]
    for moment in moments:
        with writing(context.engine) as connection:
            come = update(batches).where(batches.c.not_before == moment)
            connection.execute(come.values(not_before=LONG_AGO))
        turn(context, now=moment)
        reached.append(len(messages(mailroom)))
        assert mailing_row(context.engine, mailing_id).status == "sending"
    turn(context, now=moments[-1])
    assert reached == [1, 13, 14]
    assert messages(mailroom)[0]["to"] == "tokyo@example.com"
    assert messages(mailroom)[-1]["to"] == "denver@example.com"
    assert mailing_row(context.engine, mailing_id).status == "finished"
    assert counts(context.engine, mailing_id).audience == 14
    check_invariants(context.engine)


def test_whose_hour_has_passed_when_it_is_planned_gets_it_at_once(context, mailroom):
    with writing(context.engine) as connection:
        make_subscriber(connection, zone="Asia/Tokyo", address="tokyo@example.com")
    now = datetime.now(UTC).replace(microsecond=0)
    mailing_id = broadcast(context, now + timedelta(hours=2), local_hour=True)
    assert mailing_row(context.engine, mailing_id).send_at == now + timedelta(hours=1), "the moment of scheduling"
    turn(context, now=now + timedelta(hours=1))
    assert [one["to"] for one in messages(mailroom)] == ["tokyo@example.com"]

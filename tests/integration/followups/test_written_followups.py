"""The follow-ups of this project's own content: read from disk, due on their day, rendered for both plans."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.support.makers import make_subscriber
from tests.support.referring import verify
from worker import sources
from worker.domain.edition import MergeName
from worker.domain.subscriber import Plan
from worker.render.edition import Facts, render_editions
from worker.render.layout import Templates
from worker.store.engine import reading, writing
from worker.store.launches import convert, mute
from worker.store.ledger.mailings import list_mailings
from worker.store.segments import audience_rule
from worker.store.tables import addressees, deliveries, enrollments, exclusions
from worker.usecases.advance_followups import advance_followups
from worker.usecases.plan_mailing import plan_mailing
from worker.usecases.read_content import read_content
from worker.usecases.record_referral import record_referral

PROJECT = Path(__file__).parents[3]
REMINDER_AT = datetime(2026, 12, 15, 16, tzinfo=UTC)  # three days before the close, 09:00 in Santa Fe


@pytest.fixture(scope="module")
def written():
    content = read_content(PROJECT)
    assert content.broken == {}
    return content


def editions(written, sequence, step_id):
    [step] = [step for step in written.steps[sequence] if step.id == step_id]
    templates = Templates(sources.read_templates(PROJECT), sources.read_theme(PROJECT))
    facts = Facts(
        subscribers=4_321, now=REMINDER_AT, base_url="https://longtake.example.com", launches=written.launches
    )
    return render_editions(step.text, written.publication, templates, facts, "step")


def names(edition):
    return {tag.name for tag in edition.merge_tags}


def test_a_launch_speaks_to_an_audience_that_exists(written):
    for launch in written.launches.values():
        audience_rule(launch.audience, written.publication)
        assert written.steps[launch.sequence]


def test_the_reminder_and_what_a_friend_brings_become_mailings_on_their_days_and_a_day_apart(written, engine):
    with writing(engine) as connection:
        reader, friend = make_subscriber(connection), make_subscriber(connection)
    came_at = datetime(2026, 12, 10, 20, tzinfo=UTC)
    record_referral(engine, reader.referral_code, friend.id, came_at)
    counts_at = came_at + timedelta(days=written.publication.referral.days)
    verify(engine, written.publication.referral, counts_at)
    found = []
    for now in (counts_at + timedelta(minutes=10), counts_at + timedelta(days=1, minutes=10), REMINDER_AT):
        assert advance_followups(engine, written, now - timedelta(minutes=1), 500) == []
        advance_followups(engine, written, now, 500)
        assert advance_followups(engine, written, now, 500) == []
        with reading(engine) as connection:
            found = [*list_mailings(connection)]
    reminder, first_referral, reward = found
    assert [one.step_id for one in found] == ["reminder", "first-referral", "it-is-yours"]
    assert (reminder.send_at, reminder.wall_time, reminder.zone) == (REMINDER_AT, "2026-12-15T09:00", "America/Denver")
    assert first_referral.source == "step:referral/first-referral"
    assert first_referral.send_at - reward.send_at >= written.publication.quiet.between
    with reading(engine) as connection:  # whoever had a mail the evening before gets the reminder a day after that
        query = select(addressees.c.subscriber_id).where(addressees.c.mailing_id == reminder.id)
        assert connection.execute(query).scalars().all() == [friend.id]


def test_the_reminder_leads_each_reader_to_their_own_page(written):
    made = editions(written, "launch", "reminder")
    for edition in made.values():
        assert {MergeName.FIRST_NAME, MergeName.APPLY_LINK} <= names(edition)
        assert "Apply for a chair" in edition.html
        assert "Apply for a chair" in edition.text
    for canary in ("need no code", "fifth off is waiting"):
        assert canary in made[Plan.PAID].text + made[Plan.PAID].preheader
        free = made[Plan.FREE]
        assert canary not in free.html + free.text + free.preheader + free.subject
    assert made[Plan.FREE].subject != made[Plan.PAID].subject


def test_the_first_referral_counts_and_links(written):
    for edition in editions(written, "referral", "first-referral").values():
        assert {MergeName.FIRST_NAME, MergeName.REFERRAL_COUNT, MergeName.REFERRAL_LINK} <= names(edition)
        assert "Friends who came by your link so far" in edition.text


def test_who_converted_muted_or_left_is_not_in_the_reminder_and_their_enrollment_says_why(written, engine):
    with writing(engine) as connection:
        owed, applied, muted = (make_subscriber(connection) for _ in range(3))
        make_subscriber(connection, status="unsubscribed")
        make_subscriber(connection, suppressed="bounced")
        convert(connection, "producer-groups", applied.id, "applied", REMINDER_AT)
        convert(connection, "another-launch", owed.id, "applied", REMINDER_AT)
        mute(connection, "producer-groups", muted.id, REMINDER_AT)
    [created] = advance_followups(engine, written, REMINDER_AT, 500)
    made, rule = editions(written, "launch", "reminder"), audience_rule("everyone", written.publication)
    plan_mailing(engine, created, lambda mailing: (made, rule), REMINDER_AT)
    with reading(engine) as connection:
        pending = connection.execute(select(deliveries.c.subscriber_id).where(deliveries.c.mailing_id == created))
        assert pending.scalars().all() == [owed.id]
        assert connection.execute(select(exclusions)).all() == []
        stopped = connection.execute(select(enrollments.c.reason).where(enrollments.c.status == "stopped"))
        assert sorted(stopped.scalars()) == ["bounced", "converted", "muted"]

"""The follow-ups of this project's own content: read from disk, due on their day, rendered for both plans."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.support.makers import make_subscriber
from worker import sources
from worker.domain.edition import MergeName
from worker.domain.subscriber import Plan
from worker.render.edition import Facts, render_editions
from worker.render.layout import Templates
from worker.store.engine import reading, writing
from worker.store.launches import convert, mute
from worker.store.ledger.mailings import list_mailings
from worker.store.segments import audience_rule
from worker.store.tables import deliveries, exclusions
from worker.usecases.advance_followups import advance_followups
from worker.usecases.plan_mailing import plan_mailing
from worker.usecases.record_referral import record_referral

PROJECT = Path(__file__).parents[3]
REMINDER_AT = datetime(2026, 12, 15, 16, tzinfo=UTC)  # three days before the close, 09:00 in Santa Fe


@pytest.fixture(scope="module")
def written():
    launches = sources.read_launches(PROJECT)
    sequences = {"referral", *(launch.sequence for launch in launches.values())}
    return launches, {name: sources.read_steps(PROJECT, name) for name in sequences}, sources.read_publication(PROJECT)


def editions(written, sequence, step_id):
    launches, steps, publication = written
    [step] = [step for step in steps[sequence] if step.id == step_id]
    templates = Templates(sources.read_templates(PROJECT), sources.read_theme(PROJECT))
    facts = Facts(subscribers=4_321, now=REMINDER_AT, base_url="https://longtake.example.com", launches=launches)
    return render_editions(step.text, publication, templates, facts, "step")


def names(edition):
    return {tag.name for tag in edition.merge_tags}


def test_a_launch_speaks_to_an_audience_that_exists(written):
    launches, steps, publication = written
    for launch in launches.values():
        audience_rule(launch.audience, publication)
        assert steps[launch.sequence]


def test_the_reminder_and_the_first_referral_become_mailings_on_their_days(written, engine):
    with writing(engine) as connection:
        reader, friend = make_subscriber(connection), make_subscriber(connection)
    record_referral(engine, reader.referral_code, friend.id, datetime(2026, 12, 14, 20, tzinfo=UTC))
    assert len(advance_followups(engine, *written, REMINDER_AT, 500)) == 2
    assert advance_followups(engine, *written, REMINDER_AT, 500) == []
    with reading(engine) as connection:
        found = {mailing.key: mailing for mailing in list_mailings(connection)}
    assert set(found) == {"step:producer-groups:reminder", f"reward:first-referral:{reader.id}"}
    reminder, reward = found["step:producer-groups:reminder"], found[f"reward:first-referral:{reader.id}"]
    assert (reminder.send_at, reminder.wall_time, reminder.zone) == (
        REMINDER_AT,
        "2026-12-15T09:00:00",
        "America/Denver",
    )
    assert (reward.wall_time, reward.source) == ("2026-12-15T09:00:00", "step:referral/first-referral")


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


def test_who_converted_muted_or_left_is_planned_out_of_the_reminder_with_the_reason(written, engine):
    with writing(engine) as connection:
        owed, applied, muted = (make_subscriber(connection) for _ in range(3))
        make_subscriber(connection, status="unsubscribed")
        make_subscriber(connection, suppressed="bounced")
        convert(connection, "producer-groups", applied.id, "applied", REMINDER_AT)
        convert(connection, "another-launch", owed.id, "applied", REMINDER_AT)
        mute(connection, "producer-groups", muted.id, REMINDER_AT)
    [created] = advance_followups(engine, *written, REMINDER_AT, 500)
    made, rule = editions(written, "launch", "reminder"), audience_rule("everyone", written[2])
    plan_mailing(engine, created, lambda mailing: (made, rule), REMINDER_AT)
    with reading(engine) as connection:
        pending = connection.execute(select(deliveries.c.subscriber_id).where(deliveries.c.mailing_id == created))
        assert pending.scalars().all() == [owed.id]
        excluded = connection.execute(select(exclusions.c.reason).where(exclusions.c.mailing_id == created))
        assert sorted(excluded.scalars()) == ["bounced", "converted", "muted", "unsubscribed"]

"""Launch steps become mailings when they fall due, once, and never after the close."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.followups import PUBLICATION, ZONE, make_launch, make_step, wall
from worker.domain.mailing import MailingKind, MailingStatus
from worker.errors import SourceError
from worker.store.engine import reading
from worker.store.ledger.mailings import get_mailing, list_mailings
from worker.usecases.advance_followups import advance_followups

DUE = datetime(2026, 12, 15, 9, tzinfo=UTC)  # three days before the close; Lisbon keeps UTC in winter
CLOSE = datetime(2026, 12, 18, 18, tzinfo=UTC)


def advance(engine, now, *, launch=None, steps=None):
    launch = launch or make_launch()
    steps = steps or [make_step()]
    return advance_followups(engine, {launch.id: launch}, {"launch": steps}, PUBLICATION, now, batch_size=500)


def keys(engine):
    with reading(engine) as connection:
        return sorted(mailing.key for mailing in list_mailings(connection))


def test_a_step_becomes_a_mailing_at_its_hour_and_not_before(engine):
    assert advance(engine, DUE - timedelta(milliseconds=1)) == []
    [created] = advance(engine, DUE)
    with reading(engine) as connection:
        mailing = get_mailing(connection, created)
    assert mailing.key == "step:producer-groups:reminder"
    assert (mailing.kind, mailing.status) == (MailingKind.STEP, MailingStatus.SCHEDULED)
    assert (mailing.source, mailing.segment) == ("step:launch/reminder", "everyone")
    assert (mailing.send_at, mailing.wall_time, mailing.zone) == (DUE, "2026-12-15T09:00:00", ZONE)
    assert mailing.launch_id == "producer-groups"


def test_advancing_again_changes_nothing(engine):
    assert len(advance(engine, DUE)) == 1
    assert advance(engine, DUE) == []
    assert advance(engine, DUE + timedelta(days=1)) == []
    assert keys(engine) == ["step:producer-groups:reminder"]


def test_new_names_and_hours_mail_nobody_again(engine):
    advance(engine, DUE)
    renamed = make_launch(name="New name", slug="new-slug", closes=wall("2026-12-24T18:00"))
    assert advance(engine, DUE + timedelta(days=6), launch=renamed, steps=[make_step(days=-4)]) == []


def test_two_hosts_that_advance_at_once_make_one_mailing(engine):
    steps = [make_step(step_id=f"step-{number}") for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        created = list(pool.map(lambda _: advance(engine, DUE, steps=steps), range(4)))
    assert len([mailing_id for ids in created for mailing_id in ids]) == 8
    assert keys(engine) == [f"step:producer-groups:step-{number}" for number in range(8)]


def test_a_late_tick_still_sends_until_the_close_and_not_from_then_on(engine):
    assert advance(engine, CLOSE) == []
    assert advance(engine, CLOSE + timedelta(days=1)) == []
    assert len(advance(engine, CLOSE - timedelta(milliseconds=1))) == 1


def test_each_launch_has_its_own_mailing_of_a_step_they_share(engine):
    advance(engine, DUE)
    [second] = advance(engine, DUE, launch=make_launch(id="spring-course", audience="paid"))
    with reading(engine) as connection:
        mailing = get_mailing(connection, second)
    assert (mailing.key, mailing.segment) == ("step:spring-course:reminder", "paid")


def test_steps_of_another_sequence_are_left_alone(engine):
    assert advance(engine, DUE, launch=make_launch(sequence="course")) == []


def test_a_step_that_counts_from_nothing_a_launch_has_is_refused_by_name(engine):
    steps = [make_step(), make_step(step_id="odd", anchor="trigger")]
    with pytest.raises(SourceError, match=r"content/sequences/launch/odd.md.*(.|\n)*anchor: closes"):
        advance(engine, DUE, steps=steps)
    assert keys(engine) == []

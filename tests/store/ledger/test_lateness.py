"""A mailing that handed over nothing by its hour and the grace after it follows its policy."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from tests.support.ledger import claim, claim_and_start, let_leases_run_out, make_mailing, plan, start, statuses
from tests.support.makers import NOW, make_subscriber, make_subscribers
from worker.domain.late import Late
from worker.domain.mailing import KINDS, MailingKind, MailingStatus
from worker.store.engine import reading, writing
from worker.store.ledger.lateness import decide_late, who_gets_it
from worker.store.ledger.mailings import NewAddressee, cancel_mailing, get_mailing, pause_mailing, resume_mailing
from worker.store.pace import ACCOUNT, block
from worker.store.tables import batches

GRACE = timedelta(hours=2)
LATE = NOW + timedelta(hours=3, minutes=20)
LONG_AGO = datetime(2020, 1, 6, 7, 0, tzinfo=UTC)  # past on the database's clock too, which says what a resume means
FAR_AHEAD = datetime(2120, 1, 1, 7, 0, tzinfo=UTC)


def scheduled(engine, **rest):
    with writing(engine) as connection:
        make_subscribers(connection, 5)
        return make_mailing(connection, **({"batch_size": 2, "late": Late.ASK} | rest))


def decide(engine, now=LATE):
    with writing(engine) as connection:
        return decide_late(connection, now, GRACE)


def look(engine, mailing_id):
    with reading(engine) as connection:
        return get_mailing(connection, mailing_id)


def test_within_the_grace_nothing_is_late(engine):
    mailing_id = scheduled(engine)
    assert decide(engine, NOW + GRACE) == []
    assert look(engine, mailing_id).status is MailingStatus.SCHEDULED


@pytest.mark.parametrize("planned", [False, True])
def test_by_default_it_asks_and_says_what_to_type(engine, planned):
    mailing_id = scheduled(engine)
    if planned:
        plan(engine, mailing_id)
    assert decide(engine) == [mailing_id]
    found = look(engine, mailing_id)
    assert found.status is MailingStatus.PAUSED
    assert "3 h 20 min" in found.needs_attention
    assert f"broadsheet resume {mailing_id}" in found.needs_attention
    assert decide(engine) == [], "it is asked once"


def test_whoever_resumes_is_not_asked_again(engine):
    mailing_id = scheduled(engine, send_at=LONG_AGO)
    decide(engine)
    with writing(engine) as connection:
        assert resume_mailing(connection, mailing_id)
    assert decide(engine, LATE + timedelta(days=3)) == []
    assert look(engine, mailing_id).status is MailingStatus.SCHEDULED


def test_a_mailing_that_a_person_paused_over_its_hour_is_not_late_once_it_is_resumed(engine):
    mailing_id = scheduled(engine, send_at=LONG_AGO)
    with writing(engine) as connection:
        pause_mailing(connection, mailing_id)
    assert decide(engine) == []
    with writing(engine) as connection:
        resume_mailing(connection, mailing_id)
    assert decide(engine) == []


def test_what_expires_is_cancelled_with_the_reason(engine):
    mailing_id = scheduled(engine, late=Late.EXPIRE)
    plan(engine, mailing_id)
    assert decide(engine) == [mailing_id]
    found = look(engine, mailing_id)
    assert found.status is MailingStatus.CANCELLED
    assert "expired" in found.needs_attention


def test_what_is_to_be_sent_in_any_case_is_never_late(engine):
    mailing_id = scheduled(engine, late=Late.SEND)
    assert decide(engine, LATE + timedelta(days=30)) == []
    assert look(engine, mailing_id).status is MailingStatus.SCHEDULED


def test_of_what_something_was_handed_over_the_rest_goes_on(engine):
    mailing_id = scheduled(engine)
    plan(engine, mailing_id)
    claim_and_start(engine, mailing_id)
    assert decide(engine) == []
    let_leases_run_out(engine)
    assert decide(engine) == []


def test_a_staged_mailing_that_waits_for_its_hour_is_not_late(engine):
    mailing_id = scheduled(engine, send_at=NOW + timedelta(hours=3), stage_at=NOW)
    plan(engine, mailing_id)
    assert decide(engine, NOW + timedelta(hours=1)) == []


def test_only_what_has_an_hour_an_author_chose_asks():
    assert {kind for kind, rules in KINDS.items() if rules.late is not Late.SEND} == {
        MailingKind.BROADCAST,
        MailingKind.STEP,
    }


def test_a_pause_that_is_over_before_the_hour_changes_no_policy(engine):
    mailing_id = scheduled(engine, send_at=FAR_AHEAD, late=Late.EXPIRE)
    with writing(engine) as connection:
        pause_mailing(connection, mailing_id)
        assert resume_mailing(connection, mailing_id)
    assert decide(engine, FAR_AHEAD + timedelta(days=1)) == [mailing_id]
    assert look(engine, mailing_id).status is MailingStatus.CANCELLED


def test_what_is_late_and_not_wanted_any_more_is_dropped_by_cancel(engine):
    mailing_id = scheduled(engine)
    plan(engine, mailing_id)
    decide(engine)
    with writing(engine) as connection:
        assert cancel_mailing(connection, mailing_id, LATE)
    assert claim(engine, mailing_id) is None


def test_what_a_worker_only_holds_has_not_begun(engine):
    mailing_id = scheduled(engine)
    plan(engine, mailing_id)
    batch = claim(engine, mailing_id)
    assert decide(engine) == [mailing_id]
    assert start(engine, batch) is None, "its start finds it paused"


def test_a_mailing_that_the_pace_held_back_is_not_late_before_the_grace_is_over_again(engine):
    mailing_id = scheduled(engine)
    plan(engine, mailing_id)
    with writing(engine) as connection:
        block(connection, ACCOUNT, LATE - timedelta(hours=1))
    assert decide(engine) == []
    assert decide(engine, LATE + timedelta(hours=1, minutes=1)) == [mailing_id]


def test_a_block_does_not_excuse_what_is_not_even_planned(engine):
    mailing_id = scheduled(engine)
    with writing(engine) as connection:
        block(connection, ACCOUNT, LATE)
    assert decide(engine) == [mailing_id]


def test_at_local_hours_nothing_is_late_while_every_reader_waits_for_an_hour_to_come(engine):
    mailing_id = scheduled(engine, local_hour=True)
    plan(engine, mailing_id)
    moments = update(batches).where(batches.c.mailing_id == mailing_id)
    with writing(engine) as connection:
        connection.execute(moments.values(not_before=LATE + timedelta(hours=1)))
    assert decide(engine) == []
    assert decide(engine, LATE + timedelta(hours=3, minutes=1)) == [mailing_id]


def test_an_expired_mailing_names_whoever_was_being_mailed_at_that_moment(engine):
    mailing_id = scheduled(engine, late=Late.EXPIRE)
    plan(engine, mailing_id)
    claim_and_start(engine, mailing_id)
    with writing(engine) as connection:
        cancel_mailing(connection, mailing_id, LATE)
        assert "but who was mailed by then" in who_gets_it(connection, mailing_id)


CLOSE = NOW + timedelta(hours=1)  # within the grace


@pytest.mark.parametrize("policy", [Late.ASK, Late.EXPIRE])
@pytest.mark.parametrize("planned", [False, True])
def test_once_its_launch_has_closed_nothing_goes_however_short_the_delay(engine, policy, planned):
    mailing_id = scheduled(engine, late=policy, expires_at=CLOSE)
    if planned:
        plan(engine, mailing_id)
    assert decide(engine, CLOSE - timedelta(milliseconds=1)) == []
    assert decide(engine, CLOSE) == [mailing_id]
    found = look(engine, mailing_id)
    assert found.status is MailingStatus.CANCELLED
    assert "it outlived its time and has expired: nobody gets it" in found.needs_attention
    assert claim(engine, mailing_id) is None


def test_what_went_out_before_the_close_stays_and_the_rest_is_cancelled(engine):
    mailing_id = scheduled(engine, expires_at=CLOSE)
    plan(engine, mailing_id)
    claim_and_start(engine, mailing_id)
    assert decide(engine, CLOSE) == [mailing_id]
    assert statuses(engine, mailing_id) == ["submitting", "cancelled", "cancelled"]
    assert "but who was mailed by then" in look(engine, mailing_id).needs_attention


@pytest.mark.parametrize("launch_id", [None, "producer-groups"])
def test_a_step_may_be_sent_however_late_but_not_after_its_time(engine, launch_id):
    with writing(engine) as connection:
        reader = make_subscriber(connection)
        mailing_id = make_mailing(
            connection,
            kind=MailingKind.STEP,
            late=Late.SEND,
            expires_at=CLOSE,
            launch_id=launch_id,
            run_id=1,
            step_id="reminder",
            addressees=[NewAddressee(reader.id, reader.plan)],
        )
    plan(engine, mailing_id)
    assert decide(engine, CLOSE - timedelta(milliseconds=1)) == []
    assert decide(engine, CLOSE) == [mailing_id]
    assert look(engine, mailing_id).status is MailingStatus.CANCELLED


def test_a_close_means_nothing_to_what_was_handed_over_whole_or_is_to_be_sent_in_any_case(engine):
    whole = scheduled(engine, batch_size=10, expires_at=CLOSE)
    plan(engine, whole)
    claim_and_start(engine, whole)
    scheduled(engine, late=Late.SEND, expires_at=CLOSE)
    assert decide(engine, CLOSE + timedelta(days=2)) == []

"""A mailing that handed over nothing by its hour and the grace after it follows its policy."""

from datetime import timedelta

import pytest

from tests.support.ledger import claim_and_start, let_leases_run_out, make_mailing, plan
from tests.support.makers import NOW, make_subscribers
from worker.domain.late import Late
from worker.domain.mailing import KINDS, MailingKind, MailingStatus
from worker.store.engine import reading, writing
from worker.store.ledger.lateness import decide_late
from worker.store.ledger.mailings import get_mailing, pause_mailing, resume_mailing

GRACE = timedelta(hours=2)
LATE = NOW + timedelta(hours=3, minutes=20)


def scheduled(engine, **rest):
    with writing(engine) as connection:
        make_subscribers(connection, 5)
        return make_mailing(connection, batch_size=2, **rest)


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
    mailing_id = scheduled(engine)
    decide(engine)
    with writing(engine) as connection:
        assert resume_mailing(connection, mailing_id)
    assert decide(engine, LATE + timedelta(days=3)) == []
    assert look(engine, mailing_id).status is MailingStatus.SCHEDULED


def test_a_mailing_that_a_person_paused_over_its_hour_is_not_late_once_it_is_resumed(engine):
    mailing_id = scheduled(engine)
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

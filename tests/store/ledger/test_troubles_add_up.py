"""Troubles that add up: calls that disappear count like unanswered ones, and silence is told after half an hour."""

from datetime import timedelta

import pytest

from tests.support.ledger import (
    claim,
    claim_and_start,
    let_leases_run_out,
    make_mailing,
    plan,
    planned_mailing,
    statuses,
)
from tests.support.makers import NOW, make_subscriber, make_subscribers
from worker.domain.mailing import MailingKind, MailingStatus
from worker.store.engine import reading, writing
from worker.store.ledger import settle
from worker.store.ledger.mailings import NewAddressee, get_mailing, need_attention, pause_mailing
from worker.store.ledger.outage import OUTAGE, forget_outages, note_outage
from worker.store.ledger.sweep import sweep


@pytest.fixture
def mailing_id(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 12)
    return planned_mailing(engine, batch_size=2)


def swept(engine):
    let_leases_run_out(engine)
    with writing(engine) as connection:
        return sweep(connection, NOW)


def look(engine, mailing_id):
    with reading(engine) as connection:
        return get_mailing(connection, mailing_id)


def unreached(engine, mailing_id, at):
    """One more call that reached nobody."""
    started = claim_and_start(engine, mailing_id)
    with writing(engine) as connection:
        settle.settle_pending(connection, started, "unavailable", at, not_before=None, problem="connection refused")
        return note_outage(connection, mailing_id, "connection refused", at, OUTAGE)


def accept(engine, mailing_id):
    started = claim_and_start(engine, mailing_id)
    with writing(engine) as connection:
        settle.settle_accepted(connection, started, NOW)


def test_three_workers_that_disappear_in_a_row_pause_the_mailing(engine, mailing_id):
    for gone in range(3):
        assert look(engine, mailing_id).status is MailingStatus.SENDING, f"after {gone}"
        claim_and_start(engine, mailing_id)
        assert swept(engine).uncertain == 1
    seen = look(engine, mailing_id)
    assert seen.status is MailingStatus.PAUSED
    assert seen.needs_attention == "3 uncertain answers in a row, the last: its worker disappeared during the call"
    assert claim(engine, mailing_id) is None


def test_three_calls_swept_at_once_pause_only_their_own_mailing(engine, mailing_id):
    other = planned_mailing(engine, batch_size=2)
    for _ in range(3):
        claim_and_start(engine, mailing_id)
    claim_and_start(engine, other)
    assert swept(engine).uncertain == 4
    assert look(engine, mailing_id).status is MailingStatus.PAUSED
    assert look(engine, other).status is MailingStatus.SENDING


def test_a_call_that_was_answered_between_them_breaks_the_row(engine, mailing_id):
    for answered in (False, False, True, False, False):
        if answered:
            accept(engine, mailing_id)
        else:
            claim_and_start(engine, mailing_id)
            swept(engine)
    assert look(engine, mailing_id).status is MailingStatus.SENDING
    assert statuses(engine, mailing_id).count("uncertain") == 4


def test_a_kind_that_is_resent_is_not_resent_for_ever(engine):
    with writing(engine) as connection:
        reader = make_subscriber(connection, status="pending")
        only = [NewAddressee(reader.id, reader.plan)]
        mailing_id = make_mailing(connection, kind=MailingKind.CONFIRMATION, batch_size=1, addressees=only)
    plan(engine, mailing_id)
    for _ in range(3):
        claim_and_start(engine, mailing_id)
        swept(engine)
    assert look(engine, mailing_id).status is MailingStatus.PAUSED
    assert claim(engine, mailing_id) is None


def test_half_an_hour_of_silence_needs_attention_and_the_mailing_goes_on_trying(engine, mailing_id):
    for minutes in (0, 10, 29):
        assert not unreached(engine, mailing_id, NOW + timedelta(minutes=minutes))
        assert look(engine, mailing_id).needs_attention is None
    assert unreached(engine, mailing_id, NOW + timedelta(minutes=30))
    seen = look(engine, mailing_id)
    assert seen.status is MailingStatus.SENDING
    assert seen.needs_attention == "SendGrid has taken nothing since 2026-11-16 08:00 UTC: connection refused"
    assert unreached(engine, mailing_id, NOW + timedelta(hours=9)), "it is still tried, and the reason stays the same"
    assert look(engine, mailing_id).needs_attention == seen.needs_attention


def test_an_answer_in_between_begins_the_half_hour_anew(engine, mailing_id):
    unreached(engine, mailing_id, NOW)
    accept(engine, mailing_id)
    assert not unreached(engine, mailing_id, NOW + timedelta(hours=2))
    assert not unreached(engine, mailing_id, NOW + timedelta(hours=2, minutes=29))
    assert unreached(engine, mailing_id, NOW + timedelta(hours=2, minutes=31))


def test_an_outage_that_is_over_needs_nobody_any_more(engine, mailing_id):
    unreached(engine, mailing_id, NOW)
    unreached(engine, mailing_id, NOW + timedelta(hours=1))
    with writing(engine) as connection:
        assert forget_outages(connection) == 0
    accept(engine, mailing_id)
    with writing(engine) as connection:
        assert forget_outages(connection) == 1
    assert look(engine, mailing_id).needs_attention is None


def test_an_outage_does_not_hide_another_reason(engine, mailing_id):
    with writing(engine) as connection:
        need_attention(connection, mailing_id, "somebody should look")
    unreached(engine, mailing_id, NOW)
    unreached(engine, mailing_id, NOW + timedelta(hours=1))
    assert look(engine, mailing_id).needs_attention == "somebody should look"
    with writing(engine) as connection:
        pause_mailing(connection, mailing_id)
        assert forget_outages(connection) == 0

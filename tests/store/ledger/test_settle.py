"""Settling: each answer has one move, only the owner makes it, and evidence wins over doubt."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.support.ledger import (
    check_invariants,
    claim,
    claim_and_start,
    counts,
    let_leases_run_out,
    planned_mailing,
    start,
    statuses,
)
from tests.support.makers import NOW, make_subscriber, make_subscribers
from worker.domain.delivery import Outcome
from worker.domain.mailing import MailingKind, MailingStatus
from worker.domain.subscriber import Plan
from worker.store.engine import reading, writing
from worker.store.ledger import settle
from worker.store.ledger.candidates import stream_candidates
from worker.store.ledger.claim import has_claimable
from worker.store.ledger.evidence import accept_on_evidence
from worker.store.ledger.mailings import NewAddressee, cancel_mailing, get_mailing
from worker.store.ledger.outcomes import record_outcomes
from worker.store.ledger.split import split_batch
from worker.store.ledger.sweep import sweep
from worker.store.ledger.uncertain import uncertain_in_a_row
from worker.store.tables import deliveries, submissions


@pytest.fixture
def three(engine):
    """A planned mailing for three readers in one batch."""
    with writing(engine) as connection:
        make_subscribers(connection, 3)
    return planned_mailing(engine)


def swept(engine):
    with writing(engine) as connection:
        return sweep(connection, NOW)


def answers(engine):
    with reading(engine) as connection:
        return list(connection.execute(select(submissions.c.answer).order_by(submissions.c.id)).scalars())


def test_an_accepted_batch_is_submitted_and_its_mailing_finishes(engine, three):
    started = claim_and_start(engine, three)
    with writing(engine) as connection:
        assert settle.settle_accepted(connection, started, NOW, message_id="m1")
    assert statuses(engine, three) == ["submitted"]
    assert swept(engine).finished == 1
    with reading(engine) as connection:
        assert get_mailing(connection, three).status is MailingStatus.FINISHED
        row = connection.execute(select(submissions)).one()
    assert (row.answer, row.message_id, row.status_code) == ("accepted", "m1", 202)
    check_invariants(engine)


def test_settling_twice_changes_nothing_more(engine, three):
    started = claim_and_start(engine, three)
    for _ in range(2):
        with writing(engine) as connection:
            settle.settle_accepted(connection, started, NOW, message_id="m1")
    with writing(engine) as connection:
        assert not settle.settle_uncertain(connection, started, NOW, problem="late", status_code=None)
    assert statuses(engine, three) == ["submitted"]


def test_a_rate_limited_batch_waits_and_holds_the_others_back(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 4)
    mailing_id = planned_mailing(engine, batch_size=2)
    started = claim_and_start(engine, mailing_id)
    later = datetime.now(UTC) + timedelta(hours=1)
    with writing(engine) as connection:
        settle.settle_pending(
            connection, started, "rate_limited", NOW, not_before=later, problem="rate limited", status_code=429
        )
        settle.hold_back(connection, mailing_id, later)
        assert not has_claimable(connection, mailing_id)
    assert statuses(engine, mailing_id) == ["pending", "pending"]
    assert claim(engine, mailing_id) is None


def test_named_rows_are_refused_and_the_others_are_owed_again(engine, three):
    started = claim_and_start(engine, three)
    bad = started.recipients[1].delivery_id
    with writing(engine) as connection:
        settle.settle_refused_rows(
            connection, started, {bad: "no such address"}, NOW, problem="one row", status_code=400
        )
    found = counts(engine, three)
    assert (found.by_state["refused"], found.by_state["pending"]) == (1, 2)
    again = claim_and_start(engine, three)
    assert bad not in [recipient.delivery_id for recipient in again.recipients]
    assert answers(engine) == ["refused", None]


def test_a_batch_whose_every_row_is_refused_is_refused(engine, three):
    started = claim_and_start(engine, three)
    rows = {recipient.delivery_id: "bad" for recipient in started.recipients}
    with writing(engine) as connection:
        settle.settle_refused_rows(connection, started, rows, NOW, problem="all rows", status_code=400)
    assert statuses(engine, three) == ["refused"]
    assert counts(engine, three).by_state["refused"] == 3


def test_splitting_halves_a_batch_until_the_bad_row_stands_alone(engine, three):
    bad = None
    for _ in range(10):
        if (batch := claim(engine, three)) is None:
            break
        started = start(engine, batch)
        ids = [recipient.delivery_id for recipient in started.recipients]
        bad = bad or ids[1]
        with writing(engine) as connection:
            if bad in ids:
                assert split_batch(connection, started, NOW, problem="something is wrong", status_code=400)
            else:
                settle.settle_accepted(connection, started, NOW)
    found = counts(engine, three)
    assert (found.by_state["refused"], found.by_state["submitted"]) == (1, 2)
    assert sorted(statuses(engine, three)) == ["refused", "split", "split", "submitted", "submitted"]
    with reading(engine) as connection:
        refused = list(stream_candidates(connection, three, frozenset({"refused"})))
    assert [(one.delivery_id, one.reason) for one in refused] == [(bad, "something is wrong")]
    check_invariants(engine)


def test_an_unknown_answer_is_held_for_an_event_or_a_person(engine, three):
    started = claim_and_start(engine, three)
    with writing(engine) as connection:
        settle.settle_uncertain(connection, started, NOW, problem="no answer", status_code=None)
    assert swept(engine).finished == 0
    assert claim(engine, three) is None
    assert counts(engine, three).by_state["uncertain"] == 3


def test_an_event_settles_an_uncertain_batch_once(engine, three):
    started = claim_and_start(engine, three)
    with writing(engine) as connection:
        settle.settle_uncertain(connection, started, NOW, problem="no answer", status_code=None)
        assert accept_on_evidence(connection, [started.submission_key, "somebody-elses"]) == [started.batch.id]
        assert accept_on_evidence(connection, [started.submission_key]) == []
    assert statuses(engine, three) == ["submitted"]


def test_a_call_whose_worker_died_becomes_uncertain_and_is_not_resent(engine, three):
    claim_and_start(engine, three)
    let_leases_run_out(engine)
    assert swept(engine).uncertain == 1
    assert claim(engine, three) is None
    assert answers(engine) == ["unknown"]


def test_a_claim_whose_worker_died_is_pending_again(engine, three):
    claim(engine, three)
    let_leases_run_out(engine)
    assert swept(engine).released == 1
    assert claim(engine, three) is not None


def test_a_living_lease_is_left_alone(engine, three):
    claim(engine, three)
    found = swept(engine)
    assert (found.released, found.uncertain) == (0, 0)


def test_the_late_answer_of_a_thawed_worker_settles_what_the_sweep_had_given_up(engine, three):
    started = claim_and_start(engine, three)
    let_leases_run_out(engine)
    swept(engine)
    with writing(engine) as connection:
        assert settle.settle_accepted(connection, started, NOW, message_id="late")
    assert statuses(engine, three) == ["submitted"]
    check_invariants(engine)


def test_a_late_refusal_of_a_thawed_worker_lets_the_batch_go_on(engine, three):
    started = claim_and_start(engine, three)
    let_leases_run_out(engine)
    swept(engine)
    with writing(engine) as connection:
        assert settle.settle_pending(
            connection, started, "rate_limited", NOW, not_before=None, problem="", status_code=429
        )
    assert claim(engine, three) is not None


def test_an_acceptance_that_comes_after_a_resend_was_decided_stops_the_resend(engine):
    with writing(engine) as connection:
        newcomer = make_subscriber(connection, status="pending")
    mailing_id = planned_mailing(
        engine, kind=MailingKind.CONFIRMATION, addressees=[NewAddressee(newcomer.id, Plan.FREE)]
    )
    started = claim_and_start(engine, mailing_id)
    let_leases_run_out(engine)
    found = swept(engine)
    assert (found.uncertain, found.resent) == (1, 1)
    assert statuses(engine, mailing_id) == ["pending"]
    second = claim(engine, mailing_id)
    with writing(engine) as connection:
        assert settle.settle_accepted(connection, started, NOW)
    assert start(engine, second) is None
    assert statuses(engine, mailing_id) == ["submitted"]


def test_cancelling_takes_back_what_was_not_started_and_keeps_what_was(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 6)
    mailing_id = planned_mailing(engine, batch_size=2)
    calling, claimed = claim_and_start(engine, mailing_id), claim(engine, mailing_id)
    with writing(engine) as connection:
        assert cancel_mailing(connection, mailing_id, NOW)
        assert not cancel_mailing(connection, mailing_id, NOW)
    assert start(engine, claimed) is None
    assert statuses(engine, mailing_id) == ["submitting", "cancelled", "cancelled"]
    with writing(engine) as connection:
        settle.settle_accepted(connection, calling, NOW)
    found = counts(engine, mailing_id)
    assert (found.by_state["submitted"], found.by_state["cancelled"]) == (2, 4)


def test_a_call_that_comes_back_pending_to_a_cancelled_mailing_is_cancelled(engine, three):
    started = claim_and_start(engine, three)
    with writing(engine) as connection:
        cancel_mailing(connection, three, NOW)
        settle.settle_pending(connection, started, "unavailable", NOW, not_before=None, problem="refused")
    assert claim(engine, three) is None
    assert swept(engine).cancelled == 1
    assert counts(engine, three).by_state["cancelled"] == 3


def test_three_uncertain_answers_in_a_row_are_noticed_and_an_acceptance_between_breaks_the_row(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 5)
    mailing_id = planned_mailing(engine, batch_size=1)
    seen = []
    for outcome in ("unknown", "unknown", "accepted", "unknown", "unknown"):
        started = claim_and_start(engine, mailing_id)
        with writing(engine) as connection:
            if outcome == "accepted":
                settle.settle_accepted(connection, started, NOW)
            else:
                settle.settle_uncertain(connection, started, NOW, problem="no answer", status_code=None)
            seen.append(uncertain_in_a_row(connection, mailing_id, 3))
    assert seen == [False] * 5
    with reading(engine) as connection:
        assert uncertain_in_a_row(connection, mailing_id, 2)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
def test_outcomes_end_the_same_in_any_order(engine, three, order):
    started = claim_and_start(engine, three)
    delivery = started.recipients[0].delivery_id
    events = [Outcome.DEFERRED, Outcome.DELIVERED, Outcome.COMPLAINED]
    with writing(engine) as connection:
        settle.settle_accepted(connection, started, NOW)
        for index in order:
            record_outcomes(
                connection, [(delivery, started.submission_key, events[index], NOW + timedelta(minutes=index))]
            )
        row = connection.execute(select(deliveries).where(deliveries.c.id == delivery)).one()
    assert (row.outcome, row.outcome_at) == ("complained", NOW + timedelta(minutes=2))


def test_an_outcome_with_a_foreign_submission_changes_nothing(engine, three):
    started = claim_and_start(engine, three)
    delivery = started.recipients[0].delivery_id
    with writing(engine) as connection:
        record_outcomes(connection, [(delivery, "not-ours", Outcome.BOUNCED, NOW)])
        assert connection.execute(select(deliveries.c.outcome).where(deliveries.c.id == delivery)).scalar() is None


def test_every_candidate_is_listed_once_with_its_state_and_reason(engine):
    with writing(engine) as connection:
        make_subscriber(connection, address="out@example.com", suppressed="bounced")
        make_subscribers(connection, 2)
    mailing_id = planned_mailing(engine)
    started = claim_and_start(engine, mailing_id)
    with writing(engine) as connection:
        settle.settle_accepted(connection, started, NOW, message_id="m1")
    with reading(engine) as connection:
        rows = list(stream_candidates(connection, mailing_id))
        only = list(stream_candidates(connection, mailing_id, frozenset({"excluded"})))
    assert [(row.state, row.message_id) for row in rows] == [("submitted", "m1"), ("submitted", "m1"), ("excluded", "")]
    assert [(row.address, row.reason) for row in only] == [("out@example.com", "bounced")]

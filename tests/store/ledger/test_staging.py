"""Staging: what may start ahead of its hour, under which id, and what it takes to take all of it back."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tests.support.ledger import (
    check_invariants,
    claim,
    claim_and_start,
    counts,
    let_leases_run_out,
    start,
    statuses,
)
from tests.support.makers import NOW
from tests.support.staging import (
    generation_states,
    open_id,
    planned_ahead,
    recall_cancelled,
    set_hour,
    staged_mailing,
)
from worker.domain.delivery import Outcome, SkipReason
from worker.domain.mailing import MailingStatus
from worker.domain.staging import CUTOFF, ID_AGE, RecallTo
from worker.domain.verdict import Doubt, Verdict
from worker.store.engine import reading, writing
from worker.store.ledger import settle
from worker.store.ledger.claim import release_claim
from worker.store.ledger.decide import decide_batch
from worker.store.ledger.escaped import ESCAPED, note_escaped, note_gone_early
from worker.store.ledger.mailings import cancel_mailing, get_mailing, pause_mailing, resume_mailing
from worker.store.ledger.outcomes import record_outcomes
from worker.store.ledger.recall import (
    TWICE_UNCERTAIN,
    begin_recall,
    due_for_decision,
    fail_recall,
    finish_recall,
    note_in_time,
    recalled_generation,
)
from worker.store.ledger.split import split_batch
from worker.store.ledger.staging import leave_late, leave_staging
from worker.store.ledger.start import skip_deliveries
from worker.store.ledger.sweep import sweep
from worker.store.tables import deliveries, generations, submissions


def mailing(engine, mailing_id):
    with reading(engine) as connection:
        return get_mailing(connection, mailing_id)


def accept(engine, mailing_id, times=1):
    """Hand so many batches over; what was started."""
    begun = []
    for _ in range(times):
        started = claim_and_start(engine, mailing_id)
        with writing(engine) as connection:
            assert settle.settle_accepted(connection, started, NOW, message_id="m")
        begun.append(started)
    return begun


def lose(engine, mailing_id):
    started = claim_and_start(engine, mailing_id)
    with writing(engine) as connection:
        settle.settle_uncertain(connection, started, NOW, problem="silence", status_code=None)
    return started


def recall(engine, mailing_id, to=RecallTo.STAGED):
    with writing(engine) as connection:
        assert begin_recall(connection, mailing_id, to)
    assert recall_cancelled(engine, mailing_id)


def test_what_starts_ahead_of_its_hour_carries_the_id_and_the_hour(engine):
    mailing_id = staged_mailing(engine)
    started = claim_and_start(engine, mailing_id)
    with reading(engine) as connection:
        row = connection.execute(select(submissions)).one()
        named = connection.execute(select(generations)).one()
    assert row.sendgrid_batch_id == named.sendgrid_batch_id == started.sendgrid_batch_id
    assert row.generation == named.generation == 0
    assert started.send_at == mailing(engine, mailing_id).send_at


def test_nothing_starts_without_an_id(engine):
    mailing_id = planned_ahead(engine)
    assert claim(engine, mailing_id) is None


@pytest.mark.parametrize("ends", ["the cutoff", "an old id", "a recall", "a cancellation", "a pause at the cutoff"])
def test_a_claimed_batch_does_not_start_any_more_after(engine, ends):
    mailing_id = staged_mailing(engine)
    batch = claim(engine, mailing_id)
    with writing(engine) as connection:
        of_it = update(generations).where(generations.c.mailing_id == mailing_id)
        if ends == "an old id":
            connection.execute(of_it.values(reserved_at=datetime.now(UTC) - ID_AGE))
        elif ends == "a cancellation":
            connection.execute(of_it.values(state="cancelling"))
        elif ends == "a recall":
            assert begin_recall(connection, mailing_id, RecallTo.STAGED)
    if "cutoff" in ends:
        set_hour(engine, mailing_id, datetime.now(UTC) + CUTOFF)
    if "pause" in ends:
        with writing(engine) as connection:
            assert pause_mailing(connection, mailing_id)
    assert start(engine, batch) is None
    assert claim(engine, mailing_id) is None


def test_a_mailing_that_leaves_staging_sends_nothing_before_its_hour(engine):
    mailing_id = planned_ahead(engine)
    with writing(engine) as connection:
        assert leave_staging(connection, mailing_id, "no scope")
        assert sweep(connection, datetime.now(UTC)).finished == 0
    assert mailing(engine, mailing_id).status is MailingStatus.SENDING
    assert claim(engine, mailing_id) is None
    set_hour(engine, mailing_id, datetime.now(UTC))
    started = claim_and_start(engine, mailing_id)
    assert (started.sendgrid_batch_id, started.send_at) == (None, None)


def test_a_batch_that_comes_back_after_the_cutoff_is_not_sent_before_the_hour(engine):
    mailing_id = staged_mailing(engine)
    started = claim_and_start(engine, mailing_id)
    set_hour(engine, mailing_id, datetime.now(UTC) + timedelta(minutes=5))
    with writing(engine) as connection:
        assert pause_mailing(connection, mailing_id)
        assert resume_mailing(connection, mailing_id)
        assert settle.settle_pending(connection, started, "rate_limited", NOW, not_before=None, problem="429")
    assert mailing(engine, mailing_id).status is MailingStatus.SENDING
    assert claim(engine, mailing_id) is None


def test_a_mailing_that_has_an_id_does_not_leave_staging_before_its_hour(engine):
    mailing_id = staged_mailing(engine)
    with writing(engine) as connection:
        assert not leave_staging(connection, mailing_id, "somebody else's answer")
        assert leave_late(connection, datetime.now(UTC)) == []
    assert mailing(engine, mailing_id).status is MailingStatus.STAGED


def test_a_second_id_is_not_taken(engine):
    mailing_id = staged_mailing(engine)
    assert not open_id(engine, mailing_id, "another")
    assert generation_states(engine, mailing_id) == ["open"]


def test_it_is_finished_only_when_the_hour_has_passed(engine):
    mailing_id = staged_mailing(engine, readers=2)
    accept(engine, mailing_id)
    hour = mailing(engine, mailing_id).send_at
    for at, finished in ((hour - timedelta(seconds=1), 0), (hour, 1)):
        with writing(engine) as connection:
            leave_late(connection, at)
            assert sweep(connection, at).finished == finished


def test_a_recall_makes_everything_pending_but_what_ended_by_itself(engine):
    mailing_id = staged_mailing(engine, readers=12)
    accept(engine, mailing_id)
    lose(engine, mailing_id)
    refused = claim_and_start(engine, mailing_id)
    with writing(engine) as connection:
        rows = {one.delivery_id: "no such address" for one in refused.recipients}
        settle.settle_refused_rows(connection, refused, rows, NOW, problem="400", status_code=400)
    parent = claim_and_start(engine, mailing_id)
    with writing(engine) as connection:
        split_batch(connection, parent, NOW, problem="413", status_code=413)
    claim(engine, mailing_id)
    with writing(engine) as connection:
        one = connection.execute(select(deliveries.c.id).order_by(deliveries.c.id)).scalars().first()
        skip_deliveries(connection, [one], SkipReason.UNSUBSCRIBED)
    recall(engine, mailing_id)
    assert sorted(statuses(engine, mailing_id)) == ["pending"] * 6 + ["refused", "split"]
    by_state = {state.value: number for state, number in counts(engine, mailing_id).by_state.items() if number}
    assert by_state == {"pending": 9, "refused": 2, "skipped": 1}
    assert mailing(engine, mailing_id).generation == 1
    check_invariants(engine)


def test_finishing_a_recall_twice_changes_nothing_more(engine):
    mailing_id = staged_mailing(engine)
    accept(engine, mailing_id)
    with writing(engine) as connection:
        assert begin_recall(connection, mailing_id, RecallTo.STAGED)
        generation = recalled_generation(connection, mailing_id)
        assert finish_recall(connection, generation, NOW)
    assert open_id(engine, mailing_id)
    accept(engine, mailing_id)
    with writing(engine) as connection:
        assert not finish_recall(connection, generation, NOW)
        assert not fail_recall(connection, generation, "late", NOW, doubtful=True)
    assert statuses(engine, mailing_id) == ["submitted", "pending", "pending"]


def test_a_recall_is_not_finished_while_a_call_is_in_flight(engine):
    mailing_id = staged_mailing(engine)
    claim_and_start(engine, mailing_id)
    with writing(engine) as connection:
        assert begin_recall(connection, mailing_id, RecallTo.STAGED)
        assert not finish_recall(connection, recalled_generation(connection, mailing_id), NOW)
    assert not recall_cancelled(engine, mailing_id)
    let_leases_run_out(engine)
    with writing(engine) as connection:
        sweep(connection, NOW)
    assert recall_cancelled(engine, mailing_id)
    assert statuses(engine, mailing_id) == ["pending"] * 3


def test_a_worker_that_outlives_the_recall_has_lost_its_claim_and_its_answer_moves_nothing(engine):
    mailing_id = staged_mailing(engine)
    claimed, frozen = claim(engine, mailing_id), claim_and_start(engine, mailing_id)
    let_leases_run_out(engine)
    with writing(engine) as connection:
        assert begin_recall(connection, mailing_id, RecallTo.STAGED)
        sweep(connection, NOW)
    assert recall_cancelled(engine, mailing_id)
    assert open_id(engine, mailing_id)
    assert start(engine, claimed) is None
    with writing(engine) as connection:
        assert not release_claim(connection, claimed)
        assert not settle.settle_accepted(connection, frozen, NOW, message_id="late")
    assert statuses(engine, mailing_id) == ["pending"] * 3
    accept(engine, mailing_id, times=3)
    check_invariants(engine)


def test_a_second_recall_for_uncertain_batches_leaves_the_mailing_to_a_person(engine):
    mailing_id = staged_mailing(engine)
    lose(engine, mailing_id)
    recall(engine, mailing_id)
    assert mailing(engine, mailing_id).status is MailingStatus.STAGED
    assert open_id(engine, mailing_id)
    lose(engine, mailing_id)
    recall(engine, mailing_id)
    seen = mailing(engine, mailing_id)
    assert (seen.status, seen.needs_attention) == (MailingStatus.PAUSED, TWICE_UNCERTAIN)
    with writing(engine) as connection:
        assert resume_mailing(connection, mailing_id)
    assert mailing(engine, mailing_id).status is MailingStatus.STAGED


def test_uncertain_batches_are_due_for_a_decision_once_nothing_else_is_open(engine):
    mailing_id = staged_mailing(engine, readers=4)
    lose(engine, mailing_id)
    with reading(engine) as connection:
        assert [one[3] for one in due_for_decision(connection)] == [False]
    accept(engine, mailing_id)
    with reading(engine) as connection:
        assert [one[3] for one in due_for_decision(connection)] == [True]
    set_hour(engine, mailing_id, datetime.now(UTC) + CUTOFF)
    with reading(engine) as connection:
        assert due_for_decision(connection) == []


def test_where_it_is_not_known_whether_the_mail_goes_it_is_uncertain(engine):
    mailing_id = staged_mailing(engine)
    accept(engine, mailing_id)
    with writing(engine) as connection:
        assert cancel_mailing(connection, mailing_id, NOW)
        assert fail_recall(connection, recalled_generation(connection, mailing_id), "nobody knows", NOW, doubtful=True)
    assert statuses(engine, mailing_id) == ["uncertain", "cancelled", "cancelled"]
    assert mailing(engine, mailing_id).needs_attention == "nobody knows"


def test_only_a_cancellation_that_came_in_time_is_remembered(engine):
    mailing_id = staged_mailing(engine)
    hour = mailing(engine, mailing_id).send_at
    with writing(engine) as connection:
        assert begin_recall(connection, mailing_id, RecallTo.PAUSED)
        for before, known in ((timedelta(minutes=10), False), (timedelta(minutes=10, seconds=1), True)):
            note_in_time(connection, recalled_generation(connection, mailing_id), hour - before)
            assert recalled_generation(connection, mailing_id).in_time is known


def test_cancelling_before_there_is_an_id_takes_effect_at_once(engine):
    mailing_id = planned_ahead(engine)
    with writing(engine) as connection:
        assert cancel_mailing(connection, mailing_id, NOW)
    assert statuses(engine, mailing_id) == ["cancelled"] * 3
    assert not open_id(engine, mailing_id)


def reach(engine, started, which=0):
    """An event tells that mail of this submission left SendGrid."""
    delivery_id = started.recipients[which].delivery_id
    with writing(engine) as connection:
        return delivery_id, note_escaped(connection, {(delivery_id, started.submission_key)})


def skipped(engine):
    with reading(engine) as connection:
        query = select(deliveries.c.id).where(deliveries.c.skipped_reason == SkipReason.SERVED)
        return list(connection.execute(query).scalars())


def test_escaped_mail_pauses_its_mailing_and_its_reader_is_not_mailed_again(engine):
    mailing_id = staged_mailing(engine)
    (old,) = accept(engine, mailing_id)
    recall(engine, mailing_id)
    assert open_id(engine, mailing_id)
    claimed = claim(engine, mailing_id)
    reader, told = reach(engine, old)
    assert told == [mailing_id]
    assert skipped(engine) == [reader]
    assert start(engine, claimed) is None, "it had read whom it is for before"
    seen = mailing(engine, mailing_id)
    assert (seen.status, seen.needs_attention) == (MailingStatus.RECALLING, ESCAPED)
    assert recall_cancelled(engine, mailing_id)
    assert mailing(engine, mailing_id).status is MailingStatus.PAUSED


def test_what_waits_again_for_a_reader_of_escaped_mail_is_taken_back(engine):
    mailing_id = staged_mailing(engine, readers=2)
    (old,) = accept(engine, mailing_id)
    recall(engine, mailing_id)
    assert open_id(engine, mailing_id)
    accept(engine, mailing_id)
    reader, _ = reach(engine, old)
    assert recall_cancelled(engine, mailing_id)
    with writing(engine) as connection:
        assert resume_mailing(connection, mailing_id)
    assert open_id(engine, mailing_id)
    started = claim_and_start(engine, mailing_id)
    assert [one.delivery_id for one in started.recipients] == [old.recipients[1].delivery_id]
    assert skipped(engine) == [reader]
    check_invariants(engine)


def test_a_reader_mailed_twice_stays_submitted_and_a_person_is_told(engine):
    mailing_id = staged_mailing(engine, readers=2)
    (old,) = accept(engine, mailing_id)
    recall(engine, mailing_id)
    assert open_id(engine, mailing_id)
    accept(engine, mailing_id)
    hour = mailing(engine, mailing_id).send_at
    with writing(engine) as connection:
        leave_late(connection, hour)
        assert sweep(connection, hour).finished == 1
    reach(engine, old)
    assert skipped(engine) == []
    assert mailing(engine, mailing_id).needs_attention == ESCAPED


def test_mail_of_the_generation_that_counts_has_not_escaped(engine):
    mailing_id = staged_mailing(engine)
    (now,) = accept(engine, mailing_id)
    assert reach(engine, now)[1] == []
    assert mailing(engine, mailing_id).needs_attention is None


def test_what_left_before_its_hour_is_not_sent_again_by_the_next_generation(engine):
    mailing_id = staged_mailing(engine, readers=2)
    (old,) = accept(engine, mailing_id)
    first, second = (one.delivery_id for one in old.recipients)
    with writing(engine) as connection:
        record_outcomes(
            connection,
            [
                (first, old.submission_key, Outcome.DELIVERED, NOW),
                (second, old.submission_key, Outcome.DROPPED, NOW),
            ],
        )
        assert begin_recall(connection, mailing_id, RecallTo.STAGED)
        generation = recalled_generation(connection, mailing_id)
        assert note_gone_early(connection, generation) == 1
        assert finish_recall(connection, generation, NOW)
    with reading(engine) as connection:
        rows = connection.execute(select(deliveries.c.skipped_reason, deliveries.c.outcome).order_by(deliveries.c.id))
        assert list(map(tuple, rows)) == [("served", "delivered"), (None, None)]


def test_what_is_said_of_mail_that_was_taken_back_is_no_outcome_of_the_mail_that_follows(engine):
    mailing_id = staged_mailing(engine, readers=2)
    (old,) = accept(engine, mailing_id)
    recall(engine, mailing_id)
    with writing(engine) as connection:
        dropped = [(old.recipients[0].delivery_id, old.submission_key, Outcome.DROPPED, NOW)]
        record_outcomes(connection, dropped)
    with reading(engine) as connection:
        assert connection.execute(select(deliveries.c.outcome)).scalars().all() == [None, None]


def test_an_uncertain_batch_is_not_sent_again_by_hand_while_its_mailing_is_staged(engine):
    mailing_id = staged_mailing(engine)
    batch_id = lose(engine, mailing_id).batch.id
    with writing(engine) as connection:
        assert not decide_batch(connection, batch_id, Doubt.UNCERTAIN, Verdict.AGAIN, NOW)
    set_hour(engine, mailing_id, datetime.now(UTC))
    with writing(engine) as connection:
        leave_late(connection, datetime.now(UTC))
        assert decide_batch(connection, batch_id, Doubt.UNCERTAIN, Verdict.AGAIN, NOW)

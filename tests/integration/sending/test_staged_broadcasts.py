"""A staged broadcast waits at SendGrid, is taken back whole, and reaches everybody once at its hour."""

import collections
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tests.support.ledger import check_invariants, claim, counts, let_leases_run_out, plan, start, statuses
from tests.support.ledger import make_mailing as new_mailing
from tests.support.mailroom import messages
from tests.support.makers import make_subscribers
from tests.support.sending import mailing_row, submit
from worker.domain.event import Event, EventType
from worker.domain.mailing import MailingStatus
from worker.domain.staging import CUTOFF
from worker.mailroom import faults
from worker.store.engine import reading, writing
from worker.store.ledger.escaped import ESCAPED
from worker.store.ledger.mailings import cancel_mailing, pause_mailing, resume_mailing
from worker.store.ledger.recall import due_for_recall
from worker.store.ledger.staging import due_for_id, leave_late
from worker.store.ledger.sweep import sweep
from worker.store.tables import deliveries, generations, mailings, submissions
from worker.usecases.recall_mailing import NO_SLOT, TOO_LATE, free_generations, recall_mailing
from worker.usecases.record_events import record_events
from worker.usecases.stage_mailing import decide_uncertain, stage_mailing

READERS = 25
SCHEDULED_SENDS = "/v3/user/scheduled_sends"


@pytest.fixture
def hour():
    """Staged mail's hour: an hour and a half from now, to the second, as SendGrid counts."""
    return (datetime.now(UTC) + timedelta(minutes=90)).replace(microsecond=0)


@pytest.fixture
def staged(context, hour):
    """A mailing planned and staged, nothing handed over yet."""
    with writing(context.engine) as connection:
        make_subscribers(connection, READERS)
        mailing_id = new_mailing(connection, batch_size=10, send_at=hour, stage_at=hour - timedelta(minutes=45))
    plan(context.engine, mailing_id)
    stage_mailing(context.engine, context.scheduler, mailing_id)
    return mailing_id


def by_state(engine, mailing_id):
    return {state.value: number for state, number in counts(engine, mailing_id).by_state.items() if number}


def times_reached(mailroom):
    return collections.Counter(one["to"] for one in messages(mailroom))


def tick(context, now):
    """The clock's part in staging, until nothing is due any more."""
    with writing(context.engine) as connection:
        leave_late(connection, now)
        sweep(connection, now)
        decide_uncertain(connection, now)
    with reading(context.engine) as connection:
        recalls, ids = due_for_recall(connection), due_for_id(connection)
    for mailing_id in recalls:
        recall_mailing(context.engine, context.scheduler, mailing_id)
    for mailing_id in [*recalls, *ids]:
        stage_mailing(context.engine, context.scheduler, mailing_id)


def strike(context, mailroom, hour):
    """The hour comes: SendGrid releases what waits, and the clock ticks."""
    mailroom.turn_clock(hour.timestamp())
    tick(context, hour)


def set_hour(context, mailing_id, hour):
    """Move the hour as the ledger sees it, as if time had passed."""
    with writing(context.engine) as connection:
        connection.execute(update(mailings).where(mailings.c.id == mailing_id).values(send_at=hour))
        connection.execute(update(generations).where(generations.c.mailing_id == mailing_id).values(send_at=hour))


def states(context, mailing_id):
    with reading(context.engine) as connection:
        query = select(generations.c.state).where(generations.c.mailing_id == mailing_id)
        return list(connection.execute(query.order_by(generations.c.generation)).scalars())


def test_staged_mail_waits_and_reaches_everybody_at_its_hour(context, mailroom, staged, hour):
    submit(context, staged)
    tick(context, datetime.now(UTC))
    assert by_state(context.engine, staged) == {"submitted": READERS}
    assert messages(mailroom) == []
    assert mailing_row(context.engine, staged).status == MailingStatus.STAGED
    strike(context, mailroom, hour)
    assert set(times_reached(mailroom).values()) == {1}
    assert len(messages(mailroom)) == READERS
    assert mailing_row(context.engine, staged).status == MailingStatus.FINISHED
    check_invariants(context.engine)


def test_nothing_is_handed_over_before_there_is_a_batch_id(context, mailroom, hour):
    with writing(context.engine) as connection:
        make_subscribers(connection, READERS)
        mailing_id = new_mailing(connection, send_at=hour, stage_at=hour)
    plan(context.engine, mailing_id)
    submit(context, mailing_id)
    assert by_state(context.engine, mailing_id) == {"pending": READERS}
    assert mailroom.stats()["requests"] == 0


def test_pausing_takes_back_what_waits_and_resuming_stages_it_again(context, mailroom, staged, hour):
    submit(context, staged)
    with writing(context.engine) as connection:
        assert pause_mailing(connection, staged)
    submit(context, staged)
    recall_mailing(context.engine, context.scheduler, staged)
    assert by_state(context.engine, staged) == {"pending": READERS}
    assert mailing_row(context.engine, staged).status == MailingStatus.PAUSED
    with writing(context.engine) as connection:
        assert resume_mailing(connection, staged)
    tick(context, datetime.now(UTC))
    submit(context, staged)
    strike(context, mailroom, hour)
    assert set(times_reached(mailroom).values()) == {1}
    assert len(messages(mailroom)) == READERS
    assert states(context, staged) == ["cancelled", "open"]
    check_invariants(context.engine)


def test_cancelling_takes_back_even_what_was_handed_over(context, mailroom, staged, hour):
    submit(context, staged)
    with writing(context.engine) as connection:
        assert cancel_mailing(connection, staged, datetime.now(UTC))
    tick(context, datetime.now(UTC))
    assert by_state(context.engine, staged) == {"cancelled": READERS}
    assert mailing_row(context.engine, staged).status == MailingStatus.CANCELLED
    strike(context, mailroom, hour)
    assert messages(mailroom) == []


def test_cancelling_wins_over_a_pause_that_is_under_way(context, mailroom, staged, hour):
    submit(context, staged)
    with writing(context.engine) as connection:
        assert pause_mailing(connection, staged)
        assert cancel_mailing(connection, staged, datetime.now(UTC))
        assert not resume_mailing(connection, staged)
    tick(context, datetime.now(UTC))
    assert mailing_row(context.engine, staged).status == MailingStatus.CANCELLED
    strike(context, mailroom, hour)
    assert messages(mailroom) == []


@pytest.mark.parametrize(
    "fault",
    [
        faults.dropped("after_accepting"),
        faults.dropped("after_reading"),
        faults.status(502),
        faults.status(500, accepted=True),
    ],
)
def test_an_unknown_answer_before_the_cutoff_ends_with_everybody_served_once(context, mailroom, staged, hour, fault):
    mailroom.script_faults(fault)
    submit(context, staged)
    assert by_state(context.engine, staged)["uncertain"] == 10
    tick(context, datetime.now(UTC))
    tick(context, datetime.now(UTC))
    submit(context, staged)
    strike(context, mailroom, hour)
    assert by_state(context.engine, staged) == {"submitted": READERS}
    assert len(messages(mailroom)) == READERS
    assert set(times_reached(mailroom).values()) == {1}
    row = mailing_row(context.engine, staged)
    assert (row.status, row.needs_attention) == (MailingStatus.FINISHED, None)
    check_invariants(context.engine)


def test_uncertain_batches_wait_while_others_are_still_to_go(context, mailroom, staged):
    mailroom.script_faults(faults.dropped())
    start(context.engine, claim(context.engine, staged))
    let_leases_run_out(context.engine)
    tick(context, datetime.now(UTC))
    assert statuses(context.engine, staged) == ["uncertain", "pending", "pending"]
    assert mailing_row(context.engine, staged).status == MailingStatus.STAGED


def test_uncertain_batches_are_decided_in_time_though_others_are_still_to_go(context, mailroom, staged, hour):
    start(context.engine, claim(context.engine, staged))
    let_leases_run_out(context.engine)
    tick(context, datetime.now(UTC))
    tick(context, hour - CUTOFF - timedelta(minutes=5))
    assert statuses(context.engine, staged) == ["pending"] * 3
    submit(context, staged)
    strike(context, mailroom, hour)
    assert set(times_reached(mailroom).values()) == {1}
    assert len(messages(mailroom)) == READERS


def test_a_second_uncertain_generation_is_taken_back_and_left_to_a_person(context, mailroom, staged, hour):
    for _generation in range(2):
        mailroom.script_faults(faults.dropped("after_accepting"))
        submit(context, staged)
        tick(context, datetime.now(UTC))
        tick(context, datetime.now(UTC))
    row = mailing_row(context.engine, staged)
    assert row.status == MailingStatus.PAUSED
    assert "taken back" in row.needs_attention
    assert by_state(context.engine, staged) == {"pending": READERS}
    strike(context, mailroom, hour)
    assert messages(mailroom) == []


def test_what_is_left_at_the_cutoff_goes_at_the_hour(context, mailroom, staged, hour):
    with writing(context.engine) as connection:
        make_subscribers(connection, 3)
    set_hour(context, staged, datetime.now(UTC) + CUTOFF)
    submit(context, staged)
    assert by_state(context.engine, staged) == {"pending": READERS}
    set_hour(context, staged, datetime.now(UTC))
    tick(context, datetime.now(UTC))
    submit(context, staged)
    assert by_state(context.engine, staged) == {"submitted": READERS}
    assert len(messages(mailroom)) == READERS


def test_after_the_cutoff_pausing_keeps_back_only_what_was_not_handed_over(context, mailroom, staged):
    start(context.engine, claim(context.engine, staged))
    set_hour(context, staged, datetime.now(UTC) + CUTOFF)
    with writing(context.engine) as connection:
        assert pause_mailing(connection, staged)
    assert mailing_row(context.engine, staged).status == MailingStatus.PAUSED
    with writing(context.engine) as connection:
        assert resume_mailing(connection, staged)
    submit(context, staged)
    assert statuses(context.engine, staged) == ["submitting", "pending", "pending"], "nothing goes before the hour"


def test_a_call_in_flight_is_waited_for_before_anything_is_cancelled(context, mailroom, staged):
    start(context.engine, claim(context.engine, staged))
    with writing(context.engine) as connection:
        assert pause_mailing(connection, staged)
    recall_mailing(context.engine, context.scheduler, staged)
    assert states(context, staged) == ["open"]
    let_leases_run_out(context.engine)
    tick(context, datetime.now(UTC))
    assert states(context, staged) == ["cancelled"]


@pytest.mark.parametrize("when", ["before_accepting", "after_accepting"])
def test_a_lost_answer_to_the_cancellation_is_asked_for_again(context, mailroom, staged, hour, when):
    submit(context, staged)
    mailroom.script_faults(
        faults.dropped("after_accepting" if when == "after_accepting" else "after_reading").calling(
            SCHEDULED_SENDS, "POST"
        )
    )
    with writing(context.engine) as connection:
        assert cancel_mailing(connection, staged, datetime.now(UTC))
    recall_mailing(context.engine, context.scheduler, staged)
    recall_mailing(context.engine, context.scheduler, staged)
    assert mailing_row(context.engine, staged).status == MailingStatus.CANCELLED
    strike(context, mailroom, hour)
    assert messages(mailroom) == []


def test_a_cancellation_that_sendgrid_does_not_take_in_time_says_that_the_mail_goes(context, mailroom, staged):
    submit(context, staged)
    mailroom.script_faults(faults.status(500).times(9).calling(SCHEDULED_SENDS, "POST"))
    with writing(context.engine) as connection:
        assert cancel_mailing(connection, staged, datetime.now(UTC))
    recall_mailing(context.engine, context.scheduler, staged)
    assert mailing_row(context.engine, staged).status == MailingStatus.RECALLING
    set_hour(context, staged, datetime.now(UTC) + timedelta(minutes=10))
    recall_mailing(context.engine, context.scheduler, staged)
    row = mailing_row(context.engine, staged)
    assert (row.status, row.needs_attention) == (MailingStatus.CANCELLED, TOO_LATE)
    assert by_state(context.engine, staged) == {"submitted": READERS}


def test_only_ten_mailings_can_be_taken_back_at_a_time(context, mailroom, staged, hour):
    submit(context, staged)
    with writing(context.engine) as connection:
        for number in range(10):
            other = new_mailing(connection, send_at=hour)
            connection.execute(
                generations.insert().values(
                    mailing_id=other,
                    generation=0,
                    sendgrid_batch_id=f"other{number}",
                    send_at=hour,
                    reserved_at=hour,
                    state="cancelled",
                )
            )
        assert pause_mailing(connection, staged)
    recall_mailing(context.engine, context.scheduler, staged)
    row = mailing_row(context.engine, staged)
    assert (row.status, row.needs_attention) == (MailingStatus.RECALLING, NO_SLOT)


def test_a_slot_is_given_back_only_long_after_the_hour(context, mailroom, staged, hour):
    submit(context, staged)
    with writing(context.engine) as connection:
        assert pause_mailing(connection, staged)
    tick(context, datetime.now(UTC))
    assert free_generations(context.engine, context.scheduler, hour) == 0
    mailroom.turn_clock((hour + timedelta(hours=2)).timestamp())
    assert free_generations(context.engine, context.scheduler, hour + timedelta(hours=2)) == 1
    assert states(context, staged) == ["freed"]
    assert messages(mailroom) == []


def test_where_no_batch_id_can_be_had_the_mailing_goes_at_its_hour(context, mailroom, hour):
    mailroom.script_faults(faults.status(403).calling("/v3/mail/batch"))
    with writing(context.engine) as connection:
        make_subscribers(connection, READERS)
        mailing_id = new_mailing(connection, send_at=hour, stage_at=hour - timedelta(minutes=45))
    plan(context.engine, mailing_id)
    stage_mailing(context.engine, context.scheduler, mailing_id)
    row = mailing_row(context.engine, mailing_id)
    assert row.status == MailingStatus.SENDING
    assert "403" in row.needs_attention or "staged" in row.needs_attention
    submit(context, mailing_id)
    assert by_state(context.engine, mailing_id) == {"pending": READERS}
    tick(context, datetime.now(UTC))
    assert mailing_row(context.engine, mailing_id).status == MailingStatus.SENDING


def test_an_answer_that_comes_after_a_recall_moves_nothing(context, mailroom, staged):
    from worker.store.ledger import settle

    started = start(context.engine, claim(context.engine, staged))
    with writing(context.engine) as connection:
        pause_mailing(connection, staged)
    let_leases_run_out(context.engine)
    tick(context, datetime.now(UTC))
    with writing(context.engine) as connection:
        assert not settle.settle_accepted(connection, started, datetime.now(UTC), message_id="late")
    assert by_state(context.engine, staged) == {"pending": READERS}


def test_whoever_gets_mail_that_was_cancelled_is_not_mailed_again_and_a_person_is_told(context, mailroom, staged):
    submit(context, staged)
    with reading(context.engine) as connection:
        key = connection.execute(select(submissions.c.key).order_by(submissions.c.id)).scalars().first()
        reached = connection.execute(select(deliveries.c.id).order_by(deliveries.c.id)).scalars().first()
    with writing(context.engine) as connection:
        assert pause_mailing(connection, staged)
    tick(context, datetime.now(UTC))
    events = [
        Event(EventType(kind), datetime.now(UTC), "reader@example.com", kind, kind, reached, key)
        for kind in ("processed", "delivered")
    ]
    record_events(context.engine, events[:1], datetime.now(UTC))
    assert mailing_row(context.engine, staged).needs_attention is None
    record_events(context.engine, events, datetime.now(UTC))
    assert by_state(context.engine, staged) == {"pending": READERS - 1, "skipped": 1}
    assert mailing_row(context.engine, staged).needs_attention == ESCAPED

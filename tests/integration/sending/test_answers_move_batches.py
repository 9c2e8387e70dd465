"""Every answer of the provider leads to its one move, over a real socket and on both databases."""

import collections
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from tests.support.ledger import check_invariants, counts, planned_mailing, statuses
from tests.support.mailroom import messages
from tests.support.makers import make_subscriber
from tests.support.sending import answers, batch_rows, mailing_for, mailing_row, refused, submit
from tests.support.sockets import DEADLINE
from worker.domain.delivery import DeliveryState, Outcome
from worker.domain.event import Event, EventType
from worker.domain.mailing import MailingStatus
from worker.embedded.supervisor import free_port
from worker.mailroom import faults
from worker.store.engine import reading, writing
from worker.store.ledger.candidates import stream_candidates
from worker.store.ledger.mailings import resume_mailing
from worker.store.ledger.sweep import sweep
from worker.store.pace import read_blocks
from worker.store.tables import batches, rate_buckets, submissions
from worker.usecases.record_events import record_events


def by_state(engine, mailing_id):
    return {state.value: number for state, number in counts(engine, mailing_id).by_state.items() if number}


def times_reached(mailroom):
    return collections.Counter(one["to"] for one in messages(mailroom))


def let_pass(engine):
    """As if every pause were over."""
    with writing(engine) as connection:
        connection.execute(update(batches).values(not_before=None))
        connection.execute(update(rate_buckets).values(blocked_until=None))


def last_answer(engine):
    with reading(engine) as connection:
        return connection.execute(select(func.max(submissions.c.answered_at))).scalar_one()


def account_blocked_until(engine):
    with reading(engine) as connection:
        return read_blocks(connection)["account"]


def test_what_is_accepted_is_submitted_and_the_mailing_finishes(context, mailroom):
    mailing_id = mailing_for(context, 25, batch_size=10)
    submit(context, mailing_id)
    assert by_state(context.engine, mailing_id) == {"submitted": 25}
    assert statuses(context.engine, mailing_id) == ["submitted"] * 3
    with writing(context.engine) as connection:
        sweep(connection, datetime.now(UTC))
    assert mailing_row(context.engine, mailing_id).status == MailingStatus.FINISHED
    assert set(times_reached(mailroom).values()) == {1}
    assert len(messages(mailroom)) == 25
    check_invariants(context.engine)


def test_a_second_job_for_a_submitted_mailing_changes_nothing(context, mailroom):
    mailing_id = mailing_for(context, 5)
    submit(context, mailing_id)
    submit(context, mailing_id)
    assert len(messages(mailroom)) == 5
    assert answers(context.engine, mailing_id) == ["accepted"]


def test_rows_that_a_400_names_are_refused_and_the_others_go_on(context, mailroom):
    mailing_id = mailing_for(context, 10)
    mailroom.script_faults(faults.rows_refused([2, 7], message="That is no address."))
    submit(context, mailing_id)
    assert by_state(context.engine, mailing_id) == {"submitted": 8, "refused": 2}
    assert set(refused(context.engine, mailing_id).values()) == {"That is no address."}
    assert not set(refused(context.engine, mailing_id)) & set(times_reached(mailroom))
    assert answers(context.engine, mailing_id) == ["refused", "accepted"]
    check_invariants(context.engine)


def test_a_batch_all_of_whose_rows_are_refused_one_by_one_ends_as_refused(context, mailroom):
    mailing_id = mailing_for(context, 3)
    mailroom.script_faults(*[faults.rows_refused([0])] * 3)
    submit(context, mailing_id)
    assert by_state(context.engine, mailing_id) == {"refused": 3}
    assert statuses(context.engine, mailing_id) == ["refused"]
    assert messages(mailroom) == []


def test_an_address_that_only_the_provider_finds_wrong_costs_nobody_else(context, mailroom):
    """The mailroom's own rules refuse it, no script: the answer names the row."""
    with writing(context.engine) as connection:
        for number in range(6):
            make_subscriber(connection, address=f"fine{number}@example.com")
        bad = make_subscriber(connection, address="two..dots@example.com")
        make_subscriber(connection, address="fine6@example.com")
    mailing_id = planned_mailing(context.engine)
    submit(context, mailing_id)
    assert by_state(context.engine, mailing_id) == {"submitted": 7, "refused": 1}
    assert list(refused(context.engine, mailing_id)) == [bad.address_key]
    assert times_reached(mailroom) == {f"fine{number}@example.com": 1 for number in range(7)}


def test_a_400_that_names_nothing_is_split_down_to_the_one_bad_row(context, mailroom):
    mailing_id = mailing_for(context, 8)
    # 8 -> 4+4, first half -> 2+2, first quarter -> 1+1, and the very first row alone is refused once more.
    # Batches go in the order of their ids: 8, 4a, 4b, 2a, 2b, 1a, 1b.
    unnamed = faults.refused("Bad Request")
    mailroom.script_faults(unnamed.on(1), unnamed.on(2), unnamed.on(4), unnamed.on(6))
    submit(context, mailing_id)
    assert by_state(context.engine, mailing_id) == {"submitted": 7, "refused": 1}
    assert statuses(context.engine, mailing_id).count("split") == 3
    (key,) = refused(context.engine, mailing_id)
    assert key not in times_reached(mailroom)
    assert set(times_reached(mailroom).values()) == {1}
    check_invariants(context.engine)


def test_a_413_is_split_and_both_halves_go(context, mailroom):
    mailing_id = mailing_for(context, 9)
    mailroom.script_faults(faults.too_large())
    submit(context, mailing_id)
    assert statuses(context.engine, mailing_id) == ["split", "submitted", "submitted"]
    assert by_state(context.engine, mailing_id) == {"submitted": 9}
    assert set(times_reached(mailroom).values()) == {1}


def test_a_429_waits_for_the_time_it_names_and_holds_the_whole_account_back(context, mailroom):
    mailing_id = mailing_for(context, 30, batch_size=10)
    mailroom.script_faults(faults.rate_limited(90).on(2))
    before = datetime.now(UTC)
    submit(context, mailing_id)
    assert answers(context.engine, mailing_id) == ["accepted", "rate_limited"]
    assert statuses(context.engine, mailing_id) == ["submitted", "pending", "pending"]
    assert timedelta(seconds=85) < account_blocked_until(context.engine) - before < timedelta(seconds=100)
    submit(context, mailing_id)
    assert len(answers(context.engine, mailing_id)) == 2, "nobody asks again before the time is over"
    let_pass(context.engine)
    submit(context, mailing_id)
    assert by_state(context.engine, mailing_id) == {"submitted": 30}
    assert set(times_reached(mailroom).values()) == {1}


def test_a_429_without_a_time_waits_too(context, mailroom):
    mailing_id = mailing_for(context, 2)
    mailroom.script_faults(faults.rate_limited(None))
    submit(context, mailing_id)
    assert statuses(context.engine, mailing_id) == ["pending"]
    assert account_blocked_until(context.engine) > datetime.now(UTC)


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_pauses_the_mailing_and_says_so(context, mailroom, status):
    mailing_id = mailing_for(context, 20, batch_size=10)
    mailroom.script_faults(faults.status(status, message="authorization required"))
    submit(context, mailing_id)
    seen = mailing_row(context.engine, mailing_id)
    assert seen.status == MailingStatus.PAUSED
    assert str(status) in seen.needs_attention
    assert by_state(context.engine, mailing_id) == {"pending": 20}
    assert messages(mailroom) == []
    with writing(context.engine) as connection:
        assert resume_mailing(connection, mailing_id)
    submit(context, mailing_id)
    assert by_state(context.engine, mailing_id) == {"submitted": 20}
    assert mailing_row(context.engine, mailing_id).needs_attention is None


def test_a_400_about_the_message_pauses_and_is_never_split(context, mailroom):
    mailing_id = mailing_for(context, 4)
    mailroom.script_faults(faults.refused("The from address does not match a verified Sender Identity.", field="from"))
    submit(context, mailing_id)
    assert mailing_row(context.engine, mailing_id).status == MailingStatus.PAUSED
    assert "Sender Identity" in mailing_row(context.engine, mailing_id).needs_attention
    assert statuses(context.engine, mailing_id) == ["pending"]


@pytest.mark.parametrize(
    "fault", [faults.status(500), faults.status(503), faults.status(500, accepted=True), faults.garbage()]
)
def test_an_answer_that_says_nothing_leaves_the_batch_uncertain_and_is_never_repeated(context, mailroom, fault):
    mailing_id = mailing_for(context, 20, batch_size=10)
    mailroom.script_faults(fault)
    submit(context, mailing_id)
    assert statuses(context.engine, mailing_id) == ["uncertain", "submitted"]
    for _ in range(2):
        with writing(context.engine) as connection:
            sweep(connection, datetime.now(UTC) + timedelta(hours=1))
        submit(context, mailing_id)
    assert statuses(context.engine, mailing_id) == ["uncertain", "submitted"]
    assert mailroom.tally.counts()["requests"] == 2
    assert mailing_row(context.engine, mailing_id).status == MailingStatus.SENDING, "not finished while one is open"


def test_a_connection_dropped_after_accepting_is_settled_by_the_first_event(context, mailroom):
    mailing_id = mailing_for(context, 6)
    mailroom.script_faults(faults.dropped("after_accepting"))
    submit(context, mailing_id)
    submit(context, mailing_id)
    assert by_state(context.engine, mailing_id) == {"uncertain": 6}
    assert set(times_reached(mailroom).values()) == {1}
    with reading(context.engine) as connection:
        listed = {row.address for row in stream_candidates(connection, mailing_id, frozenset({"uncertain"}))}
    assert listed == set(times_reached(mailroom)), "those nobody knows of are listed by name"
    one = messages(mailroom)[0]
    event = Event(
        EventType.DELIVERED,
        datetime.now(UTC),
        one["to"],
        "copy-1",
        "event-1",
        int(one["custom_args"]["bs_delivery"]),
        one["submission"],
    )
    assert record_events(context.engine, [event], datetime.now(UTC)).settled_batches
    assert by_state(context.engine, mailing_id) == {"submitted": 6}
    with reading(context.engine) as connection:
        outcomes = [row.outcome for row in stream_candidates(connection, mailing_id)]
    assert sorted(outcomes) == ["", "", "", "", "", Outcome.DELIVERED]
    check_invariants(context.engine)


def test_three_uncertain_answers_in_a_row_pause_the_mailing(context, mailroom):
    mailing_id = mailing_for(context, 60, batch_size=10)
    mailroom.script_faults(faults.status(502).times(9))
    submit(context, mailing_id)
    assert by_state(context.engine, mailing_id) == {"uncertain": 30, "pending": 30}
    seen = mailing_row(context.engine, mailing_id)
    assert seen.status == MailingStatus.PAUSED
    assert seen.needs_attention.startswith("3 uncertain answers in a row")


def test_uncertain_answers_with_an_accepted_one_between_do_not_pause(context, mailroom):
    mailing_id = mailing_for(context, 50, batch_size=10)
    bad = faults.status(502)
    mailroom.script_faults(bad.on(1), bad.on(2), bad.on(4), bad.on(5))
    submit(context, mailing_id)
    assert by_state(context.engine, mailing_id) == {"uncertain": 40, "submitted": 10}
    assert mailing_row(context.engine, mailing_id).status == MailingStatus.SENDING


def test_a_refused_port_leaves_everything_pending_and_waits_longer_each_time(make_context, mailroom):
    away = make_context(f"http://127.0.0.1:{free_port()}")
    mailing_id = mailing_for(away, 20, batch_size=10)
    waits = []
    for _ in range(3):
        let_pass(away.engine)
        submit(away, mailing_id)
        rows = batch_rows(away.engine, mailing_id)
        assert [row.status for row in rows] == ["pending", "pending"]
        waits.append(min(row.not_before for row in rows) - last_answer(away.engine))
    # From the answer on, in whole seconds: both moments are taken while it is written down, and rounded to milliseconds.
    assert [(wait + timedelta(milliseconds=5)) // timedelta(seconds=1) for wait in waits] == [1, 2, 4]
    assert set(answers(away.engine, mailing_id)) == {"unavailable"}
    let_pass(away.engine)
    back = make_context(mailroom.url)
    submit(back, mailing_id)
    assert by_state(back.engine, mailing_id) == {"submitted": 20}
    assert set(times_reached(mailroom).values()) == {1}


def test_a_late_answer_within_the_deadline_counts(context, mailroom):
    mailing_id = mailing_for(context, 3)
    mailroom.script_faults(faults.late(0.3))
    submit(context, mailing_id)
    assert by_state(context.engine, mailing_id) == {DeliveryState.SUBMITTED: 3}


def test_an_answer_later_than_the_deadline_is_uncertain_although_the_mail_went(make_context, mailroom):
    hasty = make_context(mailroom.url, call_deadline_seconds=DEADLINE)
    mailing_id = mailing_for(hasty, 3)
    mailroom.script_faults(faults.late(DEADLINE + 1))
    submit(hasty, mailing_id)
    assert by_state(hasty.engine, mailing_id) == {"uncertain": 3}
    submit(hasty, mailing_id)
    assert set(times_reached(mailroom).values()) == {1}

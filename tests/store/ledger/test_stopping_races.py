"""Pause, cancel and correct at the very moment something else moves the same mailing, on PostgreSQL, where two
transactions really do run side by side. SQLite lets one writer in at a time."""

import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.support.databases import waits_for_a_row
from tests.support.ledger import (
    EDITIONS,
    check_invariants,
    claim,
    claim_and_start,
    counts,
    make_mailing,
    plan,
    start,
    statuses,
)
from tests.support.makers import NOW, make_subscribers
from tests.support.staging import Beside, after_statement
from tests.support.waiting import until
from worker.domain.mailing import MailingStatus
from worker.domain.segment import EVERYONE
from worker.store.engine import reading, write, writing
from worker.store.ledger import settle
from worker.store.ledger.correct import correct_pending
from worker.store.ledger.frozen import read_editions
from worker.store.ledger.mailings import cancel_mailing, get_mailing, need_attention, pause_mailing, resume_mailing
from worker.usecases import control
from worker.usecases.correct_mailing import correct_mailing
from worker.usecases.plan_mailing import plan_mailing

OLD = {one: replace(edition, source_hash=f"old {one}") for one, edition in EDITIONS.items()}
NEW = {one: replace(edition, source_hash=f"new {one}") for one, edition in EDITIONS.items()}


def scheduled(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 6)
        return make_mailing(connection, batch_size=2)


def planned(engine):
    mailing_id = scheduled(engine)
    plan(engine, mailing_id, editions=OLD)
    return mailing_id


def status(engine, mailing_id):
    with reading(engine) as connection:
        return get_mailing(connection, mailing_id).status


def stop(connection, mailing_id, how):
    if how == "pause":
        return pause_mailing(connection, mailing_id)
    return cancel_mailing(connection, mailing_id, datetime.now(UTC))


def stop_there(engine, mailing_id, how):
    with writing(engine) as connection:
        return stop(connection, mailing_id, how)


def texts(engine, mailing_id):
    """The text each batch names, by batch status; deliveries must agree with their batch."""
    with reading(engine) as connection:
        named = {key: one.source_hash for key, one in read_editions(connection, mailing_id).items()}
        rows = connection.exec_driver_sql(
            "SELECT b.status, b.edition_id, d.edition_id FROM deliveries d JOIN batches b ON b.id = d.batch_id"
        ).all()
    assert all(of_batch == of_delivery for _, of_batch, of_delivery in rows)
    return {state: {named[edition] for s, edition, _ in rows if s == state} for state in {row[0] for row in rows}}


@pytest.mark.parametrize("how", ["pause", "cancel"])
@pytest.mark.parametrize("moment", range(0, 10, 3))
def test_a_stop_in_the_middle_of_freezing_waits_for_it_and_holds(here, there, how, moment):
    mailing_id = scheduled(here)
    other = []
    with after_statement(here, moment, lambda: other.append(Beside(lambda: stop_there(there, mailing_id, how)))):
        plan(here, mailing_id)
    if not other:
        pytest.skip("planning has fewer statements")
    assert other[0].result() is True
    assert status(here, mailing_id) is {"pause": MailingStatus.PAUSED, "cancel": MailingStatus.CANCELLED}[how]
    assert claim(here, mailing_id) is None
    if how == "cancel":
        assert set(statuses(here, mailing_id)) <= {"cancelled"}
    assert counts(here, mailing_id).conserved


@pytest.mark.parametrize("how", ["pause", "cancel"])
def test_planning_that_meets_a_stop_not_yet_committed_gives_way_without_a_failure(here, there, how):
    mailing_id = scheduled(here)
    rendered, go_on = threading.Event(), threading.Event()

    def prepare(_mailing):
        rendered.set()
        assert go_on.wait(30)
        return OLD, EVERYONE

    planning = Beside(lambda: plan_mailing(there, mailing_id, prepare, NOW))
    assert rendered.wait(30)
    with writing(here) as connection:  # it holds the mailing's row, which planning now wants
        stop(connection, mailing_id, how)
        go_on.set()
        until(lambda: waits_for_a_row(here), what="planning to wait for the row")
    assert planning.result() == []
    assert status(here, mailing_id) in (MailingStatus.PAUSED, MailingStatus.CANCELLED)
    assert statuses(here, mailing_id) == []


@pytest.mark.parametrize("job_looks_after", ["10ms", "10s"])  # PostgreSQL ends the one that finds the deadlock
@pytest.mark.parametrize("how", ["cancel", "correct"])
def test_a_command_and_an_outage_being_written_down_do_not_end_in_a_deadlock_the_operator_sees(
    here, there, how, job_looks_after
):
    mailing_id = planned(here)
    started = claim_and_start(here, mailing_id)
    told = []

    def command():
        if how == "correct":
            with reading(there) as connection:
                mailing = get_mailing(connection, mailing_id)
            return correct_mailing(there, mailing, NEW)
        return control.cancel(there, mailing_id, datetime.now(UTC)).done

    def settled(connection):  # as a call in vain is; a job too tries again where PostgreSQL ended it
        connection.exec_driver_sql(f"SET LOCAL deadlock_timeout = '{job_looks_after}'")
        settle.settle_pending(connection, started, "unavailable", NOW, not_before=None, problem="away")
        settle.hold_back(connection, mailing_id, datetime.now(UTC))
        if not told:
            told.append(Beside(command))
            until(lambda: waits_for_a_row(here), what="the command to wait for a batch")
        need_attention(connection, mailing_id, "SendGrid has been away for half an hour")

    write(here, settled)
    assert told[0].result()
    check_invariants(here)


@pytest.mark.parametrize("moment", range(8))
def test_a_claim_at_the_moment_of_a_correction_gets_one_text_or_the_other_and_its_deliveries_with_it(
    here, there, moment
):
    mailing_id = planned(here)
    beside = []
    with (
        after_statement(here, moment, lambda: beside.append(Beside(lambda: claim(there, mailing_id)))),
        writing(here) as connection,
    ):
        correct_pending(connection, mailing_id, NEW)
    if not beside:
        pytest.skip("a correction has fewer statements")
    batch = beside[0].result()
    with reading(here) as connection:
        carried = read_editions(connection, mailing_id)[batch.edition_id].source_hash
    seen = texts(here, mailing_id)
    assert seen == {"claimed": {carried}, "pending": {"new free"}}
    assert start(here, batch) is not None


@pytest.mark.parametrize("moment", range(8))
def test_two_corrections_at_once_are_one_after_the_other(here, there, moment):
    mailing_id = planned(here)
    newest = {one: replace(edition, source_hash=f"newest {one}") for one, edition in EDITIONS.items()}
    beside = []

    def correct(engine, text):
        with writing(engine) as connection:
            return correct_pending(connection, mailing_id, text)

    with after_statement(here, moment, lambda: beside.append(Beside(lambda: correct(there, newest)))):
        assert correct(here, NEW) == 6
    if not beside:
        pytest.skip("a correction has fewer statements")
    assert beside[0].result() == 6
    assert texts(here, mailing_id) == {"pending": {"newest free"}}


def test_two_hosts_that_pause_at_once_both_find_it_paused(here, there):
    mailing_id = planned(here)
    beside = []
    with after_statement(here, 1, lambda: beside.append(Beside(lambda: control.pause(there, mailing_id)))):
        first = control.pause(here, mailing_id)
    second = beside[0].result()
    assert sorted([first.done, second.done]) == [False, True]
    assert first.mailing.status is second.mailing.status is MailingStatus.PAUSED
    with writing(here) as connection:
        assert resume_mailing(connection, mailing_id)


def test_a_start_at_the_moment_of_a_cancellation_is_counted_where_it_stands(here, there):
    mailing_id = planned(here)
    batch = claim(here, mailing_id)
    beside = []
    with after_statement(
        here, 1, lambda: beside.append(Beside(lambda: control.cancel(there, mailing_id, datetime.now(UTC))))
    ):
        started = start(here, batch)
    turned = beside[0].result()
    seen = {state.value: number for state, number in turned.states.items() if number}
    assert seen == ({"submitting": 2, "cancelled": 4} if started else {"cancelled": 6})
    if started:
        with writing(here) as connection:
            settle.settle_accepted(connection, started, NOW, message_id="m")
    check_invariants(here)

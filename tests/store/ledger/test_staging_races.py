"""Staging beside itself: two transactions at the same moment, on PostgreSQL, where they really do run side by side.

SQLite lets one writer in at a time, so there is nothing to be shown there.
"""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from tests.support.ledger import claim, counts, plan, start, statuses
from tests.support.ledger import make_mailing as new_mailing
from tests.support.makers import NOW
from tests.support.staging import (
    Beside,
    after_statement,
    generation_states,
    in_ninety_minutes,
    open_id,
    planned_ahead,
    set_hour,
    staged_mailing,
)
from worker.domain.mailing import MailingStatus
from worker.domain.staging import SLOTS, GenerationState, RecallTo
from worker.store.engine import reading, writing
from worker.store.ledger.mailings import cancel_mailing, get_mailing, pause_mailing
from worker.store.ledger.recall import begin_recall, call_in_flight, due_for_recall, recalled_generation
from worker.store.ledger.slots import one_at_a_time, take_slot
from worker.store.ledger.staging import leave_late
from worker.store.tables import generations

STATEMENTS = 6  # of a start, and one more


def status(engine, mailing_id):
    with reading(engine) as connection:
        return get_mailing(connection, mailing_id).status


@pytest.mark.parametrize("moment", range(STATEMENTS))
def test_a_recall_in_the_middle_of_a_start_stops_it_or_waits_for_it(here, there, moment):
    mailing_id = staged_mailing(here)
    batch = claim(here, mailing_id)
    looking = []

    def recall():
        with writing(there) as connection:
            assert begin_recall(connection, mailing_id, RecallTo.PAUSED)
        # It may wait for the row that is being started, so it looks in a thread of its own.
        looking.append(Beside(in_flight))

    def in_flight():
        with writing(there) as connection:
            return call_in_flight(connection, mailing_id)

    with after_statement(here, moment, recall):
        started = start(here, batch)
    if not looking:
        recall()
    assert looking[0].result() is (started is not None)
    if started is not None:
        assert started.sendgrid_batch_id is not None, "it would go at once, an hour early"
        assert started.send_at is not None
    assert statuses(here, mailing_id)[0] == ("submitting" if started else "pending")


def test_a_start_that_found_it_staged_does_not_start_once_its_hour_has_come(here, there):
    mailing_id = staged_mailing(here)
    batch = claim(here, mailing_id)

    def strike():
        set_hour(there, mailing_id, datetime.now(UTC))
        with writing(there) as connection:
            assert leave_late(connection, datetime.now(UTC)) == [mailing_id]

    with after_statement(here, 1, strike):
        assert start(here, batch) is None
    assert start(here, batch).sendgrid_batch_id is None


def test_nothing_is_claimed_once_a_recall_has_looked_for_calls(here, there):
    mailing_id = staged_mailing(here)
    with writing(there) as connection:
        assert begin_recall(connection, mailing_id, RecallTo.PAUSED)
    batch = None
    with writing(there) as connection:
        assert not call_in_flight(connection, mailing_id)
        batch = claim(here, mailing_id)
    assert batch is None


def test_of_two_ids_reserved_at_once_one_is_used(here, there):
    mailing_id = planned_ahead(here)
    other = []
    with after_statement(here, 1, lambda: other.append(Beside(lambda: open_id(there, mailing_id, "the other")))):
        assert open_id(here, mailing_id, "the one")
    assert other[0].result() is False
    assert generation_states(here, mailing_id) == ["open"]


@pytest.mark.parametrize("stop", ["pause", "cancel"])
def test_an_id_that_comes_while_a_mailing_is_stopped_is_taken_back(here, there, stop):
    mailing_id = planned_ahead(here)
    # Between looking whether there is anything to take back, and stopping a mailing that has nothing.
    with after_statement(here, 1, lambda: open_id(there, mailing_id)), writing(here) as connection:
        if stop == "pause":
            assert pause_mailing(connection, mailing_id)
        else:
            assert cancel_mailing(connection, mailing_id, NOW)
    assert status(here, mailing_id) is MailingStatus.RECALLING
    with reading(here) as connection:
        assert due_for_recall(connection) == [mailing_id]


def test_two_recalls_at_once_do_not_both_take_the_last_slot(here, there):
    mailings = [staged_mailing(here)]
    with writing(here) as connection:
        hour = in_ninety_minutes()
        mailings.append(new_mailing(connection, send_at=hour, stage_at=hour - timedelta(minutes=45)))
        for number in range(SLOTS - 1):
            old = {"mailing_id": new_mailing(connection), "generation": 0, "state": GenerationState.CANCELLED}
            times = {"send_at": hour, "reserved_at": NOW}
            connection.execute(insert(generations).values(old | times | {"sendgrid_batch_id": f"old{number}"}))
    plan(here, mailings[1])
    assert open_id(here, mailings[1])
    for mailing_id in mailings:
        with writing(here) as connection:
            assert begin_recall(connection, mailing_id, RecallTo.PAUSED)

    def take(engine, mailing_id):
        with writing(engine) as connection:
            one_at_a_time(connection)
            return take_slot(connection, recalled_generation(connection, mailing_id), datetime.now(UTC))

    other = []

    def beside():
        other.append(Beside(lambda: take(there, mailings[1])))
        other[0].join(1)  # where nothing holds it back, it has taken the slot by now

    with after_statement(here, 3, beside):  # this one has counted, and not yet taken
        assert take(here, mailings[0])
    assert other[0].result() is False
    assert counts(here, mailings[0]).conserved

"""What is cancelled too late, answered too late, or arrives under an id that was cancelled: nobody is served twice, and
what is not known is said.
"""

import collections
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.ledger import check_invariants, counts, let_leases_run_out
from tests.support.mailroom import messages
from tests.support.sending import mailing_row, submit
from tests.support.staging import generation_states, planned_ahead, set_hour
from worker.domain.event import Event, EventType
from worker.domain.mailing import MailingStatus
from worker.domain.staging import GenerationState
from worker.mailroom import faults
from worker.providers.sendgrid_scheduled import SendGridScheduler
from worker.store.engine import writing
from worker.store.ledger.escaped import ESCAPED
from worker.store.ledger.mailings import cancel_mailing, pause_mailing, resume_mailing
from worker.store.ledger.recall import TROUBLE
from worker.store.ledger.staging import leave_late
from worker.store.ledger.sweep import sweep
from worker.usecases.desk import open_desk
from worker.usecases.ready_batch import make_ready
from worker.usecases.recall_mailing import UNSURE, free_generations, recall_mailing
from worker.usecases.record_events import record_events
from worker.usecases.stage_mailing import stage_mailing
from worker.usecases.submit_batch import start

READERS = 6
SCHEDULED_SENDS = "/v3/user/scheduled_sends"


def stage(context, hour=None):
    mailing_id = planned_ahead(context.engine, readers=READERS, hour=hour)
    stage_mailing(context.engine, context.scheduler, mailing_id)
    return mailing_id


@pytest.fixture
def waiting(context):
    """A mailing all of which waits at SendGrid."""
    mailing_id = stage(context)
    submit(context, mailing_id)
    return mailing_id


def now():
    return datetime.now(UTC)


def cancel(context, mailing_id):
    with writing(context.engine) as connection:
        assert cancel_mailing(connection, mailing_id, now())


def pause(context, mailing_id):
    with writing(context.engine) as connection:
        assert pause_mailing(connection, mailing_id)


def recall(context, mailing_id, scheduler=None):
    recall_mailing(context.engine, scheduler or context.scheduler, mailing_id)


def by_state(context, mailing_id):
    return {state.value: number for state, number in counts(context.engine, mailing_id).by_state.items() if number}


class StandsStill(SendGridScheduler):
    """SendGrid, asked by a process that stands still around the request to cancel while `meanwhile()` happens."""

    def __init__(self, context, before=None, after=None):
        super().__init__(context.sendgrid_api)
        self.before, self.after = before, after

    def cancel(self, batch_id):
        if self.before:
            self.before()
        answer = super().cancel(batch_id)
        if self.after:
            self.after()
        return answer


def test_a_cancellation_of_which_nobody_knows_whether_it_came_in_time_leaves_everything_uncertain(context, waiting):
    cancel(context, waiting)
    late = StandsStill(context, after=lambda: set_hour(context.engine, waiting, now() + timedelta(minutes=5)))
    recall(context, waiting, late)
    row = mailing_row(context.engine, waiting)
    assert (row.status, row.needs_attention) == (MailingStatus.CANCELLED, UNSURE)
    assert by_state(context, waiting) == {"uncertain": READERS}


def test_a_lost_answer_that_is_asked_for_too_late_leaves_everything_uncertain(context, mailroom, waiting):
    cancel(context, waiting)
    mailroom.script_faults(faults.dropped("after_accepting").calling(SCHEDULED_SENDS, "POST"))
    recall(context, waiting)
    assert mailing_row(context.engine, waiting).status == MailingStatus.RECALLING
    set_hour(context.engine, waiting, now() + timedelta(minutes=9))
    recall(context, waiting)
    assert by_state(context, waiting) == {"uncertain": READERS}


@pytest.mark.parametrize("minutes", [9, -30], ids=["shortly before the hour", "after the hour"])
def test_a_cancellation_that_was_answered_in_time_holds_however_late_it_is_read_back(context, waiting, minutes):
    cancel(context, waiting)

    class Killed(BaseException):
        pass

    class DiesBeforeReading(StandsStill):
        def read(self, batch_id):
            if self.cancelled:
                raise Killed
            return super().read(batch_id)

    dying = DiesBeforeReading(context)
    dying.cancelled = False
    dying.after = lambda: setattr(dying, "cancelled", True)
    with pytest.raises(Killed):
        recall(context, waiting, dying)
    set_hour(context.engine, waiting, now() + timedelta(minutes=minutes))
    recall(context, waiting)
    row = mailing_row(context.engine, waiting)
    assert (row.status, row.needs_attention) == (MailingStatus.CANCELLED, None)
    assert by_state(context, waiting) == {"cancelled": READERS}


def test_a_process_that_cancels_after_another_gave_up_says_so(context, waiting):
    pause(context, waiting)

    def given_up_meanwhile():
        set_hour(context.engine, waiting, now() + timedelta(minutes=9))
        recall(context, waiting)
        assert mailing_row(context.engine, waiting).status == MailingStatus.PAUSED
        assert by_state(context, waiting) == {"submitted": READERS}

    recall(context, waiting, StandsStill(context, before=given_up_meanwhile))
    assert mailing_row(context.engine, waiting).needs_attention == UNSURE
    assert by_state(context, waiting) == {"uncertain": READERS}


def test_sendgrid_is_not_asked_where_nothing_was_handed_over(context, mailroom):
    mailing_id = stage(context)
    pause(context, mailing_id)
    mailroom.script_faults(faults.status(500).times(9).calling(SCHEDULED_SENDS, "POST"))
    recall(context, mailing_id)
    assert mailing_row(context.engine, mailing_id).status == MailingStatus.PAUSED
    assert generation_states(context.engine, mailing_id) == ["freed"], "no slot is used up"
    with writing(context.engine) as connection:
        assert resume_mailing(connection, mailing_id)
    assert mailing_row(context.engine, mailing_id).status == MailingStatus.STAGED


def test_trouble_with_a_recall_is_forgotten_once_it_is_done(context, mailroom, waiting):
    cancel(context, waiting)
    mailroom.script_faults(faults.status(403).calling(SCHEDULED_SENDS, "POST"))
    recall(context, waiting)
    assert mailing_row(context.engine, waiting).needs_attention.startswith(TROUBLE)
    recall(context, waiting)
    row = mailing_row(context.engine, waiting)
    assert (row.status, row.needs_attention) == (MailingStatus.CANCELLED, None)


def test_the_slot_of_a_cancellation_that_failed_is_given_back_too(context, mailroom, waiting):
    hour = mailing_row(context.engine, waiting).send_at
    cancel(context, waiting)
    mailroom.script_faults(faults.dropped("after_accepting").calling(SCHEDULED_SENDS, "POST"))
    recall(context, waiting)
    set_hour(context.engine, waiting, now() + timedelta(minutes=9))
    recall(context, waiting)
    assert generation_states(context.engine, waiting) == [GenerationState.CANCELLING]
    mailroom.turn_clock((hour + timedelta(hours=2)).timestamp())
    assert free_generations(context.engine, context.scheduler, hour + timedelta(hours=2)) == 1
    assert free_generations(context.engine, context.scheduler, hour + timedelta(hours=2)) == 0


@pytest.mark.parametrize("late_mail", ["discard", "deliver"])
def test_a_worker_that_thaws_in_the_middle_of_a_call_after_a_recall(make_context, start_mailroom, late_mail):
    room = start_mailroom(late_mail=late_mail)
    context = make_context(room.url)
    hour = (now() + timedelta(minutes=90)).replace(microsecond=0)
    mailing_id = stage(context, hour)
    desk = open_desk(context.engine, context.provider, mailing_id, context.terms)
    frozen = start(desk, make_ready(desk))
    submit(context, mailing_id)
    pause(context, mailing_id)
    let_leases_run_out(context.engine)
    with writing(context.engine) as connection:
        sweep(connection, now())
    recall(context, mailing_id)
    with writing(context.engine) as connection:
        assert resume_mailing(connection, mailing_id)
    stage_mailing(context.engine, context.scheduler, mailing_id)
    submit(context, mailing_id)
    context.provider.submit(frozen.submission)
    room.turn_clock(hour.timestamp())
    reached = collections.Counter(one["to"] for one in messages(room))
    twice = len(frozen.submission.addressees) if late_mail == "deliver" else 0
    assert sorted(reached.values()) == [1] * (READERS - twice) + [2] * twice
    with writing(context.engine) as connection:
        leave_late(connection, hour)
        sweep(connection, hour)
    assert mailing_row(context.engine, mailing_id).status == MailingStatus.FINISHED
    if late_mail == "deliver":
        escaped = frozen.submission.addressees[0].delivery_id
        event = Event(EventType.DELIVERED, hour, "a@example.com", "d", "e", escaped, frozen.submission.key)
        record_events(context.engine, [event], hour)
    seen = mailing_row(context.engine, mailing_id).needs_attention
    assert seen == (ESCAPED if late_mail == "deliver" else None)
    check_invariants(context.engine)


def test_a_call_begins_only_while_its_whole_deadline_fits_into_the_lease(make_context, mailroom):
    usual = make_context(mailroom.url, lease_seconds=30, call_deadline_seconds=20)
    tight = make_context(mailroom.url, lease_seconds=6, call_deadline_seconds=5)
    assert (usual.terms.delay_seconds, tight.terms.delay_seconds) == (10, 1)

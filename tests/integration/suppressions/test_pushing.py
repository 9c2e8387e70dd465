"""Who opts out here is told to SendGrid: after its answer it counts as known, and at once while mail waits there."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.integration.suppressions.conftest import NOW
from tests.support.ledger import make_mailing
from tests.support.makers import make_subscriber, make_suppression
from worker.domain.mailing import MailingStatus, Queue
from worker.mailroom import faults
from worker.store.engine import reading, writing
from worker.store.tables import mailings
from worker.usecases.due import Due
from worker.usecases.push_suppressions import Pushed, push_due, push_suppressions
from worker.usecases.unsubscribe import unsubscribe

GLOBAL = "/v3/asm/suppressions/global"


def push(context, now=NOW):
    return push_suppressions(context.engine, context.lists, now)


def suppress(context, *reasons):
    with writing(context.engine) as connection:
        for number, reason in enumerate(reasons):
            make_suppression(connection, f"r{number:04}@example.com", reason)


def stage_one(context):
    with writing(context.engine) as connection:
        mailing_id = make_mailing(connection)
        connection.execute(
            update(mailings).where(mailings.c.id == mailing_id).values(status=MailingStatus.STAGED.value)
        )


def due(context, now=NOW):
    with reading(context.engine) as connection:
        return push_due(connection, now)


def test_opt_outs_complaints_and_manual_ones_go_to_the_global_list_and_nothing_else_does(context, mailroom, rows):
    suppress(context, "unsubscribed", "complained", "manual", "bounced", "invalid")
    assert push(context) == Pushed(pushed=3)
    assert mailroom.suppressions.addresses("unsubscribes") == [f"r000{n}@example.com" for n in range(3)]
    assert [pushed for _, _, pushed in rows().values()] == [True, True, True, False, False]
    assert push(context, NOW + timedelta(seconds=1)) == Pushed()


def test_many_go_in_calls_of_five_hundred(context, mailroom):
    suppress(context, *["unsubscribed"] * 1_001)
    assert push(context) == Pushed(pushed=1_001)
    assert len(mailroom.suppressions.addresses("unsubscribes")) == 1_001


@pytest.mark.parametrize("fault", [faults.dropped(), faults.status(500, accepted=True), faults.status(429)])
def test_nobody_counts_as_known_there_before_the_answer(context, mailroom, rows, fault):
    suppress(context, "unsubscribed")
    mailroom.script_faults(fault.calling(GLOBAL))
    assert push(context).problem
    assert [pushed for _, _, pushed in rows().values()] == [False]
    assert push(context, NOW + timedelta(seconds=30)) is None
    assert push(context, NOW + timedelta(seconds=61)) == Pushed(pushed=1)
    assert mailroom.suppressions.addresses("unsubscribes") == ["r0000@example.com"]


def test_a_missing_scope_is_named(context, mailroom):
    suppress(context, "unsubscribed")
    mailroom.script_faults(faults.status(403).calling(GLOBAL))
    assert "asm.suppressions.global.create" in push(context).problem


def test_an_address_sendgrid_refuses_does_not_keep_the_others_out(context, mailroom, rows):
    suppress(context, *["unsubscribed"] * 9)
    with writing(context.engine) as connection:
        make_suppression(connection, "zoë@example.com", "unsubscribed")
    assert push(context) == Pushed(pushed=9, refused=1)
    assert [key for key, (_, _, pushed) in rows().items() if not pushed] == ["zoë@example.com"]
    assert push(context, NOW + timedelta(minutes=59)) is None


def test_nothing_is_due_unless_mail_waits_and_somebody_left(context):
    suppress(context, "unsubscribed", "bounced")
    assert due(context) == []
    stage_one(context)
    assert due(context) == [Due("push_suppressions", 0, Queue.PROMPT)]
    push(context)
    assert due(context) == []


def test_a_reader_who_leaves_while_mail_waits_is_on_sendgrids_list_after_the_job(context, mailroom):
    with writing(context.engine) as connection:
        reader = make_subscriber(connection, address="leaving@example.com")
    stage_one(context)
    unsubscribe(context.engine, reader.id, NOW)
    assert [one.job for one in due(context)] == ["push_suppressions"]
    push(context)
    assert mailroom.suppressions.addresses("unsubscribes") == ["leaving@example.com"]

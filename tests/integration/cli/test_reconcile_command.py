"""reconcile: what is known before it asks, the operator's word, and what it costs to be wrong, in plain words."""

import os
import pty
from collections import Counter
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from tests.support.ledger import let_leases_run_out
from tests.support.mailroom import messages
from tests.support.processes import Process
from tests.support.sending import SAMPLE
from worker.domain.event import Event, EventType
from worker.mailroom import faults
from worker.store.engine import writing
from worker.store.ledger.claim import claim_batch
from worker.store.ledger.mailings import cancel_mailing
from worker.store.ledger.sweep import sweep
from worker.store.tables import batches
from worker.usecases.plan_mailing import plan_mailing
from worker.usecases.record_events import record_events


@pytest.fixture
def planned(on, readers, context):
    """The sample, planned for twelve readers in three batches, nothing submitted yet."""
    assert on("send", SAMPLE, "--yes").code == 0
    plan_mailing(context.engine, 1, context.prepare, datetime.now(UTC))
    return 1


@pytest.fixture
def uncertain(planned, work, mailroom):
    """Its first batch of five had no usable answer, the others went."""
    mailroom.script_faults(faults.status(500, message="internal error"))
    work(planned)
    return planned


@pytest.fixture
def taken(planned, work, mailroom):
    """Its first batch was taken, and the answer was lost on the way."""
    mailroom.script_faults(faults.dropped("after_accepting"))
    work(planned)
    return planned


def times_reached(mailroom):
    return Counter(one["to"] for one in messages(mailroom))


def report(context, message):
    """SendGrid's word on one message."""
    custom = message["custom_args"]
    event = Event(
        type=EventType.DELIVERED,
        at=datetime.now(UTC),
        address=message["to"],
        dedupe_key=f"d:{message['to']}:{custom['bs_submission']}",
        sg_event_id="e",
        delivery_id=int(custom["bs_delivery"]),
        submission_key=custom["bs_submission"],
    )
    record_events(context.engine, [event], datetime.now(UTC))


def test_nothing_to_decide_ends_well(on, planned, work):
    work(planned)
    ended = on("reconcile", SAMPLE)
    assert (ended.code, "Nothing is left to decide" in ended.out) == (0, True)
    assert on("reconcile", SAMPLE, "--json").json["batches"] == []


def test_everything_known_is_shown_before_anybody_is_asked(on, uncertain):
    ended = on("reconcile", SAMPLE)
    assert ended.code == 1
    for words in ("batch 1", "5 readers, free edition", "answer: unknown (500)", "submission 1, call 1", "events"):
        assert words in ended.out
    assert "No event has ever arrived: the event webhook seems not to be set up" in ended.out
    (one,) = on("reconcile", SAMPLE, "--json").json["batches"]
    assert (one["batch_id"], one["doubt"], one["readers"]) == (1, "uncertain", 5)
    assert one["verdicts"] == ["submitted", "again", "refused"]
    assert one["last_call"]["status_code"] == 500


def test_a_webhook_that_reports_other_mail_is_not_said_to_be_missing(on, uncertain, context, mailroom):
    report(context, messages(mailroom)[0])
    ended = on("reconcile", SAMPLE)
    assert "The last event of all came" in ended.out
    assert "seems not to be set up" not in ended.out
    assert on("reconcile", SAMPLE, "--json").json["webhook"]["type"] == "delivered"


def test_a_batch_that_went_out_is_decided_and_stands_as_decided_by_an_operator(on, uncertain, mailroom, work):
    ended = on("reconcile", SAMPLE, "--batch", "1", "--as", "submitted", "--yes")
    assert (ended.code, "batch 1: submitted" in ended.err) == (0, True)
    work(uncertain)
    assert len(messages(mailroom)) == 7
    lines = on("deliveries", SAMPLE, "--state", "submitted", "--json").out.splitlines()
    assert Counter('"operator"' in line for line in lines) == {True: 5, False: 7}
    assert on("status", SAMPLE).code == 0


def test_a_batch_that_did_not_go_out_is_sent_again_and_everybody_has_it_once(on, uncertain, mailroom, work):
    assert on("reconcile", SAMPLE, "--all", "--as", "again", "--yes").code == 0
    work(uncertain)
    assert set(times_reached(mailroom).values()) == {1}
    assert len(messages(mailroom)) == 12
    assert on("status", SAMPLE, "--json").json["submitted"] == 12


def test_a_batch_that_did_not_go_out_may_be_left_so(on, uncertain, mailroom, work):
    assert on("reconcile", SAMPLE, "--batch", "1", "--as", "refused", "--yes").code == 0
    work(uncertain)
    assert len(messages(mailroom)) == 7
    assert "an operator decided that it did not go out" in on("deliveries", SAMPLE, "--state", "refused").out


def test_json_says_what_was_decided_and_what_is_left(on, uncertain):
    seen = on("reconcile", SAMPLE, "--batch", "1", "--as", "submitted", "--yes", "--json")
    assert seen.code == 0
    assert (seen.json["decided"], seen.json["batches"]) == ({"1": "submitted"}, [])


def test_nobody_to_ask_and_no_yes_decides_nothing(on, uncertain):
    ended = on("reconcile", SAMPLE, "--all", "--as", "submitted")
    assert (ended.code, "--yes" in ended.err) == (2, True)
    assert on("status", SAMPLE, "--json").json["uncertain"] == 5


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--as", "submitted"), "--batch"),
        (("--batch", "1"), "--as"),
        (("--batch", "2", "--as", "submitted", "--yes"), "batch 2"),
        (("--batch", "99", "--as", "again", "--yes"), "batch 99"),
    ],
)
def test_a_verdict_about_nothing_is_refused(on, uncertain, given, said):
    ended = on("reconcile", SAMPLE, *given)
    assert (ended.code, said in ended.err) == (2, True)
    assert on("status", SAMPLE, "--json").json["uncertain"] == 5


def test_nothing_of_a_cancelled_mailing_is_sent_again(on, uncertain, context):
    with writing(context.engine) as connection:
        cancel_mailing(connection, uncertain, datetime.now(UTC))
    ended = on("reconcile", SAMPLE, "--batch", "1", "--as", "again", "--yes")
    assert (ended.code, "is cancelled" in ended.err) == (2, True)
    assert on("reconcile", SAMPLE, "--batch", "1", "--as", "refused", "--yes").code == 0


def test_an_operator_who_was_wrong_is_told_who_has_it_twice(on, taken, context, mailroom, work):
    first = messages(mailroom)[0]
    assert on("reconcile", SAMPLE, "--batch", "1", "--as", "again", "--yes").code == 0
    work(taken)
    assert Counter(times_reached(mailroom).values()) == {2: 5, 1: 7}
    report(context, first)
    ended = on("status", SAMPLE)
    assert ended.code == 1
    assert "batch 1 (5 readers, submission 1)" in ended.out
    assert "its readers have it twice" in ended.out
    assert on("reconcile", SAMPLE, "--seen").code == 0
    assert on("status", SAMPLE).code == 0


def test_an_event_that_comes_before_the_second_call_spares_everybody_a_second_mail(on, taken, context, mailroom, work):
    first = messages(mailroom)[0]
    on("reconcile", SAMPLE, "--batch", "1", "--as", "again", "--yes")
    report(context, first)
    work(taken)
    assert set(times_reached(mailroom).values()) == {1}


def test_a_batch_set_aside_is_shown_and_released(on, planned, context, work, mailroom):
    for _ in range(5):
        with writing(context.engine) as connection:
            claim_batch(connection, planned, 30_000)
        let_leases_run_out(context.engine)
        with writing(context.engine) as connection:
            sweep(connection, datetime.now(UTC))
    work(planned)
    assert len(messages(mailroom)) == 7
    seen = on("status", SAMPLE)
    assert (seen.code, "batch 1 (5 readers)" in seen.out, "1 set aside" in seen.out) == (1, True, True)
    shown = on("reconcile", SAMPLE)
    assert "it kept failing and is not tried any more (its worker died 5 times" in shown.out
    refusal = on("reconcile", SAMPLE, "--batch", "1", "--as", "submitted", "--yes")
    assert (refusal.code, "cannot be decided as submitted" in refusal.err) == (2, True)
    assert on("reconcile", SAMPLE, "--batch", "1", "--as", "again", "--yes").code == 0
    work(planned)
    assert len(messages(mailroom)) == 12
    assert on("status", SAMPLE).code == 0


def test_a_paused_mailing_is_not_hurried(on, uncertain, mailroom, work):
    on("pause", SAMPLE)
    ended = on("reconcile", SAMPLE, "--all", "--as", "again", "--yes")
    assert f"broadsheet resume {uncertain}" in ended.err
    work(uncertain)
    assert len(messages(mailroom)) == 7


def on_a_screen(folder, project, *words, answers):
    """The command with somebody who types; how it ended and what it asked."""
    ours, theirs = pty.openpty()
    try:
        command = Process(folder, "reconcile", SAMPLE, *words, "--project", project, stdin=theirs)
        try:
            os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
            return command.wait(), command.out + command.err
        finally:
            command.close()
    finally:
        os.close(ours)
        os.close(theirs)


def test_sending_again_is_asked_twice_and_says_who_could_get_it_twice(on, uncertain, project, tmp_path):
    code, said = on_a_screen(tmp_path / "no", project, "--all", "--as", "again", answers=["y", "n"])
    assert (code, "all 5 readers of batch 1 get" in said, "twice" in said) == (1, True, True)
    assert on("status", SAMPLE, "--json").json["uncertain"] == 5
    code, said = on_a_screen(tmp_path / "yes", project, answers=["again", "y", "y"])
    assert (code, "batch 1: again" in said) == (0, True)
    assert on("status", SAMPLE, "--json").json["pending"] == 5


def test_an_operator_who_is_not_sure_leaves_it_as_it_is(on, uncertain, project, tmp_path):
    code, said = on_a_screen(tmp_path / "leave", project, answers=[""])
    assert (code, "left as it is" in said) == (1, True)
    assert on("status", SAMPLE, "--json").json["uncertain"] == 5


def test_one_batch_of_several_is_decided_and_the_others_are_left(on, planned, context):
    with writing(context.engine) as connection:
        connection.execute(update(batches).values(status="uncertain"))
    ended = on("reconcile", SAMPLE, "--batch", "2", "--as", "submitted", "--yes", "--json")
    assert ended.code == 1
    assert [one["batch_id"] for one in ended.json["batches"]] == [1, 3]

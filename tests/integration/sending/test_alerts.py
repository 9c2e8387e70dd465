"""What needs attention reaches the author: once per mailing and reason, through the ledger, as HTML and as text."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tests.support.followups import PUBLICATION
from tests.support.ledger import planned_mailing, statuses
from tests.support.mailroom import messages_to
from tests.support.makers import make_subscribers
from tests.support.sending import answers, broadcast_sample, mailing_for, mailing_row, submit, words, words_of_html
from worker.domain.mailing import MailingKind
from worker.mailroom import faults
from worker.store.engine import reading, writing
from worker.store.ledger.mailings import list_mailings, need_attention, pause_mailing, resume_mailing
from worker.store.tables import mailings
from worker.usecases.plan_mailing import plan_mailing
from worker.usecases.tick import Content, tick

AUTHOR = "ines@example.com"
QUIET = Content(PUBLICATION, {}, {})


def turn(context, address=AUTHOR, now=None):
    """One tick, and every job it offers."""
    now = now or datetime.now(UTC)
    for due in tick(context.engine, QUIET, now=now, batch_size=1_000, lanes=1, alert_address=address):
        if due.job == "plan_mailing":
            for more in plan_mailing(context.engine, due.mailing_id, context.prepare, now):
                submit(context, more.mailing_id)
        else:
            submit(context, due.mailing_id)


def alerts(context):
    with reading(context.engine) as connection:
        return [one for one in list_mailings(connection) if one.kind is MailingKind.ALERT]


def attend(context, mailing_id, reason):
    with writing(context.engine) as connection:
        need_attention(connection, mailing_id, reason)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (faults.status(403, message="The from address is not verified"), "403"),
        (faults.status(401, message="Maximum credits exceeded"), "credits"),
        (faults.status(502).times(3), "3 uncertain answers in a row"),
        (faults.refused("The from address is wrong.", field="from"), "from address is wrong"),
    ],
)
def test_what_pauses_a_mailing_by_itself_is_told_to_the_author_once(context, mailroom, fault, says):
    mailing_id = mailing_for(context, 40, batch_size=10)
    mailroom.script_faults(fault)
    submit(context, mailing_id)
    for _ in range(3):
        turn(context)
    (told,) = messages_to(mailroom, AUTHOR)
    text = " ".join(told["text"].split())
    assert says in text
    assert f"broadsheet resume {mailing_id}" in text
    assert "40 readers" in text
    assert told["subject"].startswith("Needs attention")
    assert len(alerts(context)) == 1


def test_an_alert_says_in_html_and_in_text_what_happened_to_which_broadcast_and_what_to_do(context, mailroom):
    with writing(context.engine) as connection:
        make_subscribers(connection, 12)
    mailing_id = broadcast_sample(context, batch_size=4)
    mailroom.script_faults(faults.status(502).times(3))
    submit(context, mailing_id)
    turn(context)
    (told,) = messages_to(mailroom, AUTHOR)
    for found in (words(told["text"]), words_of_html(told["html"])):
        assert {"uncertain", "answers", "quiet", "weeks", "resume", "cancel", "12"} <= set(found)
    text = " ".join(told["text"].split())
    assert f"broadsheet deliveries {mailing_id} --state uncertain" in text
    assert "uncertain: 12" in text
    assert "-bs" not in told["text"] + told["html"], "every placeholder is filled"


def test_a_reason_full_of_marks_is_told_as_it_is(context, mailroom):
    mailing_id = mailing_for(context, 1)
    reason = 'could not be planned: {nobody} in *front* of <b>[line 3](x)</b> `code` # -bs00h- $x "y" | z'
    attend(context, mailing_id, reason)
    turn(context)
    (told,) = messages_to(mailroom, AUTHOR)
    assert reason.replace("-bs00h-", "-bs 00h-") in " ".join(told["text"].split())


def test_the_same_reason_seen_again_is_not_told_again_and_another_is(context, mailroom):
    mailing_id = mailing_for(context, 1)
    for reason in ("its hour was missed", "its hour was missed", "somebody should look"):
        attend(context, mailing_id, reason)
        turn(context)
        turn(context)
    assert len(messages_to(mailroom, AUTHOR)) == 2


def test_whoever_writes_the_reason_down_the_tick_tells_it(context, mailroom):
    """Not only the functions of today: a reason is told because it stands there."""
    mailing_id = mailing_for(context, 1)
    with writing(context.engine) as connection:
        connection.execute(update(mailings).where(mailings.c.id == mailing_id).values(needs_attention="set by hand"))
    turn(context)
    assert len(messages_to(mailroom, AUTHOR)) == 1


def test_without_an_address_nobody_is_written_to(context, mailroom):
    attend(context, mailing_for(context, 1), "somebody should look")
    turn(context, address="")
    assert alerts(context) == []


def test_an_alert_that_cannot_go_raises_none_and_ends_when_its_reason_is_gone(context, mailroom):
    mailing_id = mailing_for(context, 10)
    mailroom.script_faults(faults.status(401).times(2))
    submit(context, mailing_id)
    for _ in range(3):
        turn(context)
    (alert,) = alerts(context)
    assert alert.status == "paused"
    assert "401" in alert.needs_attention
    assert messages_to(mailroom, AUTHOR) == []
    with writing(context.engine) as connection:
        resume_mailing(connection, mailing_id)
    for _ in range(2):
        turn(context)
    assert [one.status for one in alerts(context)] == ["cancelled"]
    assert mailing_row(context.engine, mailing_id).status in ("sending", "finished")


def test_two_ticks_at_once_make_one_alert(context):
    mailing_id = mailing_for(context, 1)
    attend(context, mailing_id, "somebody should look")
    for _ in range(2):
        tick(context.engine, QUIET, now=datetime.now(UTC), batch_size=10, lanes=1, alert_address=AUTHOR)
    with reading(context.engine) as connection:
        keys = list(connection.execute(select(mailings.c.key).where(mailings.c.kind == "alert")).scalars())
    assert len(keys) == 1


def test_an_alert_whose_answer_is_lost_is_sent_again_but_not_for_ever(context, mailroom):
    mailing_id = mailing_for(context, 1)
    with writing(context.engine) as connection:
        pause_mailing(connection, mailing_id, "somebody should look")
    mailroom.script_faults(faults.status(502).times(20))
    for _ in range(8):
        turn(context)
    (alert,) = alerts(context)
    assert answers(context.engine, alert.id) == ["unknown"] * 3
    assert alert.status == "paused"


def test_an_alert_passes_a_broadcast_that_is_still_sending(context, mailroom):
    broadcast = mailing_for(context, 5)
    other = planned_mailing(context.engine)
    attend(context, other, "somebody should look")
    now = datetime.now(UTC) + timedelta(seconds=1)
    due = tick(context.engine, QUIET, now=now, batch_size=10, lanes=1, alert_address=AUTHOR)
    assert {(one.job, one.queue.value) for one in due if one.mailing_id not in (broadcast, other)} == {
        ("plan_mailing", "prompt")
    }
    assert statuses(context.engine, broadcast) == ["pending"]

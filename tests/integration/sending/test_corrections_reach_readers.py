"""A mistake found in mid-send, on both databases, to the reader's inbox: who has which text, and nobody twice."""

import collections
from datetime import UTC, datetime

import pytest

from tests.support.commands import copy_project
from tests.support.ledger import check_invariants, counts
from tests.support.mailroom import messages
from tests.support.makers import make_subscribers
from tests.support.sending import SAMPLE, broadcast_sample, mailing_row, submit
from worker.mailroom import faults
from worker.store.engine import reading, writing
from worker.store.ledger.mailings import get_mailing
from worker.store.ledger.sweep import sweep
from worker.store.subscribers import by_address_key
from worker.usecases import control
from worker.usecases.broadcast_again import broadcast_again, preview_second
from worker.usecases.correct_mailing import correct_mailing, difference
from worker.usecases.desk import open_desk
from worker.usecases.plan_mailing import plan_mailing
from worker.usecases.ready_batch import make_ready
from worker.usecases.submit_batch import Outgoing, call, settle_answer, start
from worker.usecases.unsubscribe import unsubscribe

OLD, NEW, NEWEST = "The quiet weeks count", "The silent weeks count", "The loud weeks count"


@pytest.fixture
def context(make_context, mailroom, tmp_path):
    """Twelve readers, four of them paying, and texts of one's own to edit."""
    folder = tmp_path / "project"
    folder.mkdir()
    one = make_context(mailroom.url, project=copy_project(folder))
    with writing(one.engine) as connection:
        make_subscribers(connection, 8)
        make_subscribers(connection, 4, plan="paid")
    return one


def edit(context, old=OLD, new=NEW):
    path = next((context.settings.project / "content" / "issues").glob(f"*{SAMPLE}.md"))
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def mailing(context, mailing_id):
    with reading(context.engine) as connection:
        return get_mailing(connection, mailing_id)


def submit_some(context, mailing_id, batches):
    desk = open_desk(context.engine, context.provider, mailing_id, context.terms)
    for _ in range(batches):
        outgoing = start(desk, make_ready(desk))
        assert isinstance(outgoing, Outgoing)
        settle_answer(desk, outgoing, call(desk, outgoing))


def correct(context, mailing_id):
    one = mailing(context, mailing_id)
    return correct_mailing(context.engine, one, difference(context.engine, one, context.prepare).editions)


def again(context, mailing_id):
    """What `correct --again` and the clock do; the second mailing's id."""
    made = broadcast_again(context.engine, mailing(context, mailing_id), 4, datetime.now(UTC))
    plan_mailing(context.engine, made.mailing_id, context.prepare, datetime.now(UTC))
    return made.mailing_id


def finish(context):
    with writing(context.engine) as connection:
        sweep(connection, datetime.now(UTC))


def got(mailroom):
    """Address -> the titles it got, in order."""
    found = collections.defaultdict(tuple)
    for one in messages(mailroom):
        found[one["to"]] += tuple(
            title for title in (OLD, NEW, NEWEST) if title in one["text"] and title in one["html"]
        )
    return found


def tally(mailroom):
    return dict(collections.Counter(got(mailroom).values()))


def test_half_has_the_old_text_the_other_half_gets_the_new_and_nobody_both(context, mailroom):
    mailing_id = broadcast_sample(context, batch_size=2)
    submit_some(context, mailing_id, 3)
    control.pause(context.engine, mailing_id)
    edit(context)
    assert correct(context, mailing_id) == 6
    assert control.resume(context.engine, mailing_id).mailing.status == "sending"
    submit(context, mailing_id)
    assert tally(mailroom) == {(OLD,): 6, (NEW,): 6}
    assert counts(context.engine, mailing_id).by_state["submitted"] == 12
    check_invariants(context.engine)


def test_the_second_broadcast_reaches_who_has_the_old_text_and_did_not_leave(context, mailroom):
    mailing_id = broadcast_sample(context, batch_size=2)
    submit_some(context, mailing_id, 3)
    edit(context)
    correct(context, mailing_id)
    submit(context, mailing_id)
    gone = next(address for address, titles in got(mailroom).items() if titles == (OLD,))
    with writing(context.engine) as connection:
        reader = by_address_key(connection, gone).id
    unsubscribe(context.engine, reader, datetime.now(UTC))
    second = again(context, mailing_id)
    assert again(context, mailing_id) == second, "asked twice, on two hosts, it is one"
    submit(context, second)
    assert tally(mailroom) == {(OLD, NEW): 5, (OLD,): 1, (NEW,): 6}
    assert got(mailroom)[gone] == (OLD,)
    row = mailing_row(context.engine, second)
    assert (row.key, row.corrects_id) == (f"{mailing_row(context.engine, mailing_id).key}:correction:1", mailing_id)
    assert (row.candidates, row.audience) == (6, 5)
    check_invariants(context.engine)


def test_who_is_uncertain_is_not_mailed_the_correction(context, mailroom):
    mailing_id = broadcast_sample(context, batch_size=2)
    mailroom.script_faults(faults.status(500).on(2))
    submit(context, mailing_id)
    assert counts(context.engine, mailing_id).by_state["uncertain"] == 2
    edit(context)
    found = difference(context.engine, mailing(context, mailing_id), context.prepare)
    assert (found.reach.have, found.reach.uncertain) == (10, 2)
    assert preview_second(context.engine, mailing(context, mailing_id), found.texts) == {"audience": 10}
    submit(context, again(context, mailing_id))
    assert set(tally(mailroom)) == {(OLD, NEW)}
    assert len(got(mailroom)) == 10


def test_a_correction_of_the_second_broadcast_in_mid_send_reaches_its_other_half(context, mailroom):
    mailing_id = broadcast_sample(context, batch_size=4)
    submit(context, mailing_id)
    edit(context)
    second = again(context, mailing_id)
    submit_some(context, second, 1)
    edit(context, NEW, NEWEST)
    assert correct(context, second) == 8
    submit(context, second)
    assert tally(mailroom) == {(OLD, NEW): 4, (OLD, NEWEST): 8}
    check_invariants(context.engine)


def test_a_second_correction_reaches_all_who_do_not_have_the_newest_text(context, mailroom):
    mailing_id = broadcast_sample(context, batch_size=4)
    submit(context, mailing_id)
    edit(context)
    second = again(context, mailing_id)
    submit(context, second)
    finish(context)
    edit(context, NEW, NEWEST)
    third = again(context, mailing_id)
    assert third != second
    submit(context, third)
    assert tally(mailroom) == {(OLD, NEW, NEWEST): 12}

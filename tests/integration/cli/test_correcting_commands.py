"""A mistake found after planning: diff, correct, correct --again."""

import collections
from datetime import UTC, datetime

import pytest

from tests.support.mailroom import messages
from tests.support.sending import SAMPLE
from worker.store.engine import writing
from worker.store.ledger.mailings import pause_mailing
from worker.usecases.desk import open_desk
from worker.usecases.plan_mailing import plan_mailing
from worker.usecases.ready_batch import make_ready
from worker.usecases.submit_batch import Outgoing, call, settle_answer, start

OLD, NEW = "quiet weeks", "silent weeks"


@pytest.fixture
def planned(on, readers, context):
    """The sample, planned for eight free and four paid readers in batches of four, nothing handed over yet."""
    assert on("send", SAMPLE, "--yes", env={"BATCH_SIZE": "4"}).code == 0
    plan_mailing(context.engine, 1, context.prepare, datetime.now(UTC))
    return 1


@pytest.fixture
def edit(project):
    """Change the sample's file as an author would."""

    def change(old="The quiet weeks count", new="The silent weeks count"):
        path = next((project / "content" / "issues").glob(f"*{SAMPLE}.md"))
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return change


def submit_one(context, mailing_id):
    """One batch, and no more."""
    desk = open_desk(context.engine, context.provider, mailing_id, context.terms)
    outgoing = start(desk, make_ready(desk))
    assert isinstance(outgoing, Outgoing)
    settle_answer(desk, outgoing, call(desk, outgoing))


def titles(mailroom):
    """How often each address got the old and the new title."""
    found = collections.defaultdict(list)
    for one in messages(mailroom):
        found[one["to"]].append("new" if "The silent weeks count" in one["text"] else "old")
    return found


def test_nothing_changed_is_said_and_exits_with_0(on, planned):
    ended = on("diff", SAMPLE)
    assert (ended.code, "Nothing has changed" in ended.out) == (0, True)
    assert on("correct", SAMPLE, "--yes", "--json").json["corrected"] == 0
    assert on("status", SAMPLE, "--json").json["text_changed"] is False


def test_a_live_count_is_no_change_of_the_text(on, planned, context, readers):
    from tests.support.makers import make_subscribers

    with writing(context.engine) as connection:
        make_subscribers(connection, 40)
    assert on("diff", SAMPLE).code == 0


def test_an_edit_is_shown_as_a_difference_of_each_edition(on, planned, edit):
    edit()
    ended = on("diff", SAMPLE, "--json")
    assert ended.code == 1
    for lines in ended.json["differences"].values():
        assert any(line.startswith("-") and "quiet weeks" in line for line in lines)
        assert any(line.startswith("+") and "silent weeks" in line for line in lines)
        assert not [line for line in lines if "-bs0" in line]
    assert ended.json["pending"] == 12
    assert "has changed since it was planned" in on("status", SAMPLE).out


def test_before_planning_there_is_nothing_to_compare_with(on, readers):
    assert on("send", SAMPLE, "--yes").code == 0
    ended = on("diff", SAMPLE)
    assert (ended.code, "not planned yet" in ended.err) == (2, True)


def test_a_correction_in_mid_send_reaches_whoever_is_still_pending(on, planned, edit, context, work, mailroom):
    submit_one(context, planned)
    with writing(context.engine) as connection:
        pause_mailing(connection, planned)
    edit()
    assert on("correct", SAMPLE, "--yes", "--json").json["corrected"] == 8
    assert on("correct", SAMPLE, "--yes", "--json").json["corrected"] == 0
    assert on("resume", SAMPLE).code == 0
    work(planned)
    got = titles(mailroom)
    assert collections.Counter(tuple(one) for one in got.values()) == {("old",): 4, ("new",): 8}


def test_a_worker_at_work_takes_up_the_new_text_for_the_batches_that_got_it(on, planned, edit, context, mailroom):
    desk = open_desk(context.engine, context.provider, planned, context.terms)
    edit()
    assert on("correct", SAMPLE, "--yes").code == 0
    while (ready := make_ready(desk)) is not None:
        outgoing = start(desk, ready)
        settle_answer(desk, outgoing, call(desk, outgoing))
    assert set(map(tuple, titles(mailroom).values())) == {("new",)}
    assert len(messages(mailroom)) == 12


def test_a_batch_in_a_workers_hands_keeps_the_text_it_was_claimed_with(on, planned, edit, context, mailroom):
    desk = open_desk(context.engine, context.provider, planned, context.terms)
    ready = make_ready(desk)
    edit()
    seen = on("correct", SAMPLE, "--yes", "--json").json
    assert (seen["corrected"], seen["in_hand"]) == (8, 4)
    outgoing = start(desk, ready)
    settle_answer(desk, outgoing, call(desk, outgoing))
    assert set(map(tuple, titles(mailroom).values())) == {("old",)}


def test_a_second_broadcast_reaches_exactly_those_who_have_the_old_text(on, planned, edit, context, work, mailroom):
    submit_one(context, planned)
    edit()
    assert on("correct", SAMPLE, "--yes").code == 0
    work(planned)
    made = on("correct", SAMPLE, "--again", "--yes", "--json").json["mailing"]
    plan_mailing(context.engine, made, context.prepare, datetime.now(UTC))
    work(made)
    got = titles(mailroom)
    assert collections.Counter(tuple(one) for one in got.values()) == {("old", "new"): 4, ("new",): 8}
    twice = on("correct", SAMPLE, "--again", "--yes")
    assert (twice.code, "was sent as a correction before" in twice.err) == (2, True)


def test_who_left_since_is_left_out_of_the_second_broadcast_with_the_reason(on, planned, edit, context, work, mailroom):
    from worker.store.subscribers import by_address_key
    from worker.usecases.unsubscribe import unsubscribe

    work(planned)
    gone = messages(mailroom)[0]["to"]
    with writing(context.engine) as connection:
        reader = by_address_key(connection, gone).id
    unsubscribe(context.engine, reader, datetime.now(UTC))
    edit()
    made = on("correct", SAMPLE, "--again", "--yes", "--json").json["mailing"]
    plan_mailing(context.engine, made, context.prepare, datetime.now(UTC))
    seen = on("status", made, "--json").json
    assert (seen["candidates"], seen["audience"], seen["excluded"]) == (12, 11, {"unsubscribed": 1})


def test_a_text_with_errors_corrects_nobody(on, planned, edit, context):
    edit("subject:", "subjekt:")
    ended = on("correct", SAMPLE, "--yes")
    assert ended.code == 1
    assert on("status", planned, "--json").json["pending"] == 12

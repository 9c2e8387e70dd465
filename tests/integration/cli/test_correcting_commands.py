"""A mistake found after planning: diff, correct, correct --again."""

import collections
from datetime import UTC, datetime

import pytest

from tests.support.mailroom import messages
from tests.support.sending import SAMPLE
from worker.mailroom import faults
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
    again = on("correct", SAMPLE, "--again", "--yes", "--json").json
    assert (again["mailing"], again["made"]) == (made, False), "it is on its way already"
    assert on("status", made, "--json").json["key"].endswith(":correction:1")
    work(made)
    got = titles(mailroom)
    assert collections.Counter(tuple(one) for one in got.values()) == {("old", "new"): 4, ("new",): 8}
    twice = on("correct", SAMPLE, "--again", "--yes", "--json")
    assert (twice.code, twice.json["mailing"], twice.json["audience"]) == (0, None, 0)
    assert len(on("status", "--json").json) == 2


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


EDIT_PAID = ("::: signoff", "::: paid\nOnly for those who pay: ostrich.\n:::\n\n::: signoff")


def test_what_only_paying_readers_may_read_is_a_correction_for_them_alone(on, planned, edit, context, work, mailroom):
    work(planned)
    edit(*EDIT_PAID)
    seen = on("diff", SAMPLE, "--json").json
    assert (list(seen["differences"]), seen["have"]) == (["paid"], 4)
    made = on("correct", SAMPLE, "--again", "--yes", "--json").json
    assert made["audience"] == 4
    work(made["mailing"])
    texts = collections.Counter("ostrich" in one["text"] + one["html"] for one in messages(mailroom))
    assert texts == {False: 12, True: 4}
    assert on("status", made["mailing"], "--json").json["editions"].keys() == {"paid"}


def test_a_correction_of_the_paid_part_never_reaches_a_free_reader(on, planned, edit, work, mailroom):
    edit(*EDIT_PAID)
    assert on("correct", SAMPLE, "--yes", "--json").json["corrected"] == 4
    work(planned)
    assert collections.Counter("ostrich" in one["text"] for one in messages(mailroom)) == {False: 8, True: 4}
    assert {"ostrich" in one["text"] for one in messages(mailroom) if "Only for those who pay" not in one["html"]} == {
        False
    }


def test_a_new_text_may_have_merge_tags_the_old_one_had_not(on, planned, edit, context, work, mailroom):
    submit_one(context, planned)
    edit("::: signoff", "You brought {referral_count} friends, {first_name|my friend}.\n\n::: signoff")
    assert on("correct", SAMPLE, "--yes").code == 0
    work(planned)
    said = collections.Counter("You brought 0 friends" in one["text"] for one in messages(mailroom))
    assert said == {False: 4, True: 8}
    assert not [one for one in messages(mailroom) if "-bs0" in one["text"] + one["html"]]


def test_a_change_that_shows_in_the_html_alone_is_said_to_be_one(on, readers, context, edit):
    edit("::: signoff", "### A smaller head\n\n::: signoff")
    on("send", SAMPLE, "--yes")
    plan_mailing(context.engine, 1, context.prepare, datetime.now(UTC))
    edit("### A smaller", "#### A smaller")
    ended = on("diff", SAMPLE)
    assert ended.code == 1
    assert "shows in the HTML alone" in ended.out


def test_blank_lines_and_what_stands_around_the_text_are_no_change(on, planned, edit):
    edit("\n\n", "\n\n\n")
    assert on("diff", SAMPLE).code == 0
    assert on("status", SAMPLE, "--json").json["text_changed"] is False


def test_a_text_that_cannot_be_read_any_more_has_changed(on, planned, edit):
    edit("::: signoff", "::: nonsense")
    assert on("status", SAMPLE, "--json").json["text_changed"] is True
    ended = on("diff", SAMPLE)
    assert (ended.code, "nonsense" in ended.err) == (1, True)


def test_no_second_broadcast_while_others_still_wait_for_the_old_text(on, planned, edit, context):
    submit_one(context, planned)
    edit()
    ended = on("correct", SAMPLE, "--again", "--yes")
    assert (ended.code, f"broadsheet correct {planned}` first" in ended.err) == (2, True)


def test_a_second_broadcast_needs_a_yes(on, planned, edit, work):
    work(planned)
    edit()
    assert on("correct", SAMPLE, "--again").code == 2
    assert len(on("status", "--json").json) == 1


def test_after_a_cancel_those_who_got_the_old_text_can_hear_of_the_new_one(on, planned, edit, context, work, mailroom):
    submit_one(context, planned)
    assert on("cancel", SAMPLE, "--yes", "--json").json["taken_back"] == 8
    edit()
    assert on("correct", SAMPLE, "--yes", "--json").json["corrected"] == 0
    made = on("correct", SAMPLE, "--again", "--yes", "--json").json
    work(made["mailing"])
    got = titles(mailroom)
    assert collections.Counter(tuple(one) for one in got.values()) == {("old", "new"): 4}


def test_a_correction_that_needs_correcting_is_corrected_itself_and_not_sent_again(on, planned, edit, work, context):
    work(planned)
    edit()
    made = on("correct", SAMPLE, "--again", "--yes", "--json").json["mailing"]
    plan_mailing(context.engine, made, context.prepare, datetime.now(UTC))
    ended = on("correct", made, "--again", "--yes")
    assert (ended.code, f"broadsheet correct {planned} --again" in ended.err) == (2, True)
    edit("The silent weeks count", "The still weeks count")
    assert on("correct", made, "--yes", "--json").json["corrected"] == 12


def test_uncertain_ones_are_named_and_left_out_of_the_second_broadcast(on, planned, edit, context, work, mailroom):
    mailroom.script_faults(faults.dropped("after_accepting").on(1))
    work(planned)
    edit()
    made = on("correct", SAMPLE, "--again", "--yes", "--json").json
    assert (made["uncertain"], made["audience"]) == (4, 8)

"""A broadcast from the sample issue to the inbox, through planning, the real provider and the mailroom."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tests.support.ledger import check_invariants, counts, make_mailing, plan, planned_mailing
from tests.support.mailroom import messages, messages_to
from tests.support.makers import make_subscriber, make_subscribers
from tests.support.sending import (
    BASE_URL,
    PROJECT,
    SAMPLE,
    broadcast_sample,
    mailing_for,
    mailing_row,
    open_context,
    paid_runs,
    runs,
    submit,
    words,
    words_of_html,
)
from worker import sources
from worker.domain.edition import Edition, MergeName, MergeTag, Place
from worker.domain.subscriber import Plan
from worker.errors import SourceError
from worker.render.links import Purpose
from worker.store.engine import writing
from worker.usecases.submit_batches import submit_batches
from worker.usecases.unsubscribe import unsubscribe

HOSTILE = '<b onmouseover="x">Zoë</b>&"\'-bs00h-'


_sent = {}


@pytest.fixture
def letters(request, database_url):
    """What two free readers and two paying ones get of the sample's broadcast; sent once per run and database."""
    kind = database_url.partition(":")[0]
    if kind not in _sent:
        _sent[kind] = broadcast_to_four(request.getfixturevalue("context"), request.getfixturevalue("mailroom"))
    return _sent[kind]


def broadcast_to_four(context, mailroom):
    with writing(context.engine) as connection:
        make_subscriber(connection, address="free@example.com", name="Noor Haddad")
        make_subscriber(connection, address="hostile@example.com", name=HOSTILE)
        make_subscriber(connection, address="nameless@example.com", name="", plan="paid")
        make_subscriber(connection, address="paid@example.com", name="Odell Carrow", plan="paid")
        make_subscriber(connection, address="left@example.com", status="unsubscribed")
        make_subscriber(connection, address="bounced@example.com", suppressed="bounced")
    mailing_id = broadcast_sample(context)
    submit(context, mailing_id)
    assert counts(context.engine, mailing_id).by_state["submitted"] == 4
    check_invariants(context.engine)
    found = messages(mailroom)
    assert len({one["to"] for one in found}) == len(found) == 4
    return {one["to"].partition("@")[0]: one for one in found}


def test_each_plan_gets_its_own_subject_and_preheader(letters):
    issue = sources.read_issue(PROJECT, SAMPLE)
    for name, own in {"free": Plan.FREE, "hostile": Plan.FREE, "paid": Plan.PAID, "nameless": Plan.PAID}.items():
        other = Plan.PAID if own is Plan.FREE else Plan.FREE
        assert letters[name]["subject"] == issue.subject[own]
        shown = words_of_html(letters[name]["html"])
        wanted = words(issue.preview[own])
        assert tuple(wanted) in runs(shown, len(wanted))
        assert tuple(words(issue.preview[other])) not in runs(shown, len(words(issue.preview[other])))
    assert letters["free"]["subject"] != letters["paid"]["subject"]


def test_no_run_of_paid_words_is_anywhere_in_a_free_message(letters):
    canaries = paid_runs()
    assert len(canaries) > 100
    for name in ("free", "hostile"):
        one = letters[name]
        for part in (words_of_html(one["html"]), words(one["text"]), words(one["subject"]), words(str(one["headers"]))):
            assert not runs(part) & canaries
        assert "WARMHOUSE" not in one["html"] + one["text"]
        assert "friday-page.pdf" not in one["html"] + one["text"]
    for part in (words_of_html(letters["paid"]["html"]), words(letters["paid"]["text"])):
        # Less than all: the cells of a table stand in columns in plain text, so that no run goes across a broken line.
        assert len(runs(part) & canaries) > len(canaries) * 0.75, "the canaries do sing where they belong"


def test_the_pitch_is_for_free_readers_alone(letters):
    upgrade = "https://longtake.example.com/upgrade"
    assert upgrade in letters["free"]["html"]
    assert upgrade in letters["free"]["text"]
    assert upgrade not in letters["paid"]["html"] + letters["paid"]["text"]


def test_no_merge_tag_is_left_in_any_message(letters):
    for one in letters.values():
        assert not re.search(r"-bs\w\w[htu]-", one["html"] + one["text"] + one["subject"] + str(one["headers"]))


def test_a_name_is_used_and_its_fallback_where_there_is_none(letters):
    assert "Good morning Noor" in letters["free"]["text"]
    assert "Good morning Noor" in letters["free"]["html"]
    assert "Good morning friend" in letters["nameless"]["text"]


def test_a_hostile_name_is_escaped_in_html_and_plain_in_text(letters):
    html, text = letters["hostile"]["html"], letters["hostile"]["text"]
    assert "<b onmouseover" not in html
    assert "&lt;b" in html
    assert "<b" in text
    assert "&lt;" not in text


def test_every_message_can_be_left_with_one_click(letters):
    for one in letters.values():
        headers = one["headers"]
        link = re.fullmatch(rf"<({re.escape(BASE_URL)}/u/\S+)>", headers["List-Unsubscribe"])[1]
        assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert headers["List-Id"].endswith("<longtake.letters.example.com>")
        assert link in one["text"]
        assert link in one["html"]
    assert len({one["headers"]["List-Unsubscribe"] for one in letters.values()}) == 4


def test_what_travels_with_a_message_names_nobody(letters):
    for one in letters.values():
        assert set(one["custom_args"]) == {"bs_delivery", "bs_submission"}
        assert one["custom_args"]["bs_delivery"].isdigit()
        said = str(one["custom_args"]) + str(one["headers"]) + str(one["categories"])
        assert "example.com" not in re.sub(r"letters\.example\.com", "", said)
        assert one["from"] == "ines@letters.example.com"
        assert one["reply_to"] == "ines@example.com"


def planned_for_all(context, editions):
    with writing(context.engine) as connection:
        mailing_id = make_mailing(connection)
    plan(context.engine, mailing_id, editions=editions)
    return mailing_id


def test_merge_values_over_the_limit_skip_their_reader_and_nobody_else(context, mailroom):
    tags = tuple(MergeTag(f"-bs{n:02x}h-", MergeName.FIRST_NAME, "you", Place.HTML) for n in range(200))
    html = "<p>" + "".join(tag.tag for tag in tags) + "</p>"
    wordy = {plan: Edition(plan, "Hello", "", html, "Hello", tags) for plan in Plan}
    with writing(context.engine) as connection:
        make_subscriber(connection, address="long@example.com", name="N" * 60)
        make_subscribers(connection, 3, name="Ada")
    mailing_id = planned_for_all(context, wordy)
    submit(context, mailing_id)
    found = counts(context.engine, mailing_id)
    assert found.skipped == {"unmergeable": 1}
    assert found.by_state["submitted"] == 3
    assert messages_to(mailroom, "long@example.com") == []
    assert len(messages(mailroom)) == 3


def test_a_batch_of_nothing_but_unmergeable_readers_makes_no_call(context, mailroom):
    tags = tuple(MergeTag(f"-bs{n:02x}h-", MergeName.FIRST_NAME, "you", Place.HTML) for n in range(200))
    wordy = {plan: Edition(plan, "Hello", "", "".join(t.tag for t in tags), "Hello", tags) for plan in Plan}
    with writing(context.engine) as connection:
        make_subscribers(connection, 2, name="N" * 60)
    mailing_id = planned_for_all(context, wordy)
    submit(context, mailing_id)
    assert counts(context.engine, mailing_id).skipped == {"unmergeable": 2}
    assert mailroom.tally.counts()["requests"] == 0


def test_somebody_who_leaves_after_planning_is_skipped_with_the_reason(context, mailroom):
    with writing(context.engine) as connection:
        staying = make_subscriber(connection, address="stays@example.com")
        leaving = make_subscriber(connection, address="leaves@example.com")
    mailing_id = planned_mailing(context.engine)
    unsubscribe(context.engine, leaving.id, datetime.now(UTC))
    submit(context, mailing_id)
    assert [one["to"] for one in messages(mailroom)] == [staying.address]
    assert counts(context.engine, mailing_id).skipped == {"unsubscribed": 1}


def test_workers_that_submit_one_mailing_at_once_double_nothing(make_context, start_mailroom):
    room = start_mailroom(latency_seconds=0.01)
    first = make_context(room.url)
    mailing_id = mailing_for(first, 120, batch_size=4)
    workers = [first, *(make_context(room.url) for _ in range(3))]
    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(lambda one: submit_batches(one.engine, one.provider, mailing_id, one.terms), workers))
    for one in workers:  # whatever a worker that was beaten to a batch left over
        submit(one, mailing_id)
    reached = [one["to"] for one in messages(room)]
    assert len(reached) == len(set(reached)) == 120
    assert counts(first.engine, mailing_id).by_state["submitted"] == 120
    assert room.tally.counts()["requests"] == 30
    check_invariants(first.engine)


def test_a_text_that_cannot_be_rendered_pauses_the_mailing_with_file_and_line(make_context, mailroom, tmp_path):
    for part in ("content", "emails"):
        shutil.copytree(PROJECT / part, tmp_path / "project" / part)
    (path,) = (tmp_path / "project" / "content" / "issues").glob(f"*{SAMPLE}.md")
    lines = path.read_text(encoding="utf-8").splitlines()
    at = lines.index("::: audio :::")
    lines[at] = "::: nonsense"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    context = make_context(mailroom.url, project=tmp_path / "project")
    with writing(context.engine) as connection:
        make_subscriber(connection)
    with pytest.raises(SourceError):
        broadcast_sample(context)
    seen = mailing_row(context.engine, 1)
    assert seen.status == "paused"
    assert f"{path.name}:{at + 1}" in seen.needs_attention
    assert "fix:" in seen.needs_attention
    assert seen.audience == 0
    submit(context, 1)
    assert messages(mailroom) == []


def test_links_in_mail_keep_working_after_another_process_opens_them(letters, context):
    link = letters["free"]["headers"]["List-Unsubscribe"].strip("<>")
    token = link.rpartition("/u/")[2]
    other = open_context(context.settings.database_url, "http://127.0.0.1:9", context.settings.state_dir)
    ids = other.signer.read(token, Purpose.UNSUBSCRIBE)
    assert (ids.subscriber_id > 0, ids.mailing_id) == (True, 1)

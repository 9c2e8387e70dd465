"""A folder of `content/sequences/` that gets another name: who is in its run stays in it, and nobody is mailed again."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests.integration.followups.conftest import DUE, OPENS, Sequences
from tests.support.followups import make_launch, make_step
from tests.support.ledger import planned_mailing
from tests.support.makers import make_subscriber, make_subscribers
from worker.domain.trigger import Trigger
from worker.store.engine import reading, writing
from worker.store.followups.due import Overtaken
from worker.store.tables import batches, mailings
from worker.usecases.apply_edits import apply_edits, find_changes
from worker.usecases.foresee_sequence import simulate
from worker.usecases.raise_alerts import raise_alerts

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def readers(engine):
    with writing(engine) as connection:
        return [one.id for one in make_subscribers(connection, 3)]


def renamed(sequences, old, new):
    sequences.steps[new] = [replace(step, sequence=new) for step in sequences.steps.pop(old)]


def test_a_renamed_folder_mails_nobody_again(engine, sequences, readers):
    sequences.launch(make_step(step_id="opening", when="at opens"), make_step())
    [mailed] = sequences.advance(OPENS)
    renamed(sequences, "launch", "groups-2026")
    sequences.launch(sequence="groups-2026")
    assert sequences.advance_until(OPENS + HOUR, OPENS + 2 * HOUR) == []
    [run] = sequences.runs()
    assert (run.sequence, run.needs_attention) == ("groups-2026", None)
    assert sequences.mailing(mailed).source == "step:groups-2026/opening"  # whatever is not rendered yet finds its text
    foreseen = simulate(engine, sequences.content, "groups-2026", DUE + DAY, OPENS + 2 * HOUR)
    assert [(one.seen.step_id, one.readers) for one in foreseen if one.seen.sent] == [("reminder", 3)]
    assert sequences.advance_until(DUE) == [(DUE, "reminder", readers)]


def test_a_launch_that_names_a_copy_of_its_folder_mails_nobody_again(sequences, readers):
    sequences.launch(make_step(step_id="opening", when="at opens"), make_step())
    sequences.advance(OPENS)
    sequences.launch(make_step("copy", "opening", "at opens"), make_step("copy"), sequence="copy")
    assert sequences.advance_until(OPENS + HOUR, DUE) == [(DUE, "reminder", readers)]
    assert [run.sequence for run in sequences.runs()] == ["copy"]


def test_a_launch_that_names_another_sequence_waits_until_that_is_agreed_to(engine, sequences, readers):
    sequences.launch(make_step(step_id="opening", when="at opens"), make_step())
    sequences.advance(OPENS)
    sequences.launch(make_step("other", "last-words", "2 days before closes, at 09:00"), sequence="other")
    assert sequences.advance_until(OPENS + HOUR, DUE) == []
    [run] = sequences.runs()
    assert (run.sequence, "broadsheet sequences apply other" in run.needs_attention) == ("launch", True)
    assert raise_alerts(engine, "author@example.com", DUE) == 1
    [change] = find_changes(engine, sequences.content, "other", DUE + HOUR)
    assert {(one.step_id, one.before == "", one.after == "") for one in change.steps} == {
        ("last-words", True, False),
        ("opening", False, True),
        ("reminder", False, True),
    }
    assert apply_edits(engine, change, DUE + HOUR)
    assert sequences.advance_until(DUE + DAY) == [(DUE + DAY, "last-words", readers)]
    assert [(run.sequence, run.needs_attention) for run in sequences.runs()] == [("other", None)]


def test_it_goes_on_where_the_launch_names_its_own_folder_again(sequences, readers):
    sequences.launch(make_step())
    sequences.advance(OPENS)
    sequences.launches["producer-groups"] = make_launch(sequence="mistyped")
    sequences.broken["mistyped"] = "content/sequences/mistyped: there is no such sequence"
    assert sequences.advance_until(OPENS + DAY) == []
    assert "there is no such sequence" in sequences.runs()[0].needs_attention
    sequences.launch()
    assert sequences.advance_until(DUE) == [(DUE, "reminder", readers)]


def test_what_follows_an_issue_goes_on_under_another_name(engine, sequences, readers):
    mailing_id = planned_mailing(engine, key="broadcast:should-you", send_at=OPENS)
    with writing(engine) as connection:
        chosen = update(mailings).where(mailings.c.id == mailing_id)
        connection.execute(chosen.values(source="issue:should-you"))
        connection.execute(update(batches).where(batches.c.mailing_id == mailing_id).values(status="submitted"))
    sequences.sequence(
        "more",
        make_step("more", "first", "1 hour after issue should-you"),
        make_step("more", "second", "1 day after issue should-you"),
    )
    assert [step for _at, step, _who in sequences.advance_until(OPENS, OPENS + HOUR)] == ["first"]
    renamed(sequences, "more", "more-of-it")
    after = sequences.advance_until(OPENS + 2 * HOUR, OPENS + DAY)
    assert after == [(OPENS + DAY, "second", readers)]
    sequences.sequence(
        "more", make_step("more", "third", "2 days after issue should-you")
    )  # the old name, another thing
    assert sequences.advance_until(OPENS + 2 * DAY) == [(OPENS + 2 * DAY, "third", readers)]
    assert {run.key for run in sequences.runs()} == {"issue:should-you:more-of-it", "issue:should-you:more"}


def test_what_answers_an_event_goes_on_under_another_name(engine, sequences):
    with writing(engine) as connection:
        reader = make_subscriber(connection)
    sequences.sequence("welcome", make_step("welcome", "hello", "at once after confirmed"))
    sequences.note(Trigger.CONFIRMED, reader, OPENS)
    assert len(sequences.advance(OPENS)) == 1
    renamed(sequences, "welcome", "come-in")
    sequences.note(Trigger.CONFIRMED, reader, OPENS + DAY)  # left, and came back
    assert sequences.advance_until(OPENS + DAY, OPENS + 2 * DAY) == []
    assert [(run.key, run.sequence) for run in sequences.runs()] == [("event:come-in", "come-in")]


def test_clocks_that_see_the_folder_before_and_after_at_once_mail_everybody_once(engine, sequences, readers):
    steps = make_step(step_id="opening", when="at opens"), make_step(step_id="twin", when="at once after opens")
    sequences.launch(*steps)
    sequences.sequence("welcome", make_step("welcome", "hello", "at once after confirmed"))
    after = Sequences(engine)
    after.launch(*(replace(step, sequence="renamed") for step in steps), sequence="renamed")
    after.sequence("come-in", make_step("come-in", "hello", "at once after confirmed"))
    with writing(engine) as connection:
        newcomer = make_subscriber(connection)
    sequences.note(Trigger.CONFIRMED, newcomer, OPENS)

    def advance(seen):
        with suppress(Overtaken):
            seen.advance(OPENS + HOUR)

    with ThreadPoolExecutor(4) as pool:
        for _round in range(6):
            list(pool.map(advance, [sequences, after] * 2))
    # While two clocks call a run by two names, its steps may wait for either; in the end all see the new one.
    for _round in range(2):
        after.advance(OPENS + HOUR)
    with reading(engine) as connection:
        made = connection.execute(select(mailings.c.id).where(mailings.c.kind == "step")).scalars().all()
    mailed = [(sequences.mailing(one).step_id, reader) for one in made for reader in sequences.readers(one)]
    everybody = {(step, one) for step in ("opening", "twin") for one in [*readers, newcomer.id]}
    assert sorted(mailed) == sorted(everybody | {("hello", newcomer.id)})

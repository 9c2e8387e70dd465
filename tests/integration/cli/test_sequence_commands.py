"""`broadsheet sequences`: what is shown, what is foreseen, and what is agreed to."""

import re
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.support.makers import make_subscriber
from worker.domain.trigger import Trigger
from worker.store.engine import reading, writing
from worker.store.followups.due import next_due
from worker.store.followups.runs import open_runs
from worker.store.launches import convert
from worker.store.ledger.mailings import list_mailings
from worker.store.tables import due_steps, sequence_runs, subscribers
from worker.store.triggers import note_trigger
from worker.usecases.advance_followups import advance_followups
from worker.usecases.raise_alerts import raise_alerts
from worker.usecases.read_content import read_content

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
OPENED = (NOW - 10 * DAY).date()
CLOSES = (NOW + 20 * DAY).date()
UNTIL = (NOW + 30 * DAY).date().isoformat()
SECOND = """---
id: second-thoughts
title: Second thoughts
subject: Second thoughts
preview: A word more
when: {when}
only_if: {{not: {{tag: has-seat}}}}
---

Hello {{first_name|there}}.
"""


def write_step(project, when="5 days before closes, at 09:00 their time", name="second"):
    path = project / "content" / "sequences" / "launch" / f"{name}.md"
    path.write_text(SECOND.format(when=when), encoding="utf-8")


@pytest.fixture
def launch(project):
    """The sample's launch, open since ten days and for twenty more, with a second step."""
    path = project / "content" / "launches" / "producer-groups.toml"
    text = path.read_text(encoding="utf-8")
    for key, day in (("opens", OPENED), ("closes", CLOSES)):
        text = re.sub(rf"(?m)^{key} = \d{{4}}-\d\d-\d\d", f"{key} = {day}", text)
    path.write_text(text, encoding="utf-8")
    sequences = project / "content" / "sequences"
    for folder in set(sequences.iterdir()) - {sequences / "launch", sequences / "referral"}:
        shutil.rmtree(folder)
    for step in (sequences / "launch").glob("*.md"):
        if "reminder" not in step.name:
            step.unlink()
    write_step(project)
    return path


@pytest.fixture
def people(context, readers):
    """Besides: one who has applied, one with a seat, and one in Tokyo."""
    with writing(context.engine) as connection:
        applied = make_subscriber(connection, address="applied@example.com")
        convert(connection, "producer-groups", applied.id, "applied", NOW)
        make_subscriber(connection, address="seated@example.com", tags=["has-seat"])
        make_subscriber(connection, address="tokyo@example.com", zone="Asia/Tokyo")


def advance(context, now):
    return advance_followups(context.engine, read_content(context.settings.project), now, 500)


def until_nothing_is_due(context, now):
    """Let the clock tick at every moment at which a step is due, for thirty days."""
    while now is not None and now < NOW + 30 * DAY:
        advance(context, now)
        with reading(context.engine) as connection:
            now = next_due(connection)


def test_an_empty_project_has_sequences_that_nobody_is_in(on, launch):
    listed = on("sequences", "list", "--json").json
    assert [(one["sequence"], one["counts_from"], one["runs"]) for one in listed] == [
        ("launch", "launch", []),
        ("referral", "verified", []),
    ]
    assert "It has not begun for anybody." in on("sequences", "show", "referral").out
    assert on("sequences", "list").code == 0


def test_what_is_foreseen_is_what_the_clock_then_does(on, context, launch, people):
    foreseen = Counter()
    for one in on("sequences", "simulate", "launch", "--until", UNTIL, "--json").json:
        what = "mailed" if one["mailed"] else one["why"]
        foreseen[one["step"], what] += one["readers"]
    assert sum(foreseen.values()) > 20
    until_nothing_is_due(context, NOW)
    with reading(context.engine) as connection:
        rows = connection.execute(select(due_steps.c.step_id, due_steps.c.state, due_steps.c.reason)).all()
    done = Counter((row.step_id, "mailed" if row.state == "planned" else row.reason) for row in rows)
    assert foreseen == done
    assert done["second-thoughts", "only_if"] == 1


WELCOME = """---
id: {step}
title: Hello
subject: Hello
preview: A word
when: {when}
---

Hello.
"""


def test_what_other_sequences_send_meanwhile_is_foreseen_too(on, context, launch, people):
    """Everybody is in a welcome whose mails stand close to the launch's, before and after them."""
    folder = context.settings.project / "content" / "sequences" / "welcome"
    folder.mkdir()
    for number, hours in enumerate((14 * 24, 17 * 24 - 5, 17 * 24 + 12, 19 * 24)):
        text = WELCOME.format(step=f"hello-{number}", when=f"{hours} hours after confirmed")
        (folder / f"{number}.md").write_text(text, encoding="utf-8")
    with writing(context.engine) as connection:
        for one in connection.execute(select(subscribers.c.id)).scalars().all():
            note_trigger(connection, Trigger.CONFIRMED, one, NOW)
    advance(context, NOW)
    expected, put_off = Counter(), set()
    for name in ("launch", "welcome"):
        for one in on("sequences", "simulate", name, "--until", UNTIL, "--json").json:
            expected[name, one["step"], datetime.fromisoformat(one["at"]), one["why"] or ""] += one["readers"]
            put_off |= {(name, one["put_off"]), (name, one["why"])}
    assert {("launch", "near_followup"), ("welcome", "near_followup")} <= put_off
    until_nothing_is_due(context, NOW)
    done = Counter()
    with reading(context.engine) as connection:
        query = select(sequence_runs.c.sequence, due_steps).join(
            sequence_runs, sequence_runs.c.id == due_steps.c.run_id
        )
        for row in connection.execute(query):
            done[row.sequence, row.step_id, row.decided_at, row.reason] += 1
    assert done == expected


def test_nothing_is_written_by_looking_ahead(on, context, launch, people):
    on("sequences", "simulate", "launch", "--until", UNTIL)
    on("sequences", "preview", "launch", "--as", "tokyo@example.com")
    with reading(context.engine) as connection:
        assert open_runs(connection) == []
        assert list_mailings(connection) == []


def test_one_readers_timetable_says_when_and_why_not(on, launch, people):
    tokyo = on("sequences", "preview", "launch", "--as", "tokyo@example.com", "--json").json
    assert [(one["step"], one["mailed"]) for one in tokyo] == [("second-thoughts", True), ("reminder", True)]
    assert datetime.fromisoformat(tokyo[0]["at"]).hour == 0  # nine in Tokyo
    [applied] = on("sequences", "preview", "launch", "--as", "applied@example.com", "--json").json
    assert (applied["mailed"], applied["why"], applied["leaves"]) == (False, "converted", True)
    anybody = on("sequences", "preview", "launch")
    assert "Second thoughts" in anybody.out


def test_a_sequence_shows_who_is_in_it_and_what_became_of_each_step(on, context, launch, people):
    advance(context, NOW)
    shown = on("sequences", "show", "launch", "--json").json
    [run] = shown["runs"]
    assert run["run"] == "launch:producer-groups"
    assert run["enrolled"] == {"active": 16, "finished": 0, "stopped": 0}
    assert run["steps"]["second-thoughts"]["due"] == 16
    text = on("sequences", "show", "launch").out
    assert "5 days before closes, at 09:00 their time" in text
    assert 'not tag "has-seat"' in text


def test_what_was_mailed_is_what_the_ledger_says_and_not_what_was_meant_to_go(on, context, launch, people, work):
    now = NOW
    while not (made := advance(context, now)):
        with reading(context.engine) as connection:
            now = next_due(connection)

    def seen():
        [run] = on("sequences", "show", "launch", "--json").json["runs"]
        step = run["steps"]["second-thoughts"]
        return {key: step[key] for key in ("due", "on_its_way", "mailed", "uncertain", "skipped")}

    began = seen()
    assert began["on_its_way"] > 0
    assert began["mailed"] == 0
    with reading(context.engine) as connection:
        keys = {one.id: one.key for one in list_mailings(connection)}
        [first] = connection.execute(
            select(due_steps.c.subscriber_id).where(due_steps.c.mailing_id == made[0]).limit(1)
        )
    with writing(context.engine) as connection:  # between planning and the call
        convert(connection, "producer-groups", first.subscriber_id, "applied", NOW)
    work(made[0])
    done = seen()
    gone = began["on_its_way"] - done["on_its_way"]
    assert done["mailed"] + done["skipped"]["converted"] == gone + began["skipped"].get("converted", 0)
    assert done["mailed"] > 0
    for mailing_id in made[1:]:
        assert on("cancel", keys[mailing_id], "--yes").code == 0
    ended = seen()
    assert (ended["on_its_way"], ended["mailed"]) == (0, done["mailed"])
    assert ended["skipped"].get("cancelled", 0) == done["on_its_way"]
    assert "converted" in on("sequences", "show", "launch").out


def test_an_edit_is_shown_for_whom_it_changes_and_holds_once_agreed_to(on, context, launch, people):
    advance(context, NOW)
    write_step(context.settings.project, "6 days before closes, at 10:00")
    advance(context, NOW)
    assert "would go at another hour" in on("sequences", "list").out
    assert raise_alerts(context.engine, "author@example.com", NOW) == 1
    assert raise_alerts(context.engine, "author@example.com", NOW) == 0
    seen = on("sequences", "apply", "launch", "--json").json
    [change] = seen["runs"][0]["steps"]
    assert (seen["applied"], change["readers"], change["passed"]) == (False, 16, 0)
    assert (change["before"], change["after"]) == (
        "5 days before closes, at 09:00 their time",
        "6 days before closes, at 10:00",
    )
    asked = on("sequences", "apply", "launch")
    assert (asked.code, "add --yes" in asked.err) == (2, True)
    assert on("sequences", "apply", "launch", "--yes").code == 0
    advance(context, NOW)
    [run] = on("sequences", "show", "launch", "--json").json["runs"]
    assert (run["needs_attention"], run["edits"]) == (None, {"moved": [], "added": [], "removed": []})
    assert run["steps"]["second-thoughts"]["next_at"] == change["new_at"]
    assert "Nothing was edited" in on("sequences", "apply", "launch").out


def test_the_alert_about_an_edit_can_be_sent(context, launch, people):
    advance(context, NOW)
    write_step(context.settings.project, "6 days before closes, at 10:00")
    advance(context, NOW)
    raise_alerts(context.engine, "author@example.com", NOW)
    with reading(context.engine) as connection:
        [alert] = list_mailings(connection)
    editions, _rule = context.prepare(alert)
    assert all("broadsheet sequences apply launch" in one.text for one in editions.values())


def test_a_mistake_is_told_with_its_place_and_a_wrong_name_with_the_right_ones(on, launch, project):
    write_step(project, "soon", name="third")
    listed = on("sequences", "list")
    assert listed.code == 0
    assert "content/sequences/launch/third.md:" in listed.out
    broken = on("sequences", "simulate", "launch", "--until", UNTIL)
    assert (broken.code, "third.md" in broken.err) == (2, True)
    unknown = on("sequences", "show", "nope")
    assert (unknown.code, "the sequences are: launch, referral" in unknown.err) == (2, True)
    assert on("sequences", "simulate", "referral", "--until", "soon").code == 2
    assert on("sequences", "preview", "referral", "--as", "nobody@example.com").code != 0


@pytest.mark.parametrize("words", [["preview", "nope"], ["simulate", "nope", "--until", UNTIL], ["show", "nope"]])
def test_a_sequence_that_is_not_there_is_wrong_use_and_those_there_are_are_named(on, launch, words):
    ended = on("sequences", *words)
    assert ended.code == 2
    assert "referral" in ended.err


def test_a_folder_with_a_name_that_cannot_be_is_told_so(on, project, launch):
    folder = project / "content" / "sequences" / "my launch"
    folder.mkdir()
    (folder / "01.md").write_text("---\nid: x\n---\n", encoding="utf-8")
    (project / "content" / "sequences" / "launch" / "notes.md").mkdir()  # no step
    broken = {one["sequence"]: one["broken"] for one in on("sequences", "list", "--json").json}
    assert "cannot be called 'my launch'" in broken.pop("my launch")
    assert set(broken.values()) == {None}
    launch.write_text(launch.read_text(encoding="utf-8").replace('"launch"', '"my launch"'), encoding="utf-8")
    assert "cannot be called 'my launch'" in on("check").err

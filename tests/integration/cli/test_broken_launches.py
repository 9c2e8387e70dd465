"""A file of `content/launches/` that cannot be read, or that names what is not there: what stops, what does not, who is told."""

import re
import shutil
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests.integration.cli.test_sequence_commands import DAY, NOW, UNTIL, advance, launch, people  # noqa: F401  (fixtures)
from worker.clock import find_due
from worker.domain.subscriber import Plan
from worker.domain.trigger import Trigger
from worker.store.engine import reading, writing
from worker.store.followups.runs import open_runs
from worker.store.ledger.mailings import list_mailings, pause_mailing
from worker.store.subscribers import by_address_key
from worker.store.tables import due_steps
from worker.store.triggers import note_trigger
from worker.usecases.raise_alerts import raise_alerts

HOUR = timedelta(hours=1)


def first_due(connection):
    """When the first step of the launch is due."""
    query = select(func.min(due_steps.c.due_at)).where(due_steps.c.step_id == "second-thoughts")
    return connection.execute(query).scalar_one()


WELCOME = """---
id: hello
title: Hello
subject: Hello
preview: A word
when: at once after confirmed
---

Hello.
"""


def edit(file, **values):
    text = file.read_text(encoding="utf-8")
    for key, value in values.items():
        text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
    file.write_text(text, encoding="utf-8")


@pytest.fixture
def welcome(project, context, people):  # noqa: F811
    """A sequence that answers, and somebody whom it answers."""
    folder = project / "content" / "sequences" / "welcome"
    folder.mkdir(exist_ok=True)
    (folder / "hello.md").write_text(WELCOME, encoding="utf-8")
    with writing(context.engine) as connection:
        reader = by_address_key(connection, "tokyo@example.com")
        note_trigger(connection, Trigger.CONFIRMED, reader.id, NOW)


NEVER = [{"closes": "9999-12-31T18:00"}, {"opens": "0001-01-01T00:00", "zone": '"Asia/Tokyo"'}]


@pytest.mark.parametrize("values", NEVER)
def test_a_day_out_of_all_reach_stops_nothing_but_its_launch(on, context, launch, welcome, values):  # noqa: F811
    edit(launch, **values)
    find_due(context, NOW)
    listed = on("launches", "list")
    assert listed.code == 1
    assert f"content/launches/{launch.name}:" in listed.err
    assert "is in the year" in listed.err
    [begun] = on("sequences", "show", "welcome", "--json").json["runs"]
    assert begun["enrolled"]["active"] == 1
    assert on("sequences", "show", "launch", "--json").json["runs"] == []


COMMANDS = [
    ("launches", "list"),
    ("launches", "show", "producer-groups"),
    ("check",),
    ("sequences", "list"),
    ("sequences", "simulate", "launch", "--until", UNTIL),
    ("sequences", "preview", "launch"),
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("values", NEVER)
def test_no_command_breaks_at_a_day_out_of_all_reach(on, launch, command, values):  # noqa: F811
    edit(launch, **values)
    ended = on(*command)
    assert ended.code in (0, 1, 2)
    assert "OverflowError" not in ended.out + ended.err


def test_a_running_launch_whose_file_breaks_waits_and_its_author_is_told(on, context, launch, welcome):  # noqa: F811
    advance(context, NOW)
    written = launch.read_text(encoding="utf-8")
    launch.write_text(written.replace("id =", "id"), encoding="utf-8")
    with reading(context.engine) as connection:
        later = first_due(connection)
    assert advance(context, later) == []
    with reading(context.engine) as connection:
        [told] = [run.needs_attention for run in open_runs(connection) if run.sequence == "launch"]
    assert "content/launches/producer-groups.toml:" in told
    assert raise_alerts(context.engine, "author@example.com", later, context.content.unreadable) == 1
    assert "producer-groups.toml" in on("check").out
    assert "producer-groups.toml" in on("sequences", "list", "--json").json[0]["runs"][0]["needs_attention"]
    assert on("sequences", "show", "launch", "--json").json["runs"][0]["steps"]["second-thoughts"]["due"] == 16
    launch.write_text(written, encoding="utf-8")
    assert advance(context, later + HOUR) != []
    assert on("sequences", "show", "launch", "--json").json["runs"][0]["needs_attention"] is None


def test_a_launch_whose_file_breaks_before_it_has_begun_is_told_once(context, launch, people):  # noqa: F811
    launch.write_text(launch.read_text(encoding="utf-8").replace("id =", "id"), encoding="utf-8")
    unreadable = context.content.unreadable
    assert [raise_alerts(context.engine, "author@example.com", NOW, unreadable) for _ in range(2)] == [1, 0]
    with reading(context.engine) as connection:
        [alert] = list_mailings(connection)
    editions, _rule = context.prepare(alert)
    assert "content/launches/producer-groups.toml:" in editions[Plan.FREE].text
    with writing(context.engine) as connection:
        pause_mailing(connection, alert.id, "the account is refused")
    assert raise_alerts(context.engine, "author@example.com", NOW, unreadable) == 0


def test_two_launches_with_one_id_wait_both_for_nobody_knows_which_is_meant(on, context, launch, people):  # noqa: F811
    advance(context, NOW)
    launch.with_name("a-copy.toml").write_text(launch.read_text(encoding="utf-8"), encoding="utf-8")
    advance(context, NOW)
    with reading(context.engine) as connection:
        [run] = open_runs(connection)
    assert "is also in content/launches/a-copy.toml" in run.needs_attention


def test_an_audience_that_is_none_is_told_to_the_author(on, context, launch, people):  # noqa: F811
    edit(launch, audience='"payed"')
    line = 1 + [row.startswith("audience") for row in launch.read_text(encoding="utf-8").split("\n")].index(True)
    [found] = [one for one in on("check", "--json").json if one["rule"] == "launch"]
    assert (found["file"], found["line"]) == ("content/launches/producer-groups.toml", line)
    assert "paid" in found["fix"]
    advance(context, NOW)
    assert "payed" in on("sequences", "list", "--json").json[0]["runs"][0]["needs_attention"]
    assert raise_alerts(context.engine, "author@example.com", NOW) == 1
    edit(launch, audience='"paid"')
    advance(context, NOW)
    [run] = on("sequences", "show", "launch", "--json").json["runs"]
    assert run["needs_attention"] is None or "payed" not in run["needs_attention"]
    advance(context, NOW)
    [run] = on("sequences", "show", "launch", "--json").json["runs"]
    assert (run["needs_attention"], run["enrolled"]["active"]) == (None, 4)


def test_a_launch_whose_folder_has_another_name_is_told_and_one_without_mails_is_not(on, project, launch):  # noqa: F811
    edit(launch, sequence='"producer-groups"')
    [lost] = [one for one in on("sequences", "list", "--json").json if one["sequence"] == "producer-groups"]
    assert "no launch names launch" in lost["broken"]
    shutil.rmtree(project / "content" / "sequences" / "launch")
    assert [one["sequence"] for one in on("sequences", "list", "--json").json] == ["referral"]


def test_a_copied_folder_that_would_mail_everybody_twice_waits_with_the_one_it_was_copied_from(on, project, welcome):
    sequences = project / "content" / "sequences"
    shutil.copytree(sequences / "welcome", sequences / "welcome-2")
    listed = {one["sequence"]: one["broken"] for one in on("sequences", "list", "--json").json}
    assert "'hello' is also in content/sequences/welcome-2/hello.md" in listed["welcome"]
    assert "'hello' is also in content/sequences/welcome/hello.md" in listed["welcome-2"]
    shutil.rmtree(sequences / "welcome")
    assert not any(one["broken"] for one in on("sequences", "list", "--json").json)

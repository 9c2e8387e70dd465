"""`send --local`: at that hour where each reader lives."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from tests.support.sending import SAMPLE
from worker.clock import find_due
from worker.store.engine import writing
from worker.store.tables import mailings, subscribers
from worker.usecases.plan_mailing import plan_mailing


def test_send_local_shows_the_hours_and_plans_with_the_first_of_them(on, readers, context):
    with writing(context.engine) as connection:
        connection.execute(update(subscribers).where(subscribers.c.id <= 3).values(zone="Asia/Tokyo"))
    day = datetime.now(UTC) + timedelta(days=3)
    ended = on("send", SAMPLE, "--yes", "--local", "--at", f"{day:%Y-%m-%d} 07:00")
    assert ended.code == 0
    assert "at, in America/Denver" in ended.out
    seen = on("status", SAMPLE, "--json").json
    assert (seen["local_hour"], seen["stage_at"]) == (True, None)
    assert datetime.fromisoformat(seen["send_at"]).strftime("%H:%M") == "22:00", "07:00 in Tokyo is 22:00 UTC"
    plan_mailing(context.engine, 1, context.prepare, datetime.now(UTC))
    assert on("status", SAMPLE, "--json").json["audience"] == 12
    assert "where they live" in on("status", SAMPLE).out


def test_local_needs_an_hour(on, readers):
    ended = on("send", SAMPLE, "--yes", "--local")
    assert (ended.code, "--local needs an hour" in ended.err) == (2, True)


def say_so_in_the_issue(project, line):
    (issue,) = (project / "content" / "issues").glob(f"*{SAMPLE}.md")
    issue.write_text(issue.read_text(encoding="utf-8").replace("\ntitle:", f"\n{line}\ntitle:", 1), encoding="utf-8")


def test_an_issue_may_say_it_and_the_command_may_say_otherwise(on, readers, project):
    say_so_in_the_issue(project, "local_hour: true")
    ended = on("send", SAMPLE, "--yes")
    assert (ended.code, "says local_hour, which needs an hour" in ended.err) == (2, True)
    day = datetime.now(UTC) + timedelta(days=3)
    ended = on("send", SAMPLE, "--yes", "--at", f"{day:%Y-%m-%d} 07:00", "--no-local", "--json")
    assert (ended.json["local_hour"], ended.json["hours"]) == (False, {})


def test_status_shows_how_many_wait_for_which_hour(on, readers, context, project):
    say_so_in_the_issue(project, "local_hour: true")
    with writing(context.engine) as connection:
        connection.execute(update(subscribers).where(subscribers.c.id <= 3).values(zone="Asia/Tokyo"))
    day = datetime.now(UTC) + timedelta(days=3)
    sent = on("send", SAMPLE, "--yes", "--at", f"{day:%Y-%m-%d} 07:00", "--json").json
    assert sorted(sent["hours"].values()) == [3, 9]
    plan_mailing(context.engine, 1, context.prepare, datetime.now(UTC))
    assert on("status", SAMPLE, "--json").json["hours"] == sent["hours"]
    assert "still to come" in on("status", SAMPLE).out


def test_a_local_hour_that_clocks_skip_is_said_for_its_zone(on, readers, context):
    with writing(context.engine) as connection:
        connection.execute(update(subscribers).where(subscribers.c.id == 1).values(zone="Europe/Amsterdam"))
    year = datetime.now(UTC).year + 1
    spring = max(day for day in range(25, 32) if datetime(year, 3, day, tzinfo=UTC).weekday() == 6)
    ended = on("send", SAMPLE, "--yes", "--local", "--at", f"{year}-03-{spring} 02:30")
    said = "02:30 does not exist that day in Europe/Amsterdam; it goes at 03:30"
    assert said in " ".join(ended.err.split())


def test_what_missed_its_hour_says_what_to_type_and_both_work(on, readers, context):
    assert on("send", SAMPLE, "--yes").code == 0
    with writing(context.engine) as connection:
        connection.execute(update(mailings).values(send_at=datetime(2020, 1, 6, 7, tzinfo=UTC)))
    find_due(context)
    ended = on("status", SAMPLE)
    text = " ".join(ended.out.split())
    assert ended.code == 1
    assert "broadsheet resume 1" in text
    assert "broadsheet cancel 1" in text
    assert on("resume", "1").code == 0
    find_due(context)
    assert on("status", SAMPLE, "--json").json["status"] == "scheduled"
    assert on("cancel", "1", "--yes").code == 0
    assert on("status", SAMPLE, "--json").json["status"] == "cancelled"

"""The operator's commands: status, deliveries, pause, resume, cancel."""

import csv
import io
import json
from datetime import UTC, datetime
from itertools import islice

import pytest
from rich.console import Console

from tests.support.mailroom import messages
from tests.support.makers import make_subscriber
from tests.support.sending import SAMPLE
from worker.cli import following
from worker.cli.following import follow
from worker.domain.delivery import DeliveryState
from worker.mailroom import faults
from worker.store.engine import writing
from worker.usecases.plan_mailing import plan_mailing


@pytest.fixture
def planned(on, readers, context):
    """The sample, planned for twelve readers, nothing submitted yet."""
    assert on("send", SAMPLE, "--yes").code == 0
    plan_mailing(context.engine, 1, context.prepare, datetime.now(UTC))
    return 1


def test_status_of_an_empty_project_says_what_to_do(on):
    ended = on("status")
    assert (ended.code, "broadsheet send" in ended.out) == (0, True)
    assert on("status", "--json").json == []
    watching = on("status", "--watch")
    assert (watching.code, "which mailing" in watching.err) == (2, True)


def test_status_finds_a_mailing_by_any_of_its_names(on, planned):
    found = [
        on("status", words, "--json").json["id"]
        for words in ("1", SAMPLE, "20261123-quiet-weeks", "broadcast:20261123-quiet-weeks")
    ]
    assert found == [1, 1, 1, 1]


def test_the_states_add_up_to_the_audience_in_whole_and_per_edition(on, planned, work):
    for _ in range(2):
        seen = on("status", SAMPLE, "--json").json
        for part in (seen, *seen["editions"].values()):
            assert sum(part[state.value] for state in DeliveryState) == part["audience"]
        assert seen["audience"] + sum(seen["excluded"].values()) == seen["candidates"] == 15
        work(planned)
    assert seen["submitted"] == 12


def test_status_shows_a_row_for_each_edition_and_who_was_left_out(on, planned, work):
    work(planned)
    lines = [line.split() for line in on("status", SAMPLE).out.splitlines()]
    assert ["free", "8", "8", "0", "0"] in lines
    assert ["paid", "4", "4", "0", "0"] in lines
    assert ["all", "12", "12", "0", "0"] in lines
    assert "left out when it was planned: bounced 1, unconfirmed 1, unsubscribed 1" in on("status", SAMPLE).out


def test_status_says_why_somebody_was_skipped(on, planned, work, context):
    from worker.store.subscribers import each_subscriber
    from worker.usecases.unsubscribe import unsubscribe

    with writing(context.engine) as connection:
        first = next(iter(each_subscriber(connection)))
    unsubscribe(context.engine, first.id, datetime.now(UTC))
    work(planned)
    assert "1 (unsubscribed 1)" in on("status", SAMPLE).out
    (row,) = [json.loads(line) for line in on("deliveries", SAMPLE, "--state", "skipped", "--json").out.splitlines()]
    assert (row["address"], row["reason"]) == (first.address, "unsubscribed")


def test_what_needs_attention_is_said_and_ends_with_one(on, planned, work, mailroom):
    mailroom.script_faults(faults.status(403, message="access forbidden"))
    work(planned)
    ended = on("status", SAMPLE)
    assert (ended.code, "needs attention: refused (403)" in ended.out) == (1, True)
    assert "1 needs attention: refused (403)" in on("status").out
    assert on("resume", SAMPLE).code == 0
    work(planned)
    assert on("status", SAMPLE).code == 0


def test_uncertain_deliveries_are_listed_by_name(on, planned, work, mailroom):
    mailroom.script_faults(faults.status(500))
    work(planned)
    ended = on("status", SAMPLE)
    assert ended.code == 1
    assert "5 uncertain: handed over perhaps" in ended.out
    listed = on("deliveries", SAMPLE, "--state", "uncertain").out.splitlines()
    assert len(listed) == 6
    assert not {line.split()[0] for line in listed[1:]} & {one["to"] for one in messages(mailroom)}


def test_watching_ends_when_nothing_is_left_and_prints_the_table(on, planned, work):
    work(planned)
    ended = on("status", SAMPLE, "--watch")
    assert ended.code == 0
    assert "12 of 12" in ended.out
    assert "\x1b" not in ended.out
    assert "left out when it was planned" in ended.out


def test_every_candidate_has_one_row(on, planned, work):
    work(planned)
    rows = [json.loads(line) for line in on("deliveries", SAMPLE, "--json").out.splitlines()]
    assert len({row["address"] for row in rows}) == len(rows) == 15
    reasons = {row["address"]: row["reason"] for row in rows if row["state"] == "excluded"}
    assert reasons == {
        "left@example.com": "unsubscribed",
        "pending@example.com": "unconfirmed",
        "bounced@example.com": "bounced",
    }
    assert [row["state"] for row in rows].count("submitted") == 12
    assert len(on("deliveries", SAMPLE).out.splitlines()) == 16


def test_a_csv_of_deliveries_runs_no_formula(on, context, work):
    with writing(context.engine) as connection:
        make_subscriber(connection, address="=cmd|calc@example.com", name="Formula")
        make_subscriber(connection, address="+plus@example.com")
        make_subscriber(connection, address="plain@example.com")
    assert on("send", SAMPLE, "--yes").code == 0
    work(1)
    rows = list(csv.DictReader(io.StringIO(on("deliveries", SAMPLE, "--csv").out)))
    assert [row["address"] for row in rows] == ["'=cmd|calc@example.com", "'+plus@example.com", "plain@example.com"]
    assert all(not value.startswith(("=", "+", "-", "@")) for row in rows for value in row.values())


def test_a_state_that_is_none_is_refused_with_those_there_are(on, planned):
    ended = on("deliveries", SAMPLE, "--state", "sent")
    assert ended.code == 2
    assert all(state.value in ended.err for state in DeliveryState)


def test_a_paused_mailing_submits_nothing_until_it_is_resumed(on, planned, work, mailroom):
    assert on("pause", SAMPLE).code == 0
    assert "was paused already" in on("pause", SAMPLE).out
    work(planned)
    assert messages(mailroom) == []
    assert on("resume", SAMPLE, "--json").json["status"] == "sending"
    assert "was not paused" in on("resume", SAMPLE).out
    work(planned)
    assert len(messages(mailroom)) == 12


def test_a_mailing_paused_before_its_hour_goes_back_to_waiting(on, readers):
    on("send", SAMPLE, "--yes", "--at", "2099-07-06 07:00")
    assert on("pause", SAMPLE, "--json").json["status"] == "paused"
    assert on("resume", SAMPLE, "--json").json["status"] == "scheduled"


def test_what_is_finished_can_be_neither_paused_nor_resumed_nor_cancelled(on, planned, work, context):
    from worker.store.ledger.sweep import sweep

    work(planned)
    with writing(context.engine) as connection:
        sweep(connection, datetime.now(UTC))
    for words in (("pause", SAMPLE), ("resume", SAMPLE), ("cancel", SAMPLE, "--yes")):
        ended = on(*words)
        assert (ended.code, "is finished" in ended.err) == (2, True)


def test_cancelling_says_exactly_what_it_could_still_take_back(on, planned, work, mailroom):
    mailroom.script_faults(faults.status(401).on(2))
    work(planned)  # the first batch of five goes, the second pauses the mailing
    ended = on("cancel", SAMPLE, "--yes")
    assert ended.code == 0
    assert "7 messages were taken back, 5 had been handed over" in ended.out
    seen = on("status", SAMPLE, "--json").json
    assert (seen["status"], seen["cancelled"], seen["submitted"]) == ("cancelled", 7, 5)
    work(planned)
    assert len(messages(mailroom)) == 5
    again = on("cancel", SAMPLE)
    assert (again.code, "was cancelled already" in again.out) == (0, True)


def test_a_mailing_resumed_before_its_hour_waits_for_it_whatever_job_is_enqueued(on, readers, context, work, mailroom):
    on("send", SAMPLE, "--yes", "--no-stage", "--at", "2099-07-06 07:00")
    on("pause", SAMPLE)
    on("resume", SAMPLE)
    plan_mailing(context.engine, 1, context.prepare, datetime.now(UTC), context.publication.late.grace)
    assert on("status", SAMPLE, "--json").json["status"] == "scheduled"


def test_cancel_prints_what_it_took_back_as_numbers(on, planned, work, mailroom):
    mailroom.script_faults(faults.status(401).on(2))
    work(planned)
    seen = on("cancel", SAMPLE, "--yes", "--json").json
    assert [seen[name] for name in ("done", "taken_back", "handed_over", "in_call", "uncertain")] == [True, 7, 5, 0, 0]
    again = on("cancel", SAMPLE, "--json").json
    assert (again["done"], again["taken_back"]) == (False, 7)


def test_everything_is_paused_and_resumed_at_once(on, planned, work, mailroom):
    assert [one["status"] for one in on("pause", "--all", "--json").json] == ["paused"]
    assert on("pause", "--all").code == 0
    work(planned)
    assert messages(mailroom) == []
    assert [one["done"] for one in on("resume", "--all", "--json").json] == [True]
    work(planned)
    assert len(messages(mailroom)) == 12


def test_what_was_paused_for_a_reason_is_named_and_left_by_resume_all(on, planned, work, mailroom):
    mailroom.script_faults(faults.status(401).on(1))
    work(planned)
    assert "stays paused" in on("resume", "--all").out
    assert on("status", SAMPLE, "--json").json["status"] == "paused"


@pytest.mark.parametrize("words", [("pause",), ("resume",), ("pause", SAMPLE, "--all"), ("resume", SAMPLE, "--all")])
def test_either_one_mailing_is_named_or_all(on, words):
    ended = on(*words)
    assert (ended.code, "--all" in ended.err) == (2, True)


def test_cancelling_before_the_hour_reaches_nobody(on, readers, work, mailroom):
    on("send", SAMPLE, "--yes", "--at", "2099-07-06 07:00")
    assert on("cancel", SAMPLE).code == 2, "nobody is there to ask"
    ended = on("cancel", SAMPLE, "--yes")
    assert "is cancelled: nobody gets it" in ended.out
    work(1)
    assert messages(mailroom) == []


def test_every_data_command_prints_json(on, planned):
    for words in (
        ("status",),
        ("status", SAMPLE),
        ("check",),
        ("pause", SAMPLE),
        ("resume", SAMPLE),
        ("cancel", SAMPLE, "--yes"),
    ):
        ended = on(*words, "--json")
        assert ended.code == 0
        assert ended.json is not None


def test_the_bar_is_drawn_before_anybody_knows_how_many_there_are(on, readers, context):
    on("send", SAMPLE, "--yes", "--at", "2099-07-06 07:00")
    on("pause", SAMPLE)
    screen = Console(file=io.StringIO(), force_terminal=True, width=80)
    follow(context.engine, 1, screen)
    assert "paused" in screen.file.getvalue()


def test_watching_asks_for_the_workers_when_nothing_moves(planned, context, monkeypatch):
    monkeypatch.setattr(following, "STILL_SECONDS", 0.0)
    first, second = islice(following.moments(context.engine, planned), 2)
    assert (first.still, second.still) == (False, True)
    assert (second.words, second.reached, second.audience) == ("sending", 0, 12)


def test_what_waits_for_its_hour_is_not_said_to_stand_still(on, readers, context, monkeypatch):
    on("send", SAMPLE, "--yes", "--at", "2099-07-06 07:00")
    monkeypatch.setattr(following, "STILL_SECONDS", 0.0)
    *_, last = islice(following.moments(context.engine, 1), 2)
    assert (last.still, last.words) == (False, "goes Mon 06 Jul 2099 07:00 (America/Denver)")

"""`broadsheet subscribers grant`, `revoke` and `plans`, as an operator uses them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.support.makers import make_subscriber
from worker.domain.plan import day_after
from worker.store.engine import writing


@pytest.fixture
def zone(context):
    return context.publication.slot.zone


@pytest.fixture
def reader(context):
    with writing(context.engine) as connection:
        return make_subscriber(connection, address="ana@example.com")


def test_months_that_are_given_stack_and_are_listed_with_when_they_run(on, reader, zone):
    first = on("subscribers", "grant", "Ana@Example.com", "--months", "1", "--note", "spoke at the meetup", "--json")
    assert (first.code, first.json["plan"], first.json["source"], first.json["given"]) == (0, "paid", "comped", True)
    on("subscribers", "grant", "ana@example.com", "--months", "2", "--source", "gifted")
    seen = on("subscribers", "plans", "ana@example.com", "--json").json
    one, two = seen["grants"]
    assert (one["months"], one["note"], one["runs_to"]) == (1, "spoke at the meetup", first.json["ends_at"])
    assert (two["source"], two["runs_from"], two["runs_to"]) == ("gifted", one["runs_to"], seen["ends_at"])
    table = on("subscribers", "plans", "ana@example.com").out
    assert "spoke at the meetup" in table
    assert table.startswith("The plan is paid (gifted) until ")


def test_a_key_given_twice_counts_once(on, reader):
    def give():
        return on("subscribers", "grant", "ana@example.com", "--months", "1", "--key", "meetup", "--json").json

    assert [one["given"] for one in (give(), give())] == [True, False]
    assert len(on("subscribers", "plans", "ana@example.com", "--json").json["grants"]) == 1


def test_paid_time_until_a_day_has_all_of_that_day(on, reader, zone):
    until = datetime.now(UTC).date() + timedelta(days=40)
    ended = on("subscribers", "grant", "ana@example.com", "--until", until.isoformat(), "--source", "trial", "--json")
    assert datetime.fromisoformat(ended.json["ends_at"]) == day_after(until, zone)


def test_the_only_grant_needs_no_number_and_of_several_one_must_be_named(on, reader):
    on("subscribers", "grant", "ana@example.com", "--months", "1")
    on("subscribers", "grant", "ana@example.com", "--months", "2", "--source", "gifted")
    asked = on("subscribers", "revoke", "ana@example.com")
    assert (asked.code, "--grant: 1 (comped), 2 (gifted)" in asked.err) == (2, True)
    assert on("subscribers", "revoke", "ana@example.com", "--grant", "1").code == 0
    last = on("subscribers", "revoke", "ana@example.com", "--json")
    assert (last.code, last.json) == (0, {"plan": "free", "source": "", "ends_at": None})
    assert on("subscribers", "revoke", "ana@example.com").code == 1
    again = on("subscribers", "revoke", "ana@example.com", "--grant", "1")
    assert (again.code, "ended or was revoked before" in again.err) == (1, True)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 2, "give --months or --until"),
        (("--months", "1", "--until", "2999-01-01"), 2, "give --months or --until"),
        (("--months", "0"), 2, "give 1 to 120"),
        (("--months", "121"), 2, "give 1 to 120"),
        (("--until", "2020-01-01"), 2, "has passed"),
        (("--until", "tomorrow"), 2, "2026-12-31"),
        (("--months", "1", "--source", "stolen"), 2, "comped, gifted, trial, reward"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(on, reader, words, code, says):
    ended = on("subscribers", "grant", "ana@example.com", *words)
    assert (ended.code, says in ended.err) == (code, True)
    assert on("subscribers", "plans", "ana@example.com", "--json").json["grants"] == []


@pytest.mark.parametrize("words", [("grant", "--months", "1"), ("revoke",), ("plans",)])
def test_an_address_nobody_has_is_said_so_and_not_repeated(on, reader, words):
    ended = on("subscribers", words[0], "nobody@example.com", *words[1:])
    assert (ended.code, "no subscriber has this address" in ended.err) == (1, True)
    assert "nobody@example.com" not in ended.err
    assert on("subscribers", words[0], "no address", *words[1:]).code == 2


def test_the_last_day_of_the_calendar_is_no_trouble(on, reader):
    assert on("subscribers", "grant", "ana@example.com", "--until", date.max.isoformat()).code == 0
    assert on("subscribers", "plans", "ana@example.com").code == 0

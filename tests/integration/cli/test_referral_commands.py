"""`broadsheet referrals`: who brought most, one reader, what waits, and all of it as a file."""

import csv
import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.commands import broadsheet  # noqa: F401  (a fixture)
from tests.support.makers import make_subscriber, make_subscribers
from tests.support.referring import bring, make_milestone, make_rules, verify
from worker.store.engine import reading, writing
from worker.store.grants import read_grants
from worker.store.referrers import set_named
from worker.usecases.record_referral import credit_referrer

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
RULES = make_rules(
    make_milestone("guide", 1, text="A guide"),
    make_milestone("month", 3),
    make_milestone("call", 3, months=2, manual=True),
    per_network=2,
)


@pytest.fixture
def engine(context):
    return context.engine


@pytest.fixture
def run(on):
    """`run("top")`: the command's result; `--project` is given."""
    return lambda *words: on("referrals", *map(str, words))


@pytest.fixture
def noor(engine):
    with writing(engine) as connection:
        return make_subscriber(connection, name="Noor Haddad", address="noor@example.com")


@pytest.fixture
def kim(engine):
    with writing(engine) as connection:
        return make_subscriber(connection, name="Kim Oh", address="kim@example.com")


def friends(engine, reader, count, network=""):
    with writing(engine) as connection:
        for friend in make_subscribers(connection, count):
            credit_referrer(connection, [reader.referral_code], friend.id, AT, RULES, network)
    verify(engine, RULES, AT + timedelta(hours=1))


def asked(run, *words):
    done = run(*words, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_the_leaderboard_names_nobody_who_has_not_agreed(run, engine, noor, kim):
    friends(engine, noor, 2)
    friends(engine, kim, 3)
    with writing(engine) as connection:
        set_named(connection, kim.id, True, AT)
    lines = asked(run, "top")
    assert [(one["reader"], one["friends"]) for one in lines] == [("Kim", 3), ("a reader", 2)]
    assert "noor" not in run("top").out.lower()
    assert "noor@example.com" in run("top", "--addresses").out
    assert len(asked(run, "top", "--limit", "1")) == 1


def test_one_readers_friends_rewards_and_link(run, engine, noor):
    friends(engine, noor, 3)
    found = asked(run, "show", "noor@example.com")
    assert found["friends"] == 3
    assert found["link"].endswith(f"/r/{noor.referral_code}")
    assert {one["milestone"]: one["state"] for one in found["rewards"]} == {
        "guide": "granted",
        "month": "granted",
        "call": "waiting",
    }
    assert {one["state"] for one in found["referrals"]} == {"verified"}
    assert "3 that count" in run("show", "noor@example.com").out
    assert run("show", "nobody@example.com").code == 1


def test_what_waits_is_looked_at_accepted_and_rejected(run, engine, noor):
    friends(engine, noor, 4, "a network")
    waiting = asked(run, "review")["waiting"]
    assert [one["reason"] for one in waiting] == ["burst", "burst"]
    first, second = (str(one["id"]) for one in waiting)
    both = run("review", "--accept", first, "--reject", first)
    assert both.code == 2
    done = asked(run, "review", "--accept", first, "--reject", second)
    assert [one["state"] for one in done["decided"]] == ["verified", "rejected"]
    assert done["waiting"] == []
    again = run("review", "--accept", first)
    assert again.code == 1
    assert "does not wait for review" in again.err
    assert "Nothing waits" in run("review").out


def test_a_reward_is_approved_once(run, engine, noor):
    friends(engine, noor, 3)
    [waiting] = asked(run, "approve")["waiting"]
    assert (waiting["address"], waiting["milestone"]) == ("noor@example.com", "call")
    number = str(waiting["id"])
    assert asked(run, "approve", number) == {"granted": [waiting["id"]], "waiting": []}
    assert run("approve", number).code == 1
    with reading(engine) as connection:
        assert sorted(one.months for one in read_grants(connection, noor.id)) == [1, 2]


def test_the_export_is_whole_and_no_formula(run, engine, tmp_path):
    with writing(engine) as connection:
        odd = make_subscriber(connection, address="=cmd@example.com")
        for friend in make_subscribers(connection, 2):
            bring(connection, odd, friend, AT)
    verify(engine, RULES, AT)
    out = tmp_path / "referrals.csv"
    assert run("export", "--out", out).code == 0
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(one["referrer"], one["state"]) for one in rows] == [("'=cmd@example.com", "verified")] * 2
    lines = tmp_path / "referrals.jsonl"
    assert asked(run, "export", "--out", lines)["rows"] == 2
    assert json.loads(lines.read_text().splitlines()[0])["referrer"] == "=cmd@example.com"
    assert run("export", "--out", tmp_path / "no" / "x.csv").code == 2


def test_what_was_done_before_a_wrong_number_is_told(run, engine, noor):
    friends(engine, noor, 3)
    [waiting] = asked(run, "approve")["waiting"]
    done = run("approve", waiting["id"], 999)
    assert (done.code, done.out) == (1, f"{waiting['id']}: the reward call is granted.\n")
    assert "no reward 999" in done.err
    friends(engine, noor, 3, "a network")
    [third] = asked(run, "review")["waiting"]
    done = run("review", "--accept", third["id"], "--accept", 999)
    assert (done.code, done.out) == (1, f"{third['id']}: verified\n")
    friends(engine, noor, 1, "a network")
    [fourth] = asked(run, "review")["waiting"]
    done = run("review", "--reject", fourth["id"], "--reject", 999, "--json")
    assert (done.code, json.loads(done.out)["decided"][0]["id"]) == (1, fourth["id"])
    assert "no referral 999" in done.err


BIG = str(2**63)


@pytest.mark.parametrize(
    "words",
    [
        ("referrals", "review", "--accept", BIG),
        ("referrals", "review", "--accept", "-1"),
        ("referrals", "review", "--reject", BIG),
        ("referrals", "approve", BIG),
        ("referrals", "approve", "0"),
        ("referrals", "top", "--limit", BIG),
        ("subscribers", "revoke", "noor@example.com", "--grant", BIG),
        ("subscribers", "grant", "noor@example.com", "--months", BIG),
        ("reconcile", "1", "--batch", BIG, "--as", "again"),
        ("status", BIG),
        ("status", "²"),
        ("web", "--port", "65536"),
        ("mailroom", "--port", "-1"),
        ("segments", "show", "paid", "--sample", BIG),
    ],
)
def test_a_number_that_nothing_has_is_told(broadsheet, project, noor, words):  # noqa: F811
    where = () if words[0] == "mailroom" else ("--project", project)
    done = broadsheet(*words, *where)
    assert done.code == 2, (done.code, done.err)
    assert "Traceback" not in done.err + done.out


def test_a_name_that_would_turn_the_words_around_stays_off_the_leaderboard(run, engine):
    with writing(engine) as connection:
        odd = make_subscriber(connection, name="\u202egnp.exe")
        bring(connection, odd, make_subscriber(connection), AT)
        set_named(connection, odd.id, True, AT)
    verify(engine, RULES, AT)
    assert asked(run, "top")[0]["reader"] == "gnp.exe"


def test_empty_lists_are_no_error(run, engine):
    assert asked(run, "top") == []
    assert asked(run, "approve") == {"granted": [], "waiting": []}
    assert asked(run, "review") == {"decided": [], "waiting": []}

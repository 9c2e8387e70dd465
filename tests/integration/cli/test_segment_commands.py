"""What `broadsheet segments` shows: the rule, how many it would reach, who is left out and why."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.makers import make_subscriber
from tests.support.referring import verify
from worker.store.engine import writing
from worker.store.referrals import add_referral, confirm_referral

NOW = datetime.now(UTC)
SEGMENTS = """
[segments]
new-in-portugal = { all = [{ joined_after = "30 days ago" }, { country = "PT" }] }
english = { language = "en" }
ambassadors = { referrals_at_least = 2 }
"""


@pytest.fixture
def publication(project):
    """Writes the publication's segments."""
    file = project / "content" / "publication.toml"
    kept = file.read_text(encoding="utf-8").partition("[segments]")[0]
    file.write_text(kept + SEGMENTS, encoding="utf-8")
    return file


@pytest.fixture
def people(context, publication):
    with writing(context.engine) as connection:
        new = NOW - timedelta(days=3)
        ana = make_subscriber(connection, "paid", address="ana@example.com", country="PT", joined_at=new)
        rui = make_subscriber(connection, address="rui@example.com", country="PT", language="en-GB", joined_at=new)
        make_subscriber(connection, address="old@example.com", country="PT", language="EN")
        make_subscriber(connection, address="gone@example.com", country="PT", joined_at=new, suppressed="bounced")
        late = make_subscriber(connection, address="late@example.com", status="pending", country="PT", joined_at=new)
        for friend in (rui, late):
            add_referral(connection, ana.id, friend.id, NOW)
            confirm_referral(connection, friend.id, NOW)
    verify(context.engine)


def test_a_segment_is_counted_for_each_plan_with_the_reasons_of_those_left_out(on, people):
    shown = on("segments", "show", "new-in-portugal", "--json")
    assert shown.code == 0
    seen = shown.json
    assert seen["plans"] == {"free": {"audience": 1, "bounced": 1, "unconfirmed": 1}, "paid": {"audience": 1}}
    assert (seen["audience"], seen["left_out"]) == (2, {"bounced": 1, "unconfirmed": 1})
    assert seen["rule"] == "joined after 30 days ago and country PT"
    assert "@" not in shown.out


def test_a_few_of_its_readers_are_named_to_the_operator_and_nobody_who_is_left_out(on, people):
    shown = on("segments", "show", "new-in-portugal")
    assert "Among them: ana@example.com, rui@example.com" in shown.out
    assert "@" not in on("segments", "show", "new-in-portugal", "--sample", "0").out
    [one] = on("segments", "show", "new-in-portugal", "--json", "--sample", "1").json["sample"]
    assert one in ("ana@example.com", "rui@example.com")


def test_every_segment_is_listed_after_the_three_that_every_publication_has(on, people):
    seen = on("segments", "list", "--json").json
    assert [(one["segment"], one["audience"]) for one in seen] == [
        *(("everyone", 3), ("paid", 1), ("free", 2)),
        *(("ambassadors", 0), ("english", 2), ("new-in-portugal", 2)),
    ]
    table = on("segments", "list").out
    assert "joined after 30 days ago and country PT" in table
    assert "@" not in table


def test_what_the_segment_shows_is_what_planning_finds(on, people, context):
    found = on("segments", "show", "english", "--json").json["plans"]
    [name] = {path.stem for path in (context.settings.project / "content" / "issues").glob("*quiet*")}
    sent = on("send", name, "--segment", "english", "--yes", "--json")
    assert (sent.code, sent.json["audience"]) == (0, found)


def test_a_segment_nobody_wrote_is_refused_with_those_there_are(on, people):
    ended = on("segments", "show", "englsh")
    assert ended.code == 2
    assert "everyone, paid, free, ambassadors, english, new-in-portugal" in ended.err


def test_a_rule_that_cannot_be_read_names_file_line_and_fix(on, publication):
    publication.write_text(publication.read_text(encoding="utf-8").replace('"30 days ago"', '"last month"'), "utf-8")
    ended = on("segments", "list")
    line = publication.read_text(encoding="utf-8").splitlines().index("[segments]") + 2
    assert ended.code == 1
    assert (
        f"content/publication.toml:{line}: segments.new-in-portugal cannot be read: joined_after is a day" in ended.err
    )

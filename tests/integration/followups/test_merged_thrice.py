"""Three records of one person, merged one after the other: each step once, whichever record had it."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.followups.conftest import OPENS
from tests.integration.followups.test_merged_and_erased import DAY, MET, STEPS, going, merge
from tests.integration.followups.test_rules_at_start import planned, started_with
from tests.support.followups import make_step
from tests.support.makers import make_subscriber
from worker.domain.trigger import Trigger
from worker.store.engine import writing
from worker.store.erased import hash_addresses
from worker.usecases.enroll_triggers import enroll_triggers

HOUR = timedelta(hours=1)
DENVER = datetime(2026, 12, 15, 17, tzinfo=UTC)  # 10:00 there


def test_a_step_that_the_record_that_goes_on_had_not_come_to_is_not_sent_to_a_third(engine, sequences):
    hash_addresses(engine, "the oldest secret of these tests")
    with writing(engine) as connection:
        for name, zone in {"third": "Asia/Tokyo", "stays": "Pacific/Honolulu", "ends": "America/Denver"}.items():
            make_subscriber(connection, address=f"{name}@example.com", zone=zone)
    sequences.launch(
        make_step(step_id="first", when="3 days before closes, at 09:00 their time"),
        make_step(step_id="second", when="3 days before closes, at 10:00 their time"),
        make_step(step_id="last", when="1 day before closes, at 09:00"),
    )
    sequences.advance(OPENS)
    found = sequences.advance_until(DENVER - HOUR, DENVER)
    assert [step for _at, step, _who in found] == ["first", "second"]
    merge(engine, DENVER + HOUR / 2)
    merge(engine, DENVER + HOUR, "stays", "third")
    found = sequences.advance_until(*(DENVER + n * HOUR for n in range(2, 80)))
    assert [step for _at, step, _who in found] == ["last"]


def test_a_step_that_is_marked_as_had_does_not_stand_beside_the_one_that_is_due(engine, sequences):
    """Merged twice before a clock has looked: each enrollment has one step that is due, and the next tick goes on."""
    hash_addresses(engine, "the oldest secret of these tests")
    with writing(engine) as connection:
        zones = {"third": "Asia/Tokyo", "stays": "Pacific/Honolulu", "ends": "America/Denver"}
        third, *_others = [
            make_subscriber(connection, address=f"{one}@example.com", zone=zone) for one, zone in zones.items()
        ]
    sequences.launch(
        make_step(step_id="first", when="3 days before closes, at 09:00 their time"),
        make_step(step_id="second", when="3 days before closes, at 10:00 their time"),
        make_step(step_id="last", when="1 day before closes, at 09:00"),
    )
    sequences.advance(OPENS)
    honolulu = DENVER + 2 * HOUR  # 09:00 there
    sequences.advance_until(DENVER - HOUR, DENVER, honolulu)
    merge(engine, honolulu + HOUR / 2)
    merge(engine, honolulu + HOUR / 2, "stays", "third")
    assert [row[1] for row in sequences.rows(third)].count("due") == 1
    found = sequences.advance_until(*(DENVER + n * HOUR for n in range(3, 80)))
    assert [step for _at, step, _who in found] == ["last"]


@pytest.fixture
def pair(engine, sequences):
    hash_addresses(engine, "the oldest secret of these tests")
    sequences.sequence("welcome", *STEPS)
    with writing(engine) as connection:
        return [make_subscriber(connection, address=f"{name}@example.com") for name in ("ends", "stays")]


@pytest.fixture
def one_mailing(engine, sequences, pair):
    """Two records of which the later's first step is made and not planned, and the earlier's is due; merged. The mailing."""
    ends, stays = pair
    sequences.note(Trigger.CONFIRMED, stays, MET)
    [mailing_id] = sequences.advance(MET)
    sequences.note(Trigger.CONFIRMED, ends, MET - DAY)
    enroll_triggers(engine, sequences.content, MET)
    merge(engine, MET + HOUR)
    return mailing_id


def test_a_mailing_that_waits_goes_to_the_third_record_too(engine, sequences, one_mailing):
    with writing(engine) as connection:
        third = make_subscriber(connection, address="third@example.com")
    sequences.advance(MET + HOUR)
    merge(engine, MET + 2 * HOUR, "stays", "third")
    planned(engine, one_mailing)
    assert going(engine) == [(one_mailing, third.id)]


@pytest.mark.parametrize("waits", [True, False], ids=["made", "planned"])
def test_a_mailing_that_waits_gives_way_to_the_one_that_has_gone_to_a_third_record(
    engine, sequences, one_mailing, pair, waits
):
    with writing(engine) as connection:
        third = make_subscriber(connection, address="third@example.com")
    sequences.note(Trigger.CONFIRMED, third, MET + HOUR)
    [gone] = sequences.advance(MET + HOUR)
    assert len(started_with(engine, planned(engine, gone))) == 1
    if not waits:
        planned(engine, one_mailing)
    merge(engine, MET + 2 * HOUR, "third", "stays")
    planned(engine, one_mailing)
    assert going(engine) == [(gone, pair[1].id)]

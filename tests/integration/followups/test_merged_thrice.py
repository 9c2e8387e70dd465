"""Three records of one person, merged one after the other: each step once, whichever record had it."""

from datetime import UTC, datetime, timedelta

from tests.integration.followups.conftest import OPENS
from tests.integration.followups.test_merged_and_erased import merge
from tests.support.followups import make_step
from tests.support.makers import make_subscriber
from worker.store.engine import writing
from worker.store.erased import hash_addresses

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

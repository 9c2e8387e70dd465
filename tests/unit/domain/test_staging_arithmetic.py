"""When a broadcast is handed over ahead of its hour, and until when its uncertain batches can be decided."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.staging import (
    CUTOFF,
    FARTHEST,
    ID_AGE,
    LAST_ASK,
    OBEYS,
    RESTAGE,
    SHORTEST,
    SPEED,
    decide_by,
    stage_from,
    submission_time,
)

NOW = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ahead", "audience", "per_second", "begins"),
    [
        (timedelta(minutes=59, seconds=59), 10, None, None),
        (timedelta(hours=1), 10, None, timedelta(minutes=45)),
        (timedelta(hours=70), 10, None, timedelta(minutes=45)),
        (timedelta(hours=70), 2_000 * 60 * 30, None, timedelta(minutes=80)),
        (timedelta(hours=70), 36_000, 10, timedelta(hours=2, minutes=20)),
        (timedelta(hours=1), 36_000, 10, timedelta(hours=1)),  # there is no more time than that
        (timedelta(hours=70), 360_000, 10, timedelta(hours=20, minutes=20)),
        (timedelta(hours=70), 500_000, 10, None),
    ],
)
def test_a_broadcast_is_handed_over_so_long_before_its_hour(ahead, audience, per_second, begins):
    expected = begins and (NOW + ahead - begins if begins <= FARTHEST else None)
    assert stage_from(NOW + ahead, NOW, audience, per_second) == expected


audiences = st.integers(0, 100_000_000)
rates = st.none() | st.floats(0.001, 100_000)


@given(st.integers(0, 300 * 3600), audiences, rates)
def test_it_is_never_handed_over_in_the_past_nor_earlier_than_an_id_is_used_for(seconds, audience, per_second):
    send_at = NOW + timedelta(seconds=seconds)
    begins = stage_from(send_at, NOW, audience, per_second)
    if begins is not None:
        assert NOW <= begins <= send_at - min(SHORTEST, send_at - NOW)
        assert send_at - begins < ID_AGE


@given(audiences, rates)
def test_one_submission_passes_before_the_last_decision_and_another_fits_after_it(audience, per_second):
    send_at = NOW + timedelta(hours=100)
    begins = stage_from(send_at, NOW, audience, per_second)
    if begins is None:
        return
    decided, needed = decide_by(send_at, audience, per_second), submission_time(audience, per_second)
    assert decided - begins >= needed
    assert decided + needed + timedelta(minutes=5) <= send_at - CUTOFF
    assert decided < send_at - RESTAGE, "there is time left for a new id"


def test_limits_make_the_estimate_longer_and_never_shorter():
    assert submission_time(SPEED) == submission_time(SPEED, SPEED * 9) == timedelta(seconds=1)
    assert submission_time(SPEED, 1) == timedelta(seconds=SPEED)


def test_every_step_before_the_hour_comes_before_the_next():
    assert RESTAGE > CUTOFF > LAST_ASK > OBEYS

"""The arithmetic of buckets: what a batch may take at an instant, what it waits for, and what that adds up to."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.mailing import Queue
from worker.domain.pace import MESSAGE, UNLIMITED, Bucket, Part, Taken, Wait, pace_of
from worker.domain.warm_up import WarmUp

NOON = datetime(2026, 11, 16, 12, 0, tzinfo=UTC)
HOURLY = pace_of(None, 1_000, None)
WARMING = pace_of(None, None, None, WarmUp(date(2026, 11, 16), (50, 100)), "America/Denver")


def spend(pace, asked, queue=Queue.BULK):
    """Ask for (seconds after noon, messages) one after another; what came of each, and the buckets at the end."""
    buckets, came = {}, []
    for seconds, messages in asked:
        decided = pace.decide(buckets, messages, queue, NOON + timedelta(seconds=seconds))
        came.append(decided)
        if isinstance(decided, Taken):
            buckets |= decided.buckets
    return came, buckets


def test_without_a_limit_everything_may_go_and_nothing_is_counted():
    assert UNLIMITED.unlimited
    assert pace_of(None, None, None).unlimited
    assert UNLIMITED.decide({}, 1_000, Queue.BULK, NOON) == Taken({})


def test_a_batch_takes_its_messages_and_the_next_waits_for_the_hour_that_began_with_the_first():
    (first, second), buckets = spend(HOURLY, [(0, 600), (60, 600)])
    assert isinstance(first, Taken)
    assert second == Wait(NOON + timedelta(hours=1))
    assert buckets["hour"].tokens == 400 * MESSAGE


def test_what_was_not_asked_for_is_not_saved_up():
    came, _ = spend(HOURLY, [(0, 1_000), (3 * 3_600, 1_000), (3 * 3_600, 1)])
    assert [type(one) for one in came] == [Taken, Taken, Wait]


def test_a_bucket_smaller_than_a_batch_lends_the_rest_and_is_paid_back_before_the_next():
    second = pace_of(100, None, None)
    (first, at_once, paid), _ = spend(second, [(0, 1_000), (1, 1_000), (10, 1_000)])
    assert isinstance(first, Taken)
    assert at_once == Wait(NOON + timedelta(seconds=10))
    assert isinstance(paid, Taken)


def test_every_limit_must_agree_and_the_longest_wait_counts():
    both = pace_of(1_000, 2_000, None)
    came, _ = spend(both, [(0, 1_000), (1, 1_000), (2, 1_000)])
    assert came[2] == Wait(NOON + timedelta(hours=1))


def test_nothing_is_taken_from_one_limit_where_another_refuses():
    both = pace_of(1_000, 500, None)
    came, buckets = spend(both, [(0, 500), (1, 500)])
    assert isinstance(came[1], Wait)
    assert buckets["second"].tokens == 500 * MESSAGE, "as the first batch left it"


def test_prompt_mail_borrows_a_tenth_where_a_broadcast_has_spent_the_allowance():
    _, buckets = spend(HOURLY, [(0, 1_000)])
    borrowed = HOURLY.decide(buckets, 1, Queue.PROMPT, NOON)
    assert isinstance(borrowed, Taken)
    assert {name: one.tokens for name, one in borrowed.buckets.items()} == {
        "hour": -MESSAGE,
        "hour reserve": 99 * MESSAGE,
    }
    for _ in range(101):
        decided = HOURLY.decide(buckets, 1, Queue.PROMPT, NOON)
        if isinstance(decided, Wait):
            break
        buckets |= decided.buckets
    assert decided == Wait(NOON + timedelta(hours=1))
    assert buckets["hour"].tokens == -100 * MESSAGE


def test_what_prompt_mail_borrowed_is_missing_for_broadcasts_afterwards():
    _, buckets = spend(HOURLY, [(0, 1_000)])
    buckets |= HOURLY.decide(buckets, 50, Queue.PROMPT, NOON).buckets
    later = NOON + timedelta(hours=1)
    assert isinstance(HOURLY.decide(buckets, 1_000, Queue.BULK, later), Wait)
    assert isinstance(HOURLY.decide(buckets, 950, Queue.BULK, later), Taken)


def test_a_debt_made_by_a_large_batch_does_not_keep_prompt_mail_back():
    small = pace_of(None, 100, None)
    _, buckets = spend(small, [(0, 1_000)])
    assert isinstance(small.decide(buckets, 1, Queue.PROMPT, NOON), Taken)


def test_a_warm_up_divides_a_batch_instead_of_lending():
    (part, first, then), _ = spend(WARMING, [(0, 1_000), (0, 50), (1, 950)])
    assert part == Part(50)
    assert isinstance(first, Taken)
    assert then == Wait(datetime(2026, 11, 17, 7, 0, tzinfo=UTC)), "midnight in Denver"


def test_a_warm_up_gives_the_next_day_its_own_maximum_and_no_limit_after_the_last():
    came, _ = spend(WARMING, [(0, 50), (24 * 3_600, 1_000), (24 * 3_600, 100), (48 * 3_600, 5_000)])
    assert isinstance(came[0], Taken)
    assert came[1] == Part(100)
    assert isinstance(came[2], Taken)
    assert came[3] == Taken({}), "the third day is after the plan"


def test_prompt_mail_borrows_from_a_warm_ups_day_too():
    _, buckets = spend(WARMING, [(0, 50)])
    for _ in range(5):
        buckets |= WARMING.decide(buckets, 1, Queue.PROMPT, NOON).buckets
    assert isinstance(WARMING.decide(buckets, 1, Queue.PROMPT, NOON), Wait)
    assert WARMING.decide(buckets, 100, Queue.BULK, NOON + timedelta(days=1)) == Part(95), "five were borrowed"


def test_a_limit_that_was_lowered_holds_at_once():
    full = {"hour": Bucket(1_000 * MESSAGE, NOON)}
    assert isinstance(pace_of(None, 10, None).decide(full, 10, Queue.BULK, NOON), Taken)
    assert pace_of(None, 10, None).decide(full, 10, Queue.BULK, NOON).buckets["hour"].tokens == 0


def test_a_clock_that_went_back_refills_nothing():
    _, buckets = spend(HOURLY, [(0, 1_000)])
    assert isinstance(HOURLY.decide(buckets, 1, Queue.BULK, NOON - timedelta(hours=5)), Wait)


@pytest.mark.parametrize("limits", [(7, None, None), (None, 90, None), (None, None, 1_000), (50, 400, 1_000)])
@given(asked=st.lists(st.tuples(st.integers(0, 4_000), st.integers(1, 120)), max_size=40))
def test_a_wait_is_over_exactly_when_it_says(limits, asked):
    pace, seconds, buckets = pace_of(*limits), 0, {}
    for pause, messages in asked:
        seconds += pause
        now = NOON + timedelta(seconds=seconds)
        decided = pace.decide(buckets, messages, Queue.BULK, now)
        if isinstance(decided, Wait):
            assert decided.until > now
            just_before = decided.until - timedelta(milliseconds=1)
            assert isinstance(pace.decide(buckets, messages, Queue.BULK, just_before), Wait)
            decided = pace.decide(buckets, messages, Queue.BULK, decided.until)
            assert isinstance(decided, Taken)
        else:
            buckets |= decided.buckets


@given(st.lists(st.integers(1, 50), min_size=1, max_size=200))
def test_a_list_longer_than_the_limit_never_gets_more_than_the_limit_in_any_hour(sizes):
    """Every batch asks as soon as it may: the greediest sender there is."""
    pace, now, buckets, sent = pace_of(None, 100, None), NOON, {}, []
    for size in sizes:
        while isinstance(decided := pace.decide(buckets, size, Queue.BULK, now), Wait):
            now = decided.until
        buckets |= decided.buckets
        sent.append((now, size))
    for begins, _ in sent:
        within = sum(size for at, size in sent if begins <= at < begins + timedelta(hours=1))
        assert within <= 100

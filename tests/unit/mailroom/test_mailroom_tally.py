"""Counting, and finding what came twice."""

from worker.mailroom.tally import Tally


def test_a_delivery_accepted_again_is_a_duplicate_each_further_time():
    tally = Tally()
    tally.accepted(["a@example.com", "b@example.com"], ["1", "2"])
    assert tally.counts()["duplicates"] == 0
    tally.accepted(["b@example.com", "c@example.com"], ["2", "3"])
    tally.accepted(["b@example.com"], ["2"])
    counts = tally.counts()
    assert (counts["messages"], counts["addresses"], counts["deliveries"]) == (5, 3, 3)
    assert counts["duplicates"] == 2
    assert tally.repeated_deliveries() == {"2"}
    assert tally.per_address() == {"a@example.com": 1, "b@example.com": 3, "c@example.com": 1}


def test_a_delivery_twice_in_one_request_is_a_duplicate():
    tally = Tally()
    tally.accepted(["a@example.com", "b@example.com"], ["1", "1"])
    assert tally.counts()["duplicates"] == 1
    assert tally.repeated_deliveries() == {"1"}


def test_clearing_starts_from_zero():
    tally = Tally()
    tally.requested()
    tally.answered(202)
    tally.accepted(["a@example.com"], ["1"])
    tally.clear()
    tally.accepted(["a@example.com"], ["1"])
    assert tally.counts() == {
        "requests": 0, "accepted": 1, "messages": 1, "addresses": 1, "deliveries": 1, "duplicates": 0, "answers": {},
    }  # fmt: skip

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
        "accepted_deliveries": 1, "accepted_duplicates": 0,
    }  # fmt: skip


def test_scheduled_mail_counts_as_accepted_at_once_and_as_a_message_when_it_goes():
    tally = Tally()
    tally.scheduled(["1", "2"])
    tally.scheduled(["2", "3"])
    counts = tally.counts()
    assert (counts["accepted"], counts["messages"], counts["deliveries"], counts["duplicates"]) == (2, 0, 0, 0)
    assert (counts["accepted_deliveries"], counts["accepted_duplicates"]) == (3, 1)
    tally.released(["b@example.com", "c@example.com"], ["2", "3"])
    counts = tally.counts()
    assert (counts["accepted"], counts["messages"], counts["deliveries"], counts["duplicates"]) == (2, 2, 2, 0)
    assert (counts["accepted_deliveries"], counts["accepted_duplicates"]) == (3, 1)
    assert tally.accepted_deliveries() == {"1", "2", "3"}
    assert tally.deliveries() == {"2", "3"}


def test_what_readers_get_twice_is_a_duplicate_whichever_way_it_came():
    tally = Tally()
    tally.scheduled(["1"])
    tally.accepted(["a@example.com"], ["1"])
    assert (tally.counts()["duplicates"], tally.counts()["accepted_duplicates"]) == (0, 1)
    tally.released(["a@example.com"], ["1"])
    assert (tally.counts()["duplicates"], tally.counts()["accepted_duplicates"]) == (1, 1)
    assert tally.repeated_deliveries() == {"1"}
    tally.accepted(["a@example.com"], ["1"])
    assert (tally.counts()["duplicates"], tally.counts()["accepted_duplicates"]) == (2, 2)

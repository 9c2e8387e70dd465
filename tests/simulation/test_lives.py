"""What the model makes of a log: here of readers and friends whose records ended or were merged."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.simulation.model import Inbox, Lives, enrollments
from tests.support.simulation.world import Noted, Person

BEGAN = datetime(2026, 9, 7, 4, tzinfo=UTC)
TICKS = [BEGAN + timedelta(hours=hour) for hour in range(24 * 30)]
REFERRER, OLDER, FRIEND, OTHER_FRIEND = 1, 2, 101, 102


def after(days):
    return BEGAN + timedelta(days=days, minutes=30)


def lives(*log):
    people = {one: Person(one, f"reader{one}@example.com", "", False, False) for one in (REFERRER, OLDER)}
    people |= {one: Person(one, f"friend{one}@example.org", "", False, False) for one in (FRIEND, OTHER_FRIEND)}
    return Lives([Noted(after(days), *what) for days, *what in sorted(log, key=lambda one: one[0])], people, TICKS)


def came(friend, days=1):
    return (days, friend, "signed up", (REFERRER, "friend")), (days + 1, friend, "confirmed")


def merged(record, into, days):
    return (days, record, "merged", into), (days, into, "took over", record)


def enrolled(found):
    of_events = {"friend", "earned", "grateful"}
    return {one.sequence for one in enrollments(found, Inbox()) if one.record == REFERRER} & of_events


def test_a_friend_who_stays_counts_and_earns():
    found = lives(*came(FRIEND))
    assert [friend for _, friend in found.friends[REFERRER]] == [FRIEND]
    assert "first" in found.reached[REFERRER]
    assert enrolled(found) == {"friend", "earned"}


@pytest.mark.parametrize(("record", "into"), [(OLDER, FRIEND), (FRIEND, OLDER)])
def test_a_friend_who_turns_out_to_have_read_before_does_not_count(record, into):
    found = lives(*came(FRIEND), *merged(record, into, 3))
    assert found.friends[REFERRER] == []
    assert found.reached[REFERRER] == {}
    assert enrolled(found) == set()
    assert REFERRER not in found.entangled


def test_a_friend_who_counts_already_goes_on_counting_when_merged():
    found = lives(*came(FRIEND), *merged(OLDER, FRIEND, 9))
    assert [friend for _, friend in found.friends[REFERRER]] == [FRIEND]


def test_whom_two_friends_are_count_for_is_not_judged_by_their_hours():
    found = lives(*came(FRIEND), *came(OTHER_FRIEND), *merged(FRIEND, OTHER_FRIEND, 9))
    assert REFERRER in found.entangled


def test_a_reader_who_was_erased_earns_nothing_whatever_came_before():
    found = lives(*came(FRIEND), (2, REFERRER, "bounced"), (3, REFERRER, "erased"))
    assert [friend for _, friend in found.friends[REFERRER]] == [FRIEND]
    assert found.reached[REFERRER] == {}
    assert enrolled(found) == set()


def test_a_reader_whose_mail_bounces_earns_as_before():
    found = lives(*came(FRIEND), (2, REFERRER, "bounced"))
    assert "first" in found.reached[REFERRER]


def test_who_was_erased_before_the_next_tick_is_in_no_sequence():
    paid = (1, REFERRER, "paid", after(20))
    assert enrolled(lives(paid)) == {"grateful"}
    assert enrolled(lives(paid, (1 + 15 / 24 / 60, REFERRER, "erased"))) == set()
    assert enrolled(lives(paid, (1 + 45 / 24 / 60, REFERRER, "erased"))) == {"grateful"}

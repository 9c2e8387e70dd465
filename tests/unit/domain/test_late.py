"""Lateness as the author writes it, and as it is said."""

from datetime import timedelta

import pytest

from tests.support.makers import NOW
from worker.domain.late import Late, Lateness, missed_by, parse_span


@pytest.mark.parametrize(("words", "minutes"), [("90m", 90), ("90 min", 90), ("2h", 120), ("1d", 1440), (" 3 H ", 180)])
def test_a_span_is_a_number_and_a_unit(words, minutes):
    assert parse_span(words) == timedelta(minutes=minutes)


@pytest.mark.parametrize("words", ["", "0h", "h", "2", "-1h", "1.5h", "2 weeks", "99999h"])
def test_anything_else_is_refused_with_an_example(words):
    with pytest.raises(ValueError, match="write 90m, 2h or 1d"):
        parse_span(words)


@pytest.mark.parametrize(
    ("late", "words"),
    [
        (timedelta(seconds=20), "less than a minute"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=3, minutes=20), "3 h 20 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(days=1, hours=1, minutes=7), "1 day 1 h"),
        (timedelta(days=9), "9 days"),
    ],
)
def test_how_late_it_is_reads_like_a_sentence(late, words):
    assert missed_by(NOW, NOW + late) == words


def test_the_usual_rule_asks_after_two_hours():
    assert Lateness() == Lateness(Late.ASK, timedelta(hours=2))

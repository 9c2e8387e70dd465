"""The sentence `when` of a step."""

import string
from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.timing import EVERY_DAY, FARTHEST, OF_LAUNCHES, Anchor, Timing, Unit, parse_when

ids = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=12).filter(lambda one: one[0] != "-")


@st.composite
def timings(draw):
    """Any timing that can be written."""
    anchor = draw(st.sampled_from(Anchor))
    which = (
        draw(ids)
        if anchor is Anchor.ISSUE or (anchor in (Anchor.MILESTONE, Anchor.ALMOST) and draw(st.booleans()))
        else ""
    )
    unit = draw(st.sampled_from(Unit))
    before = anchor in OF_LAUNCHES and draw(st.booleans())
    most = FARTHEST // timedelta(**{unit.value: 1})
    amount = draw(st.integers(1 if before else 0, most))
    unit = unit if amount else Unit.DAYS
    by_calendar = unit in (Unit.DAYS, Unit.WEEKS)
    at = draw(st.none() | st.times().map(lambda one: one.replace(second=0, microsecond=0))) if by_calendar else None
    theirs = at is not None and draw(st.booleans())
    days = draw(st.just(EVERY_DAY) | st.frozensets(st.integers(0, 6), min_size=1))
    return Timing(anchor, amount, unit, before, which, at, theirs, days)


@given(timings())
def test_a_timing_is_written_in_one_way_and_read_back_the_same(timing):
    assert parse_when(str(timing)) == timing


@pytest.mark.parametrize(
    ("words", "means"),
    [
        ("at opens", Timing(Anchor.OPENS)),
        ("At once after milestone hat", Timing(Anchor.MILESTONE, which="hat")),
        ("at once after milestone", Timing(Anchor.MILESTONE)),
        ("1 day before closes, at 9:00", Timing(Anchor.CLOSES, 1, before=True, at=time(9))),
        ("30 minutes after paid", Timing(Anchor.PAID, 30, Unit.MINUTES)),
        (
            "3 days after confirmed,  at 09:00 their time, on weekdays",
            Timing(Anchor.CONFIRMED, 3, at=time(9), theirs=True, days=frozenset(range(5))),
        ),
        (
            "5 days after issue 2026-11-16-should-you, at 10:00, on Monday or thursday",
            Timing(Anchor.ISSUE, 5, which="2026-11-16-should-you", at=time(10), days=frozenset({0, 3})),
        ),
        ("2 weeks after verified, on weekends", Timing(Anchor.VERIFIED, 2, Unit.WEEKS, days=frozenset({5, 6}))),
    ],
)
def test_an_author_writes_when_in_words(words, means):
    assert parse_when(words) == means


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("", "'' is no moment"),
        ("soon", "is no moment"),
        ("at closes", "nothing goes any more"),
        ("3 days after lunch", "nothing is called 'lunch'"),
        ("1 day before confirmed", "nobody can foresee confirmed"),
        ("0 days before closes, at 09:00", "nothing goes 0 before"),
        ("401 days after paid", "too far away"),
        ("2 hours after confirmed, at 09:00", "an hour goes with days or weeks"),
        ("at opens, at 09:00", "has its moment"),
        ("1 day after issue", "issue needs the id"),
        ("1 day after paid twice", "paid stands alone"),
        ("1 day after paid, at 24:00", "24:00 is no hour"),
        ("1 day after paid, on someday", "'someday' is no day"),
        ("1 day after paid, at 09:00, at 10:00", "neither an hour nor days"),
        ("1 day after paid, whenever", "neither an hour nor days"),
    ],
)
def test_anything_else_is_refused_in_a_sentence(words, why):
    with pytest.raises(ValueError, match=why):
        parse_when(words)


@given(st.text(string.ascii_lowercase + string.digits + " ,:", max_size=60) | st.text(max_size=40))
def test_whatever_is_written_is_a_timing_or_refused(words):
    try:
        found = parse_when(words)
    except ValueError:
        return
    assert parse_when(str(found)) == found

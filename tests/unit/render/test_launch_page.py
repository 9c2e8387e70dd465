"""A launch's report as a page: what is not counted is a dash and never a nought."""

from datetime import date, datetime

from tests.support.rendering import make_launch
from worker.domain.launch_report import LaunchReport, People, Told
from worker.domain.subscriber import Plan
from worker.render.launch_page import launch_page

ROW = Told("step", "reminder", Plan.FREE, 5, 5, clicked=0, applied=1)


def page(**changes):
    fields = {
        "people": People(5, 0, 1),
        "by_plan": {Plan.FREE: People(5, 0, 1), Plan.PAID: People()},
        "by_segment": {},
        "how": {"applied": 1},
        "rows": [ROW],
        "unprompted": 0,
        "muted": 0,
        "days": [(date(2026, 11, 20), 1)],
    }
    return launch_page(make_launch(), LaunchReport(**(fields | changes)), datetime(2026, 11, 23, 9), "The Letter")  # noqa: DTZ001


def test_clicks_that_nobody_counts_are_a_dash():
    assert "<strong>–</strong> <span>clicked</span>" in page(counts_clicks=False)
    assert "5 · – · 1" in page(counts_clicks=False)
    assert "<strong>0</strong> <span>clicked</span>" in page()
    assert "5 · 0 · 1" in page()


def test_a_launch_that_nothing_has_come_of_has_a_page_too():
    empty = page(people=People(), by_plan={}, how={}, rows=[], days=[])
    assert "No mail of this launch has been planned yet." in empty
    assert "Nobody has applied on a day that is known." in empty
    assert "<svg" not in empty


def test_a_bar_is_as_long_as_its_share_and_nothing_is_not_drawn():
    drawn = page(rows=[ROW, Told("step", "last-call", Plan.FREE, 10, 10)])
    assert drawn.count("part-0") - drawn.count(".part-0") - drawn.count("--part-0") == 3  # legend and two bars
    assert drawn.count('<rect class="part-1"') == 0

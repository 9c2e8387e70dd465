"""What arrived in a simulated world is what an independent model says had to arrive, and nothing else."""

from dataclasses import replace

import pytest

from tests.support.simulation.checks import check, story
from tests.support.simulation.run import run
from worker.usecases import plan_steps

pytestmark = pytest.mark.timeout(900)


def explain(ran, report):
    return "\n".join(
        f"{what}: {words}\n  " + "\n  ".join(story(ran, record) if record else ())
        for what, record, words in report.wrong[:5]
    )


def test_seven_weeks_leave_nothing_to_object_to(ran):
    report = check(ran)
    assert report.wrong == [], explain(ran, report)
    assert report.outcomes["sent"] > 300
    assert report.checked["issues owed"] > 500
    for happening in ("left", "complained", "paused", "moved", "merged", "erased", "paid", "converted", "confirmed"):
        assert ran.world.counts.get(happening), f"this world knew nobody who {happening}"


def test_two_weeks_on_postgresql(postgresql_url, tmp_path):
    ran = run(postgresql_url, "two weeks", 40, days=19, every_minutes=240, liveliness=4.0, folder=tmp_path / "project")
    try:
        report = check(ran)
        assert report.wrong == [], explain(ran, report)
        assert report.outcomes["sent"] > 30
    finally:
        ran.product.forget_clock()
        ran.product.close()


def test_ticks_that_decide_only_a_part_of_what_is_due(sqlite_url, tmp_path, monkeypatch):
    monkeypatch.setattr(plan_steps, "CHUNK", 4)
    monkeypatch.setattr(plan_steps, "ROUNDS", 1)
    ran = run(sqlite_url, "small ticks", 80, days=19, every_minutes=100, liveliness=4.0, folder=tmp_path / "project")
    try:
        report = check(ran)
        assert report.wrong == [], explain(ran, report)
        assert len(ran.left_over) > 3
        assert report.outcomes["sent"] > 50
        assert check(replace(ran, left_over=set())).wrong, "a model that knows of no such tick must object"
    finally:
        ran.product.close()

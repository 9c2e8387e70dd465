"""SIGTERM at every statement, commit and call: the process ends by itself and soon, and nothing is uncertain or lost.

Once to the one process that works, once to an RQ worker and its job at the same moment, as a host does that ends all. With
--every-point all of them on SQLite and a sample on PostgreSQL, and of what waits at SendGrid on both: between two statements a
signal is answered by the process alone, and a call that goes is the same call.
"""

import pytest

from tests.support.crash_catalogue import INTERRUPTED, waits
from tests.support.crash_driver import Stage, stop_at_points
from tests.support.crash_sample import points_of

SOME = 3  # points of each scenario without --every-point
WITH_WORKER = (
    "submitting after people have changed",
    "refusals that name rows, nothing, or the size",
    "a whole life from schedule to finish",
    "follow-ups of a launch and of a referral",
)


def _second(url):
    return not url.startswith("sqlite")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("scenario", INTERRUPTED)
def test_a_process_told_to_stop_at_any_point_leaves_nothing_uncertain(
    scenario, crash_url, crash_folder, warm, count_outcome, every_point
):
    with Stage(scenario, crash_url, crash_folder) as stage:
        outcome = stop_at_points(
            warm, stage, points_of(scenario, every_point, SOME, second=waits(scenario) or _second(crash_url))
        )
    count_outcome(outcome)
    assert outcome.points >= SOME
    assert outcome.failures == [], "\n".join(outcome.failures)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("scenario", WITH_WORKER)
def test_a_worker_and_its_job_told_to_stop_at_once_at_any_point_leave_nothing_uncertain(
    scenario, crash_url, crash_folder, warm, count_outcome, every_point, valkey_server
):
    with Stage(scenario, crash_url, crash_folder) as stage:
        outcome = stop_at_points(
            warm, stage, points_of(scenario, every_point, SOME, second=_second(crash_url)), queue=valkey_server
        )
    count_outcome(outcome)
    assert outcome.points >= SOME
    assert outcome.failures == [], "\n".join(outcome.failures)

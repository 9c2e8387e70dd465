"""SIGKILL at every statement, commit and call of every scenario; afterwards ledger and mailroom agree on everybody.

`make test` takes some points of each scenario, `make crash` all of them on both databases: of the longest a sample, and of
those whose mail waits at SendGrid a sample on PostgreSQL.
"""

import pytest

from tests.support.crash_catalogue import INTERRUPTED, waits
from tests.support.crash_driver import Stage, kill_at_points
from tests.support.crash_sample import points_of

SOME = 6  # points of each scenario without --every-point


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("scenario", INTERRUPTED)
def test_a_process_killed_at_any_point_leaves_nobody_mailed_twice_and_nobody_unlisted(
    scenario, crash_url, crash_folder, warm, count_outcome, every_point
):
    second = waits(scenario) and not crash_url.startswith("sqlite")
    with Stage(scenario, crash_url, crash_folder) as stage:
        outcome = kill_at_points(warm, stage, points_of(scenario, every_point, SOME, second=second))
    count_outcome(outcome)
    assert outcome.points >= SOME
    assert outcome.failures == [], "\n".join(outcome.failures)

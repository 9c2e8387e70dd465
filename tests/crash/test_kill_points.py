"""SIGKILL at every statement, commit and call of every scenario; afterwards ledger and mailroom agree on everybody."""

import pytest

from tests.support.crash_driver import Stage, kill_at_every_point
from tests.support.crash_scenarios import SCENARIOS


@pytest.mark.timeout(900)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_process_killed_at_any_point_leaves_nobody_mailed_twice_and_nobody_unlisted(
    scenario, crash_url, crash_folder, warm, outcomes, request
):
    with Stage(scenario, crash_url, crash_folder, every=request.config.getoption("both_databases")) as stage:
        outcome = kill_at_every_point(warm, stage)
    outcomes.append(outcome)
    assert outcome.points > 10
    assert outcome.failures == [], "\n".join(outcome.failures)

"""SIGSTOP past the lease, sweep, SIGCONT: whoever was swept does not submit; if they had, their answer is evidence."""

import pytest

from tests.support.crash_catalogue import FROZEN
from tests.support.crash_driver import Stage, freeze_at_points

LEASE_SECONDS = 0.3
SOME = 8  # points without --every-point: around the first two calls


def ends_of_transactions_and_calls(names):
    return [at for at, name in enumerate(names, 1) if "call" in name or name == "after the transaction"]


def the_first_of_them(names):
    return ends_of_transactions_and_calls(names)[2 : 2 + SOME]


@pytest.mark.parametrize("scenario", FROZEN)
def test_a_process_frozen_past_its_lease_does_not_submit_once_it_is_thawed(
    scenario, crash_url, crash_folder, warm, count_outcome, every_point
):
    choose = ends_of_transactions_and_calls if every_point else the_first_of_them
    with Stage(scenario, crash_url, crash_folder, lease_seconds=LEASE_SECONDS, impatient=True) as stage:
        outcome = freeze_at_points(warm, stage, choose)
    count_outcome(outcome)
    assert outcome.points > 5
    assert outcome.failures == [], "\n".join(outcome.failures)

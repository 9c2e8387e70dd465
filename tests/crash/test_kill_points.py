"""SIGKILL at every statement, commit and call of every scenario; afterwards ledger and mailroom agree on everybody.

`make test` takes some points of each scenario, other ones in every run (`--randomly-seed=N` repeats a
run's choice); `make crash` takes all of them, on both databases.
"""

import random

import pytest

from tests.support.crash_driver import Stage, enumerate_all, kill_at_points
from tests.support.crash_scenarios import SCENARIOS

SOME = 9  # points of each scenario without --both-databases


def some(names):
    """A third of them around calls, a third around the ends of transactions, a third anywhere."""
    every = set(enumerate_all(names))
    calls = {at + step for at, name in enumerate(names, 1) if "call" in name for step in (-1, 0, 1)}
    ends = {at for at, name in enumerate(names, 1) if name in ("before the commit", "after the transaction")}
    chosen = set()
    for kind in (calls & every, ends, every):
        left = sorted(kind - chosen)
        chosen |= set(random.sample(left, min(SOME // 3, len(left))))
    left = sorted(every - chosen)
    return sorted(chosen | set(random.sample(left, min(SOME - len(chosen), len(left)))))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_process_killed_at_any_point_leaves_nobody_mailed_twice_and_nobody_unlisted(
    scenario, crash_url, crash_folder, warm, outcomes, request
):
    all_of_them = request.config.getoption("both_databases")
    with Stage(scenario, crash_url, crash_folder, every=all_of_them) as stage:
        outcome = kill_at_points(warm, stage, enumerate_all if all_of_them else some)
    outcomes.append(outcome)
    assert outcome.points >= SOME
    assert outcome.failures == [], "\n".join(outcome.failures)

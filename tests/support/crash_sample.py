"""Which points of a scenario are tried. A sample is another one in every run (`--randomly-seed=N` repeats a run's choice)."""

import random

from tests.support.crash_catalogue import LONG
from tests.support.crash_driver import enumerate_all

LONG_POINTS = 60  # of a long scenario with --every-point
SECOND_POINTS = 30  # with --every-point where another database has them all


def points_of(scenario, every_point, some, *, second=False):
    """What chooses the points: `some` of them without --every-point, else all, or of a long scenario a larger sample.

    `second`: the same points are tried on another database, and this one makes no difference to what is interrupted.
    """
    if not every_point:
        return sample(some)
    if second:
        return sample(SECOND_POINTS)
    return sample(LONG_POINTS) if scenario in LONG else enumerate_all


def sample(size):
    """Chooses so many points: a third around calls, a third around the ends of transactions, a third anywhere."""

    def choose(names):
        every = set(range(1, len(names) + 1))
        calls = {at + step for at, name in enumerate(names, 1) if "call" in name for step in (-1, 0, 1)}
        ends = {at for at, name in enumerate(names, 1) if name in ("before the commit", "after the transaction")}
        chosen = set()
        for kind in (calls & every, ends, every):
            left = sorted(kind - chosen)
            chosen |= set(random.sample(left, min(size // 3, len(left))))
        left = sorted(every - chosen)
        return sorted(chosen | set(random.sample(left, min(size - len(chosen), len(left)))))

    return choose

"""Which points of a scenario `make test` tries: other ones in every run (`--randomly-seed=N` repeats a run's choice)."""

import random


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

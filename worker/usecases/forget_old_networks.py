"""Forget networks: where somebody signed up, or was seen, is known for two days at most, whatever became of it.

Called by each tick, for nothing else may come for days. Nearly always it only looks.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from worker.store.engine import Engine, reading, write
from worker.store.referrers import forget_networks, networks_are_left

KEPT = timedelta(days=2)


def forget_old_networks(engine: Engine, now: datetime) -> int:
    """Forget what is older than that at `now`; how many rows."""
    before = now - KEPT
    with reading(engine) as connection:
        if not networks_are_left(connection, before):
            return 0
    return write(engine, lambda connection: forget_networks(connection, before))

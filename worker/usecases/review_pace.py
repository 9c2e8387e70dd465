"""Review the pace on each tick: a queue that waits for tokens is let go where they have come or are not asked for any more.

A limit that is taken away ends the wait at once; one that is raised counts from the next time its bucket is refilled.
"""

from __future__ import annotations

from collections.abc import Sequence

from worker.domain.mailing import Queue
from worker.domain.pace import Pace, Wait
from worker.store.engine import Connection, Engine, reading, writing
from worker.store.ledger.due import DueMailing, last_served
from worker.store.pace import read_blocks, read_buckets, unblock


def review_blocks(engine: Engine, pace: Pace, batch_size: int) -> list[Queue]:
    """Lift the blocks of queues that need not wait any more. Returns which those are.

    The account's block is SendGrid's word and stays.
    """
    with reading(engine) as connection:
        blocked = [queue for queue in Queue if queue.value in read_blocks(connection)]
        if not blocked:
            return []
        buckets, now = read_buckets(connection)
    costs = {Queue.BULK: batch_size, Queue.PROMPT: 1}
    free = [queue for queue in blocked if not isinstance(pace.decide(buckets, costs[queue], queue, now), Wait)]
    if free:
        with writing(engine) as connection:
            for queue in free:
                unblock(connection, queue.value)
    return free


def in_turn(connection: Connection, pace: Pace, due: Sequence[DueMailing]) -> list[DueMailing]:
    """Under a limit, whoever was served longest ago comes first; without one, the order does not matter and stays."""
    if pace.unlimited or len(due) < 2:
        return list(due)
    served = last_served(connection, [one.mailing_id for one in due])
    return sorted(due, key=lambda one: served.get(one.mailing_id, 0))

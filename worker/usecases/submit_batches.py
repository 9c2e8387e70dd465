"""Submit a mailing's batches, one after another over one connection, for at most a slice of time.

Claiming many in one job pays fork and handshake once. Nothing is lost when the process dies at any line: docs/delivery.md
lists what each crash leaves, and tests/crash shows it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from worker.providers.base import Provider
from worker.store.engine import Engine, reading
from worker.store.ledger.claim import has_claimable
from worker.usecases.desk import open_desk
from worker.usecases.due import Due
from worker.usecases.submit_batch import Round, submit_next_batch
from worker.usecases.terms import Terms


def never() -> bool:
    """The stop signal of a caller that has none."""
    return False


def submit_batches(
    engine: Engine,
    provider: Provider,
    mailing_id: int,
    terms: Terms,
    stopping: Callable[[], bool] = never,
    monotonic: Callable[[], float] = time.monotonic,
) -> list[Due]:
    """Claim and submit until nothing may go, the slice is over, or `stopping()`; returns what to enqueue next."""
    until = monotonic() + terms.slice_seconds
    desk = open_desk(engine, provider, mailing_id, terms)
    if desk is None:
        return []
    while monotonic() < until and not stopping():
        if submit_next_batch(desk) is not Round.GO_ON:
            break
    with reading(engine) as connection:
        left = has_claimable(connection, mailing_id)
    return [Due("submit_batches", mailing_id, desk.mailing.rules.queue)] if left else []

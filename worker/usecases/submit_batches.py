"""Submit a mailing's batches, one after another over one connection, for at most a slice of time.

Claiming many in one job pays fork and handshake once. One call is in flight at a time, in a thread that knows no
database; meanwhile the next batch is made ready, but started only when the call before it is settled. Nothing is lost
when the process dies at any line: docs/delivery.md lists what each crash leaves, and tests/crash shows it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress

from worker.domain.pace import Part, Wait
from worker.providers.base import Provider
from worker.store.engine import DatabaseError, Engine, reading, writing
from worker.store.ledger.claim import has_claimable
from worker.store.ledger.due import database_clock
from worker.store.ledger.lateness import decide_late, is_late
from worker.usecases.desk import open_desk
from worker.usecases.due import Due
from worker.usecases.ready_batch import ReadyBatch, give_back, make_ready
from worker.usecases.submit_batch import Outgoing, Round, call, settle_answer, settle_broken, start
from worker.usecases.take_turns import Turn, cut
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
    rest: Callable[[float], None] = time.sleep,
) -> list[Due]:
    """Claim and submit until nothing may go, the slice is over, or `stopping()`; returns what to enqueue next.

    `rest` waits so many seconds: for tokens, where a limit is set and they come soon.
    """
    until = monotonic() + terms.slice_seconds
    _decide_late(engine, mailing_id, terms)
    desk = open_desk(engine, provider, mailing_id, terms)
    if desk is None:
        return []
    _submit_all(Turn(desk, lambda: monotonic() < until and not stopping(), monotonic, rest))
    with reading(engine) as connection:
        left = has_claimable(connection, mailing_id)
    return [Due("submit_batches", mailing_id, desk.mailing.rules.queue)] if left else []


def _decide_late(engine: Engine, mailing_id: int, terms: Terms) -> None:
    """A job that waited in the queue while everything was off must not be faster than the clock with what is late."""
    if terms.grace is None:
        return
    with reading(engine) as connection:
        if not is_late(connection, mailing_id, database_clock(connection), terms.grace):
            return
    with writing(engine) as connection:
        decide_late(connection, database_clock(connection), terms.grace)


@contextmanager
def _brisk_threads() -> Iterator[None]:
    """Let the calling thread have the interpreter within 0.2 ms. With Python's own 5 ms it often waits, request in
    hand, for the other to finish a batch."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0002)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _submit_all(turn: Turn) -> None:
    desk = turn.desk
    with _brisk_threads(), ThreadPoolExecutor(max_workers=1, thread_name_prefix="call") as caller:
        ready = make_ready(desk) if turn.may_go_on() else None
        while ready is not None:
            outgoing = start(desk, ready)
            if outgoing is Round.STOP:
                return
            if isinstance(outgoing, Wait):
                ready = ready if turn.await_tokens(ready, outgoing) else None
                continue
            if isinstance(outgoing, Part):
                ready = cut(desk, ready, outgoing)
                continue
            ready, round_ = _next(turn, caller, outgoing if isinstance(outgoing, Outgoing) else None)
            if ready is not None and (round_ is Round.STOP or not turn.may_go_on()):
                give_back(desk, ready)
                return


def _next(turn: Turn, caller: ThreadPoolExecutor, outgoing: Outgoing | None) -> tuple[ReadyBatch | None, Round]:
    """Call for one batch (if there is one) and make the next ready meanwhile; the next, and whether it may go."""
    desk = turn.desk
    if outgoing is None:
        return (make_ready(desk) if turn.may_claim() else None), Round.GO_ON
    answering = caller.submit(call, desk, outgoing)
    ready: ReadyBatch | None = None
    trouble: BaseException | None = None
    try:
        ready = make_ready(desk) if turn.may_claim() else None
        wait([answering])
    except BaseException as wrong:  # whatever happened here, the call is on its way: it is settled first
        trouble = wrong
        wait([answering])
    try:
        if broken := answering.exception():
            settle_broken(desk, outgoing, broken)
            raise broken
        round_ = settle_answer(desk, outgoing, answering.result())
        if trouble is not None:
            raise trouble
    except BaseException:
        if ready is not None:  # else its claim would run out, and be counted against a batch that is not to blame
            with suppress(DatabaseError):
                give_back(desk, ready)
        raise
    return ready, round_

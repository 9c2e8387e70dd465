"""Tokens for a ready batch, and turns: what a job does where the account may not be used as fast as it could.

Without a limit nothing here asks the database anything. With one, a job whose tokens come soon waits for them with its
batch in hand; otherwise it gives the batch back and blocks its queue until then, so that the clock offers nothing in
vain. Broadcasts take turns: where another waits as well, a job ends after a moment and goes to the end of the queue.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from worker.domain.mailing import Queue
from worker.domain.pace import Part, Taken, Wait
from worker.store.engine import Connection, reading, writing
from worker.store.ledger.claim import release_claim
from worker.store.ledger.cut import cut_claim
from worker.store.ledger.due import another_waits, database_clock
from worker.store.pace import block, take_tokens
from worker.usecases.desk import Desk
from worker.usecases.ready_batch import ReadyBatch, give_back

TURN_SECONDS = 2.0  # how long one broadcast goes on under a limit while another waits
NAP_SECONDS = 0.2  # a waiting job looks this often whether it is to stop

NOTHING = Taken({})


def take(connection: Connection, desk: Desk, messages: int) -> Taken | Wait | Part:
    """Tokens for so many messages, in the transaction that starts them."""
    pace = desk.terms.pace
    return NOTHING if pace.unlimited else take_tokens(connection, pace, messages, desk.mailing.rules.queue)


@dataclass
class Turn:
    """One job's turn at a mailing: `may_go_on` is false once its slice is over or it was told to stop."""

    desk: Desk
    may_go_on: Callable[[], bool]
    monotonic: Callable[[], float] = time.monotonic
    rest: Callable[[float], None] = time.sleep
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.monotonic()

    def may_claim(self) -> bool:
        """Whether another batch may be made ready: not where the turn is over and another broadcast waits."""
        if not self.may_go_on():
            return False
        desk = self.desk
        if desk.terms.pace.unlimited or desk.mailing.rules.queue is not Queue.BULK:
            return True
        if self.monotonic() - self._began < TURN_SECONDS:
            return True
        with reading(desk.engine) as connection:
            return not another_waits(connection, desk.mailing.id)

    def await_tokens(self, ready: ReadyBatch, wait: Wait) -> bool:
        """Wait where it is short, and True; else give the batch back, block the queue until then, and False.

        Short means: so that a third of the lease has not passed since the claim.
        """
        desk = self.desk
        with reading(desk.engine) as connection:
            now = database_clock(connection)
        left = ready.batch.lease_until - now
        seconds = max((wait.until - now).total_seconds(), 0.01)
        if seconds <= left.total_seconds() - desk.terms.lease_seconds * 2 / 3:
            while seconds > 0 and self.may_go_on():
                self.rest(min(seconds, NAP_SECONDS))
                seconds -= NAP_SECONDS
            if self.may_go_on():
                return True
            give_back(desk, ready)
            return False
        with writing(desk.engine) as connection:
            release_claim(connection, ready.batch)
            block(connection, desk.mailing.rules.queue.value, wait.until)
        return False


def cut(desk: Desk, ready: ReadyBatch, part: Part) -> ReadyBatch | None:
    """The ready batch with no more than its first so many messages; None where it was lost meanwhile."""
    kept = ready.owed[: part.messages]
    with writing(desk.engine) as connection:
        if not cut_claim(connection, ready.batch, kept[-1].delivery_id):
            return None
    return replace(ready, owed=kept, addressees=ready.addressees[: part.messages])

"""Setting aside: a batch that keeps failing for a reason of its own stays pending, but nobody takes it; the others go on.

What is owed to its readers is kept: an operator sends it again or refuses it (decide.py). Trouble of the account, the
network or the database is nobody's own and is counted elsewhere (outage.py, store/pace.py).
"""

from __future__ import annotations

from sqlalchemy import and_, func, null, or_, select, update

from worker.domain.delivery import BatchStatus, ClaimedBatch
from worker.domain.mailing import MailingStatus
from worker.store.engine import Connection
from worker.store.instants import DatabaseNow
from worker.store.ledger.mailings import need_attention
from worker.store.ledger.moves import changed, log_move
from worker.store.tables import batches, deliveries, mailings, submissions

CLAIMS_LIMIT = 5  # claims of one batch that ran out or broke off before its call
UNREACHED_LIMIT = 10  # calls for one batch, in a row, that reached nobody while others' did
BROKEN_PAUSE_MILLIS = 10_000  # so long after a claim broke off nobody takes the batch, for its trouble may pass
_BEGINS = "set aside: "  # how the reason begins, by which it is known again
_REACHED = ("accepted", "validated", "refused")


def put_aside(connection: Connection, batch_id: int, why: str) -> bool:
    """Set a pending batch aside, and say so on its mailing; False where it is not pending or was set aside before.

    A mailing that was paused for another reason keeps that reason: `broadsheet status` shows both.
    """
    row = connection.execute(
        update(batches)
        .where(batches.c.id == batch_id, batches.c.status == BatchStatus.PENDING, batches.c.set_aside.is_(None))
        .values(set_aside=why)
        .returning(batches.c.mailing_id)
    ).one_or_none()
    if row is None:
        return False
    log_move("batch", batch_id, BatchStatus.PENDING, "set aside", mailing=row.mailing_id)
    paused = select(mailings.c.id).where(
        mailings.c.id == row.mailing_id,
        mailings.c.status == MailingStatus.PAUSED,
        mailings.c.needs_attention.is_not(None),
    )
    if connection.execute(paused).first() is None:
        need_attention(connection, row.mailing_id, _words(connection, row.mailing_id, batch_id, why))
    return True


def count_broken_claim(connection: Connection, batch: ClaimedBatch, why: str) -> bool:
    """Give back a claim that broke off before its call, and count it; True where it was one too many.

    Where the claim itself was rolled back, the batch is pending still and is counted all the same.
    """
    row = connection.execute(
        update(batches)
        .where(
            batches.c.id == batch.id,
            or_(
                and_(batches.c.status == BatchStatus.CLAIMED, batches.c.claim_token == batch.token),
                batches.c.status == BatchStatus.PENDING,
            ),
        )
        .values(
            status=BatchStatus.PENDING,
            claim_token=None,
            lease_until=None,
            not_before=DatabaseNow(BROKEN_PAUSE_MILLIS),
            swept=batches.c.swept + 1,
            problem=why,
        )
        .returning(batches.c.swept)
    ).one_or_none()
    if row is None:
        return False
    log_move("batch", batch.id, BatchStatus.CLAIMED, BatchStatus.PENDING, broken=row.swept)
    return row.swept >= CLAIMS_LIMIT and put_aside(connection, batch.id, f"it broke off {row.swept} times, {why}")


def count_swept_claim(connection: Connection, batch_id: int, swept: int, problem: str | None) -> None:
    """After a sweep has released a claim for the `swept`th time: set the batch aside where that is one too many."""
    if swept >= CLAIMS_LIMIT:
        last = f", the last known trouble: {problem}" if problem else ""
        put_aside(connection, batch_id, f"its worker died {swept} times before the call{last}")


def set_aside_if_unreached(connection: Connection, batch_id: int, reason: str) -> bool:
    """After one more call that reached nobody, settled: set the batch aside where others' calls were answered meanwhile."""
    of_batch = select(submissions.c.id, submissions.c.answer).where(submissions.c.batch_id == batch_id)
    run = connection.execute(of_batch.order_by(submissions.c.id.desc()).limit(UNREACHED_LIMIT)).all()
    if len(run) < UNREACHED_LIMIT or any(row.answer != "unavailable" for row in run):
        return False
    others = select(submissions.c.id).where(
        submissions.c.id > run[-1].id, submissions.c.batch_id != batch_id, submissions.c.answer.in_(_REACHED)
    )
    if connection.execute(others.limit(1)).first() is None:
        return False
    why = f"{UNREACHED_LIMIT} calls in a row reached nobody while others were answered, the last: {reason}"
    return put_aside(connection, batch_id, why)


def calls_in_vain(connection: Connection, mailing_id: int, limit: int) -> int:
    """How many of a mailing's newest answers, at most `limit`, in a row are `unavailable`."""
    newest = (
        select(submissions.c.answer)
        .join(batches, batches.c.id == submissions.c.batch_id)
        .where(batches.c.mailing_id == mailing_id, submissions.c.answer.is_not(None))
        .order_by(submissions.c.id.desc())
        .limit(limit)
    )
    found = 0
    for answer in connection.execute(newest).scalars():
        if answer != "unavailable":
            break
        found += 1
    return found


def take_back(connection: Connection, mailing_id: int) -> None:
    """After a batch was decided: where none is set aside any more, nobody needs to look for that reason; else name another."""
    left = select(batches.c.id, batches.c.set_aside).where(
        batches.c.mailing_id == mailing_id, batches.c.status == BatchStatus.PENDING, batches.c.set_aside.is_not(None)
    )
    other = connection.execute(left.order_by(batches.c.id).limit(1)).one_or_none()
    words = null() if other is None else _words(connection, mailing_id, other.id, other.set_aside)
    changed(
        connection,
        update(mailings)
        .where(mailings.c.id == mailing_id, mailings.c.needs_attention.startswith(_BEGINS, autoescape=True))
        .values(needs_attention=words),
    )


def count_set_aside(connection: Connection, mailing_id: int) -> int:
    """How many batches of a mailing are set aside."""
    query = select(func.count()).where(
        batches.c.mailing_id == mailing_id, batches.c.status == BatchStatus.PENDING, batches.c.set_aside.is_not(None)
    )
    return int(connection.execute(query).scalar_one())


def _words(connection: Connection, mailing_id: int, batch_id: int, why: str) -> str:
    readers = connection.execute(
        select(func.count()).where(
            deliveries.c.batch_id == batch_id,
            deliveries.c.skipped_reason.is_(None),
            deliveries.c.refused_reason.is_(None),
        )
    ).scalar_one()
    return (
        f"{_BEGINS}batch {batch_id} ({readers:,} readers): {why}. The others go on. "
        f"`broadsheet reconcile {mailing_id}` sends it again or refuses it"
    )

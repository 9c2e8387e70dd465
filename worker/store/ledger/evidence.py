"""Evidence: proof that one POST was accepted settles its batch, whatever had been thought of it.

Proof is an event that carries the submission's key, or the late answer of a holder whose batch was swept. It moves
a batch of the same generation from `uncertain`, or from `pending` and `claimed` (then nobody has called again yet); from
`cancelled`, where the mail did not wait at SendGrid, for its readers have it; from `refused` where an operator said so;
from `submitting` only where the proven call is the one in flight.

A child holds rows that every submission of its parent before it was made (`made_after`) had carried. So what proves such
a submission proves the child, and the child's own children: they are not sent again.

A text that was corrected after the proven call is named back: who got what stays true.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import and_, or_, select, update

from worker.domain.delivery import BatchStatus
from worker.domain.verdict import Verdict
from worker.store.engine import Connection
from worker.store.ledger.contradiction import find_denied, tell_denied
from worker.store.ledger.moves import changed, log_move
from worker.store.tables import batches, deliveries, submissions

_CHUNK = 500
_OPEN = (BatchStatus.UNCERTAIN, BatchStatus.PENDING, BatchStatus.CLAIMED)
_CHILD_SETTLES = (*_OPEN, BatchStatus.CANCELLED)
_SETTLES = or_(
    batches.c.status.in_(_OPEN),
    # Mail that waited at SendGrid was taken back with its mailing: that it had been accepted proves nothing then.
    and_(batches.c.status == BatchStatus.CANCELLED, submissions.c.sendgrid_batch_id.is_(None)),
    and_(batches.c.status == BatchStatus.REFUSED, submissions.c.decision == Verdict.REFUSED.value),
    and_(batches.c.status == BatchStatus.SUBMITTING, submissions.c.token == batches.c.claim_token),
)


def accept_on_evidence(connection: Connection, submission_keys: Collection[str]) -> list[int]:
    """Move the batches of proven submissions to `submitted`; returns the ids of those moved by this call."""
    moved: list[int] = []
    keys = sorted(set(submission_keys))
    for start in range(0, len(keys), _CHUNK):
        chunk = keys[start : start + _CHUNK]
        denied = find_denied(connection, chunk)
        moved += _accept(connection, chunk)
        moved += _accept_children(connection, chunk)
        tell_denied(connection, denied)
    return moved


def batches_of(connection: Connection, submission_keys: Collection[str]) -> dict[str, int]:
    """The batch of each submission that counts, by the submission's key: not of those whose generation was taken back."""
    keys, found = sorted(submission_keys), {}
    for start in range(0, len(keys), _CHUNK):
        query = (
            select(submissions.c.key, submissions.c.batch_id)
            .join(batches, batches.c.id == submissions.c.batch_id)
            .where(submissions.c.key.in_(keys[start : start + _CHUNK]))
            .where(submissions.c.generation == batches.c.generation)
        )
        found.update({row.key: row.batch_id for row in connection.execute(query)})
    return found


def _accept(connection: Connection, keys: list[str]) -> list[int]:
    proven = (
        select(batches.c.id, batches.c.status, submissions.c.id.label("submission_id"))
        .join(submissions, submissions.c.batch_id == batches.c.id)
        .where(submissions.c.key.in_(keys), submissions.c.generation == batches.c.generation, _SETTLES)
    )
    rows = connection.execute(proven).all()
    return [row.id for row in rows if _submit(connection, row.id, row.status, row.submission_id)]


def _accept_children(connection: Connection, keys: list[str]) -> list[int]:
    """Only a call whose answer was not 202 can have been followed by another, and so by a split."""
    parents = (
        select(submissions.c.id.label("submission_id"), submissions.c.batch_id, submissions.c.generation)
        .add_columns(batches.c.mailing_id)
        .join(batches, batches.c.id == submissions.c.batch_id)
        .where(
            submissions.c.key.in_(keys),
            or_(submissions.c.answer.is_(None), submissions.c.answer.not_in(("accepted", "validated"))),
        )
    )
    moved: list[int] = []
    for parent in connection.execute(parents).all():
        family = [parent.batch_id]
        first = True
        while family:
            children = (
                select(batches.c.id, batches.c.status)
                .where(batches.c.mailing_id == parent.mailing_id, batches.c.parent_id.in_(family))
                .where(batches.c.generation == parent.generation)
            )
            if first:
                children = children.where(batches.c.made_after >= parent.submission_id)
            rows = connection.execute(children).all()
            for row in rows:
                if row.status in _CHILD_SETTLES and _submit(connection, row.id, row.status, parent.submission_id):
                    moved.append(row.id)
            family, first = [row.id for row in rows], False
    return moved


def _submit(connection: Connection, batch_id: int, status: str, submission_id: int) -> bool:
    # The status read before is named again: if it changed meanwhile, the row count is 0 and nothing happens.
    done = changed(
        connection,
        update(batches)
        .where(batches.c.id == batch_id, batches.c.status == status)
        .values(status=BatchStatus.SUBMITTED, claim_token=None, lease_until=None, problem=None, set_aside=None),
    )
    if done:
        log_move("batch", batch_id, status, BatchStatus.SUBMITTED, evidence=submission_id)
        _name_text(connection, batch_id, submission_id)
    return done == 1


def _name_text(connection: Connection, batch_id: int, submission_id: int) -> None:
    """A batch that was corrected after the proven call names the text its readers have: the one that call carried."""
    carried = select(submissions.c.edition_id).where(submissions.c.id == submission_id)
    edition_id = connection.execute(carried).scalar_one()
    if edition_id is None:  # a call from before that was written down
        return
    renamed = changed(
        connection,
        update(batches)
        .where(batches.c.id == batch_id, batches.c.edition_id != edition_id)
        .values(edition_id=edition_id),
    )
    if renamed:
        changed(connection, update(deliveries).where(deliveries.c.batch_id == batch_id).values(edition_id=edition_id))

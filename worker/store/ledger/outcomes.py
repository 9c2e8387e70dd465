"""Outcomes: what became of a delivery at the reader's provider. Any order of events ends in the same outcome and time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from worker.domain.delivery import OUTCOME_ORDER, Outcome
from worker.store.engine import Connection
from worker.store.instants import to_millis
from worker.store.ledger.evidence import batches_of
from worker.store.rows import encode_rows, rows_source, statement

_PLACES = {outcome: place for place, outcome in enumerate(OUTCOME_ORDER)}
_WHENS = " ".join(f"WHEN '{outcome.value}' THEN {place}" for outcome, place in _PLACES.items())
_PLACE = f"CASE deliveries.outcome {_WHENS} ELSE -1 END"
_CHUNK = 5_000  # rows in one statement
_COLUMNS = {"delivery": "bigint", "batch": "bigint", "place": "bigint", "outcome": "text", "at": "bigint"}


def record_outcomes(connection: Connection, outcomes: Sequence[tuple[int, str, Outcome, datetime]]) -> None:
    """Record (delivery id, submission key, outcome, its time) rows.

    Ignored: a delivery that was not part of that submission, and an outcome that stands before the one recorded. Of two
    that say the same, the earlier one's time is kept.
    """
    batches = batches_of(connection, {key for _, key, _, _ in outcomes})
    best: dict[tuple[int, int], tuple[int, int]] = {}
    for delivery, key, outcome, at in outcomes:
        batch = batches.get(key)
        if batch is None:
            continue
        rank = _PLACES[outcome], -to_millis(at)
        if best.get((delivery, batch), (-1, 0)) < rank:
            best[delivery, batch] = rank
    rows = [  # in one order everywhere: two calls at once wait for one another, and seldom deadlock
        {"delivery": delivery, "batch": batch, "place": place, "outcome": OUTCOME_ORDER[place].value, "at": -earlier}
        for (delivery, batch), (place, earlier) in sorted(best.items())
    ]
    if not rows:
        return
    update = statement(
        f"UPDATE deliveries SET outcome = given.outcome, outcome_at = given.at FROM {rows_source(connection, _COLUMNS)}"  # noqa: S608
        " WHERE deliveries.id = given.delivery AND deliveries.batch_id = given.batch AND (deliveries.outcome IS NULL"
        f" OR {_PLACE} < given.place OR ({_PLACE} = given.place AND deliveries.outcome_at > given.at))"
    )
    for start in range(0, len(rows), _CHUNK):
        connection.execute(update, {"rows": encode_rows(rows[start : start + _CHUNK])})

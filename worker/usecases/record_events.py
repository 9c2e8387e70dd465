"""Record events: keep them, let them prove what was accepted, note outcomes, suppress who must not be mailed.

One transaction, so an event is either wholly taken in or wholly asked for again. Order and copies never matter.
Opens and clicks are statistics: scanners open and click, so nothing follows from them. Sends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from worker.domain.delivery import Outcome
from worker.domain.event import DropReason, Event, EventType
from worker.domain.suppression import Suppression, SuppressionReason
from worker.store.engine import Connection, Engine, writing
from worker.store.events import add_events, addressed_by, event_key
from worker.store.ledger.evidence import accept_on_evidence
from worker.store.ledger.mailings import need_attention, pause_mailing
from worker.store.ledger.outcomes import record_outcomes
from worker.store.suppressions import suppress

OUTCOMES: dict[EventType, Outcome] = {
    EventType.DEFERRED: Outcome.DEFERRED,
    EventType.DELIVERED: Outcome.DELIVERED,
    EventType.BLOCKED: Outcome.BLOCKED,
    EventType.BOUNCED: Outcome.BOUNCED,
    EventType.DROPPED: Outcome.DROPPED,
    EventType.COMPLAINED: Outcome.COMPLAINED,
}

# `blocked` is not here: it says something about our reputation or the hour, nothing about the address.
SUPPRESSING: dict[EventType, SuppressionReason] = {
    EventType.BOUNCED: SuppressionReason.BOUNCED,
    EventType.COMPLAINED: SuppressionReason.COMPLAINED,
    EventType.UNSUBSCRIBED: SuppressionReason.UNSUBSCRIBED,
}

SUPPRESSING_DROPS: dict[DropReason, SuppressionReason] = {
    DropReason.BOUNCED: SuppressionReason.BOUNCED,
    DropReason.UNSUBSCRIBED: SuppressionReason.UNSUBSCRIBED,
    DropReason.COMPLAINED: SuppressionReason.COMPLAINED,
    DropReason.INVALID: SuppressionReason.INVALID,
}

OVER_QUOTA = "SendGrid dropped mail: the account's quota is used up. Raise the plan or wait, then resume."


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of one call: events in it, new ones, batches proven accepted, suppressions written."""

    received: int
    new: int
    settled_batches: tuple[int, ...] = ()
    suppressions: int = 0
    over_quota: tuple[int, ...] = ()  # mailings stopped because the account's quota is used up


def record_events(engine: Engine, events: Sequence[Event], now: datetime) -> Recorded:
    """Take in the events of one call; `now` is when it came. Copies of known events change nothing."""
    with writing(engine) as connection:
        new = add_events(connection, events, now)
        if not new:
            return Recorded(received=len(events), new=0)
        # Whatever SendGrid says of a message, it can only say after having accepted the POST that carried it.
        proven = {event.submission_key for event in new if event.submission_key}
        settled = accept_on_evidence(connection, sorted(proven)) if proven else []
        record_outcomes(connection, _outcomes(new))
        return Recorded(
            received=len(events),
            new=len(new),
            settled_batches=tuple(settled),
            suppressions=_suppress(connection, new),
            over_quota=_over_quota(connection, new),
        )


def _outcomes(new: Sequence[Event]) -> list[tuple[int, str, Outcome, datetime]]:
    return sorted(
        (event.delivery_id, event.submission_key, OUTCOMES[event.type], event.at)
        for event in new
        if event.type in OUTCOMES and event.delivery_id is not None and event.submission_key
    )


def _reason(event: Event) -> SuppressionReason | None:
    if event.type is EventType.DROPPED:
        return SUPPRESSING_DROPS.get(event.drop_reason) if event.drop_reason else None
    return SUPPRESSING.get(event.type)


def _suppress(connection: Connection, new: Sequence[Event]) -> int:
    telling = [(event, reason) for event in new if (reason := _reason(event))]
    # Where the event's address cannot be read, its delivery still says whom it is about.
    nameless = {event.delivery_id for event, _ in telling if event.delivery_id and event_key(event) is None}
    ours = addressed_by(connection, nameless)
    found = []
    for event, reason in telling:
        key = event_key(event)
        if key is None and event.delivery_id in ours:
            key = ours[event.delivery_id].address_key
        if key is not None:
            found.append(Suppression(key, reason, event.at, f"event:{event.dedupe_key}"))
    return suppress(connection, found)


def _over_quota(connection: Connection, new: Sequence[Event]) -> tuple[int, ...]:
    dropped = {e.delivery_id for e in new if e.drop_reason is DropReason.QUOTA and e.delivery_id is not None}
    mailings = sorted({one.mailing_id for one in addressed_by(connection, dropped).values()})
    for mailing_id in mailings:
        # Going on would hand over mail that is thrown away, and a batch once accepted is never sent again.
        if not pause_mailing(connection, mailing_id, OVER_QUOTA):
            need_attention(connection, mailing_id, OVER_QUOTA)
    return tuple(mailings)

"""Record events: keep them, let them prove what was accepted, and do what worker/domain/event_effects.py says of each.

One transaction, so an event is either wholly taken in or wholly asked for again. Order and copies never matter.
Sends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from worker.domain.delivery import Outcome
from worker.domain.event import Event, EventType
from worker.domain.event_effects import ATTENTION, Consequence, Effect, effect_of
from worker.domain.suppression import OPT_OUTS, Suppression, SuppressionReason
from worker.store.consent import hold_addresses
from worker.store.engine import Connection, Engine, write
from worker.store.events import Addressed, add_events, addressed_by, event_key
from worker.store.ledger.escaped import note_escaped
from worker.store.ledger.evidence import accept_on_evidence
from worker.store.ledger.mailings import need_attention, pause_mailing
from worker.store.ledger.outcomes import record_outcomes
from worker.store.ledger.reputation import ask_attention, blocked_too_often
from worker.store.pushes import consents
from worker.store.suppressions import suppress

TOO_MANY_BLOCKED = (
    "Many messages were blocked within an hour: mail servers doubt the sender or the content. Nobody was suppressed for "
    "it. Look at the reasons in SendGrid's activity, and pause if they go on."
)
_LEFT = (Outcome.DELIVERED, Outcome.DEFERRED, Outcome.BLOCKED, Outcome.BOUNCED, Outcome.COMPLAINED)

Told = list[tuple[Event, Effect]]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of one call: events in it, new ones, batches proven accepted, suppressions written."""

    received: int
    new: int
    settled_batches: tuple[int, ...] = ()
    suppressions: int = 0
    over_quota: tuple[int, ...] = ()  # mailings stopped because the account's quota is used up
    need_attention: tuple[int, ...] = ()  # mailings that go on, and that a person should look at


def record_events(engine: Engine, events: Sequence[Event], now: datetime) -> Recorded:
    """Take in the events of one call; `now` is when it came. Copies of known events change nothing."""
    return write(
        engine, lambda connection: _record(connection, events, now)
    )  # two calls at once about the same readers


def _record(connection: Connection, events: Sequence[Event], now: datetime) -> Recorded:
    new = add_events(connection, events, now)
    if not new:
        return Recorded(received=len(events), new=0)
    # Whatever SendGrid says of a message, it can only say after having accepted the POST that carried it.
    proven = {event.submission_key for event in new if event.submission_key}
    settled = accept_on_evidence(connection, proven) if proven else []
    told = [(event, effect_of(event)) for event in new]
    record_outcomes(connection, _outcomes(told))
    note_escaped(connection, _reached(told))
    return Recorded(
        received=len(events),
        new=len(new),
        settled_batches=tuple(settled),
        suppressions=_suppress(connection, told),
        over_quota=_over_quota(connection, told),
        need_attention=_need_attention(connection, told),
    )


def _reached(told: Told) -> set[tuple[int, str]]:
    """Mail that has left SendGrid, whatever became of it. `processed` says only that it was taken."""
    return {
        (event.delivery_id, event.submission_key)
        for event, effect in told
        if event.delivery_id
        and event.submission_key
        and (effect.outcome in _LEFT or event.type in (EventType.OPENED, EventType.CLICKED))
    }


def _outcomes(told: Told) -> list[tuple[int, str, Outcome, datetime]]:
    return [
        (event.delivery_id, event.submission_key, effect.outcome, event.at)
        for event, effect in told
        if effect.outcome is not None and event.delivery_id is not None and event.submission_key
    ]


def _suppress(connection: Connection, told: Told) -> int:
    telling = [(event, effect.suppression) for event, effect in told if effect.suppression is not None]
    asked = {
        event.delivery_id
        for event, reason in telling
        if event.delivery_id and (reason in OPT_OUTS or event_key(event) is None)
    }
    ours = addressed_by(connection, asked)
    noes = {ours[event.delivery_id].subscriber_id for event, reason in telling if event.delivery_id in ours}
    now_at = hold_addresses(connection, {one for one in noes if one is not None})
    found = [
        Suppression(key, reason, event.at, f"event:{event.dedupe_key}")
        for event, reason in telling
        for key in _keys(event, reason, ours.get(event.delivery_id or 0), now_at)
    ]
    return suppress(connection, _since_consent(connection, found))


def _keys(event: Event, reason: SuppressionReason, sent: Addressed | None, now_at: Mapping[int, str]) -> list[str]:
    """Which addresses an event is about; where its own cannot be read, its delivery still says so.

    Whoever says no says it themself, also where they have another address since, or another record.
    """
    keys = {event_key(event) or (sent.address_key if sent else None)}
    if reason in OPT_OUTS and sent is not None and sent.subscriber_id is not None:
        keys.add(now_at.get(sent.subscriber_id))
    return sorted(filter(None, keys))


def _since_consent(connection: Connection, found: Sequence[Suppression]) -> list[Suppression]:
    """Without opt-outs from before the reader's own consent: they left, came back, and SendGrid tells of the first again."""
    left = {one.address_key for one in found if one.reason is SuppressionReason.UNSUBSCRIBED}
    since = consents(connection, left) if left else {}
    return [
        one
        for one in found
        if not (
            one.reason is SuppressionReason.UNSUBSCRIBED
            and one.address_key in since
            and one.at < since[one.address_key]
        )
    ]


def _over_quota(connection: Connection, told: Told) -> tuple[int, ...]:
    stopped: dict[int, str] = {}
    for event, mailing_id in _about_mailings(connection, told, Consequence.PAUSED):
        stopped[mailing_id] = _reason(event)
    for mailing_id, reason in sorted(stopped.items()):
        # Going on would hand over mail that is thrown away, and a batch once accepted is never sent again.
        if not pause_mailing(connection, mailing_id, reason):
            need_attention(connection, mailing_id, reason)
    return tuple(sorted(stopped))


def _need_attention(connection: Connection, told: Told) -> tuple[int, ...]:
    asked = {
        mailing_id
        for event, mailing_id in _about_mailings(connection, told, Consequence.ATTENTION)
        if ask_attention(connection, mailing_id, _reason(event))
    }
    blocked = _about_mailings(connection, told, Consequence.COUNTED)
    if blocked:
        times = [event.at for event, _ in blocked]
        often = blocked_too_often(connection, {mailing_id for _, mailing_id in blocked}, min(times), max(times))
        asked |= {mailing_id for mailing_id in often if ask_attention(connection, mailing_id, TOO_MANY_BLOCKED)}
    return tuple(sorted(asked))


def _about_mailings(connection: Connection, told: Told, consequence: Consequence) -> list[tuple[Event, int]]:
    """Events with this consequence, each with its mailing; those of mail we do not know are left out."""
    found = [
        (event, event.delivery_id) for event, effect in told if effect.mailing is consequence and event.delivery_id
    ]
    ours = addressed_by(connection, {delivery_id for _, delivery_id in found})
    return [(event, ours[delivery_id].mailing_id) for event, delivery_id in found if delivery_id in ours]


def _reason(event: Event) -> str:
    assert event.drop_reason is not None  # noqa: S101  only drops have such a consequence (worker/domain/event_effects.py)
    return ATTENTION[event.drop_reason]

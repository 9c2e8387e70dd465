"""Events: every notification we were sent, once. Kept whatever its type; what follows from it is not decided here.

`dedupe_key` is unique, so a copy of an event (SendGrid sends three on average, up to 46 were seen) adds no row.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import TextClause, select

from worker.domain.address import address_key
from worker.domain.erasure import is_hash
from worker.domain.event import Event
from worker.store.engine import Connection
from worker.store.erased import erased_among
from worker.store.instants import to_millis
from worker.store.rows import encode_rows, rows_source, statement
from worker.store.tables import deliveries, events

CHUNK = 5_000  # rows in one statement, of at most a few kB each
_IDS = 500  # ids in one query
_COLUMNS = {
    "dedupe_key": "text",
    "sg_event_id": "text",
    "type": "text",
    "happened_at": "bigint",
    "received_at": "bigint",
    "address_key": "text",
    "delivery_id": "bigint",
    "submission_key": "text",
    "reason": "text",
    "url": "text",
    "status": "text",
    "classification": "text",
}


@dataclass(frozen=True, slots=True)
class Addressed:
    """Where a delivery belongs, which address it went to, and whose it is; nobody's, where an address was named for it."""

    mailing_id: int
    address_key: str
    subscriber_id: int | None


def add_events(connection: Connection, found: Sequence[Event], received_at: datetime) -> list[Event]:
    """Keep events; returns those not seen before, each once, in the order of `found`.

    They come back as a database can hold them: no NUL, no half of a surrogate pair, ids that fit 63 bits. One odd
    event must not keep a whole call of a thousand from being recorded.
    """
    _lock(connection, "ROW EXCLUSIVE")  # before asking who is erased, not first when writing
    first: dict[str, Event] = {}
    for event in map(_storable, found):
        first.setdefault(event.dedupe_key, event)
    # Two calls at once may carry the same events; inserting in one order keeps them from a deadlock.
    ordered = sorted(first)
    new: set[str] = set()
    for start in range(0, len(ordered), CHUNK):
        new |= _insert(connection, [first[key] for key in ordered[start : start + CHUNK]], to_millis(received_at))
    return [event for key, event in first.items() if key in new]


def wait_for_events(connection: Connection) -> None:
    """Whatever is being recorded at this moment is recorded first, and nothing else is until this transaction ends.

    For an erasure: what is recorded meanwhile has looked who is erased before, and would keep the address as it stands.
    """
    _lock(connection, "SHARE ROW EXCLUSIVE")


def _lock(connection: Connection, mode: str) -> None:
    if connection.dialect.name == "postgresql":  # SQLite lets one writer in at a time
        connection.exec_driver_sql(f"LOCK TABLE events IN {mode} MODE")


def addressed_by(connection: Connection, delivery_ids: Collection[int]) -> dict[int, Addressed]:
    """The deliveries among `delivery_ids` that exist here, each with its mailing and address."""
    ids = sorted(delivery_ids)
    found: dict[int, Addressed] = {}
    for start in range(0, len(ids), _IDS):
        query = select(deliveries).where(deliveries.c.id.in_(ids[start : start + _IDS]))
        for row in connection.execute(query):
            whose = row.subscriber_id if row.address is None else None
            found[row.id] = Addressed(row.mailing_id, row.address_key, whose)
    return found


def event_key(event: Event) -> str | None:
    """The address key of an event; None where its address cannot be one."""
    try:
        return address_key(event.address)
    except ValueError:
        return None


def _storable(event: Event) -> Event:
    known = event.delivery_id is None or 0 < event.delivery_id < 2**63
    texts = (
        f"{event.address}{event.dedupe_key}{event.sg_event_id}{event.submission_key}{event.reason}{event.url}"
        f"{event.status}"
    )
    if known and texts.isascii() and "\0" not in texts:  # nearly every event
        return event
    return replace(
        event,
        address=_text(event.address),
        dedupe_key=_text(event.dedupe_key),
        sg_event_id=_text(event.sg_event_id),
        delivery_id=event.delivery_id if known else None,
        submission_key=_text(event.submission_key) if event.submission_key else None,
        reason=_text(event.reason),
        url=_text(event.url),
        status=_text(event.status),
    )


def _text(value: str) -> str:
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _insert(connection: Connection, chunk: Sequence[Event], received_millis: int) -> set[str]:
    keys = _kept_keys(connection, chunk)
    rows = [
        {
            "dedupe_key": event.dedupe_key,
            "sg_event_id": event.sg_event_id,
            "type": event.type.value,
            "happened_at": to_millis(event.at),
            "received_at": received_millis,
            "address_key": keys[event.dedupe_key],
            "delivery_id": event.delivery_id,
            "submission_key": event.submission_key,
            "reason": "" if is_hash(keys[event.dedupe_key] or "") else event.reason,
            "url": "" if is_hash(keys[event.dedupe_key] or "") else event.url,
            "status": event.status,
            "classification": event.bounce_class.value if event.bounce_class else "",
        }
        for event in chunk
    ]
    return set(connection.execute(_statement(connection), {"rows": encode_rows(rows)}).scalars())


def _kept_keys(connection: Connection, chunk: Sequence[Event]) -> dict[str, str | None]:
    """The address key to keep for each event, by its dedupe key: of an erased address the hash."""
    keys = {event.dedupe_key: event_key(event) for event in chunk}
    erased = erased_among(connection, set(filter(None, keys.values())), strict=False, unless_here=True)
    return {name: erased.get(key, key) if key else None for name, key in keys.items()} if erased else keys


def _statement(connection: Connection) -> TextClause:
    names = ", ".join(_COLUMNS)
    # `WHERE true`: SQLite could not tell ON CONFLICT from a join's ON otherwise.
    return statement(
        f"INSERT INTO {events.name} ({names}) SELECT {names} FROM {rows_source(connection, _COLUMNS)} WHERE true"  # noqa: S608
        " ON CONFLICT (dedupe_key) DO NOTHING RETURNING dedupe_key"
    )

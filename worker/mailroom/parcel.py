"""Mail that waits for its hour: a request cut by `send_at`, kept as the bytes it came in. Pure.

A personalization's own `send_at` wins over the message's, so one request can have several hours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Parcel:
    """The rows of one request that have one hour. `due` is Unix seconds; `batch_id` may be empty.

    `number` counts what arrived, over all requests. `rows` are the places its rows had in the request. `waits` is False
    for what was due when it came.
    """

    number: int
    due: float
    batch_id: str
    message_id: str
    messages: int
    accepted_at: float
    waits: bool
    rows: range | tuple[int, ...]
    content: bytes = field(repr=False)  # bytes: a decoded request takes five times the room

    def request(self) -> dict[str, Any]:
        """The request with these rows alone."""
        found: dict[str, Any] = orjson.loads(self.content)
        return found


def has_an_hour(request: Mapping[str, Any]) -> bool:
    """Whether anything about a request has to do with hours or batch ids. Quick, for nearly none has."""
    if "send_at" in request or "batch_id" in request:
        return True
    return any(["send_at" in row for row in request["personalizations"]])  # noqa: C419 - a list is quicker here


def parcels(request: Mapping[str, Any], message_id: str, number: int, now: float) -> Iterator[Parcel]:
    """A request's parcels, the first to go first. Without an hour, or with one that has passed, mail is due now."""
    rows = request["personalizations"]
    hours: dict[float, list[int]] = {}
    for place, row in enumerate(rows):
        hours.setdefault(max(row.get("send_at", request.get("send_at", 0)), now), []).append(place)
    for due, places in sorted(hours.items()):
        own = [rows[place] for place in places]
        yield Parcel(
            number=number,
            due=due,
            batch_id=request.get("batch_id", ""),
            message_id=message_id,
            messages=sum(len(row[name]) for row in own for name in ("to", "cc", "bcc") if name in row),
            accepted_at=now,
            waits=due > now,
            rows=range(len(rows)) if len(places) == len(rows) else tuple(places),
            content=orjson.dumps({**request, "personalizations": own}),
        )

"""The mailroom's suppression lists: who stands on them, and whose mail is dropped for it. Thread-safe; posts nothing."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LISTS = ("bounces", "blocks", "invalid_emails", "spam_reports", "unsubscribes")

#: List -> the reason of a drop (SendGrid's event reference). Blocks drop nothing. The first that holds counts.
DROPS: Mapping[str, str] = {
    "unsubscribes": "Unsubscribed Address",
    "spam_reports": "Spam Reporting Address",
    "bounces": "Bounced Address",
    "invalid_emails": "Invalid",
}

_BYPASSES: Mapping[str, str] = {
    "bypass_unsubscribe_management": "unsubscribes",
    "bypass_spam_management": "spam_reports",
    "bypass_bounce_management": "bounces",
}


@dataclass(frozen=True, slots=True)
class Dropped:
    """A personalization that is not delivered: its place in the request, its one address, why."""

    place: int
    address: str
    reason: str
    custom_args: Mapping[str, str]


class Suppressions:
    """Addresses are known by their lower case."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lists: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in LISTS}

    def add(self, name: str, address: str, created: int, **more: str) -> None:
        """Put an address on a list since `created` (Unix seconds), unless it stands there; `more`: reason, status, ip."""
        with self._lock:
            self._lists[name].setdefault(address.lower(), {"created": created, "email": address, **more})

    def remove(self, name: str, addresses: Iterable[str] | None = None) -> None:
        """Take addresses off a list; None: all of them."""
        with self._lock:
            if addresses is None:
                self._lists[name].clear()
            for address in addresses or ():
                self._lists[name].pop(address.lower(), None)

    def find(self, name: str, address: str) -> dict[str, Any] | None:
        """An address's entry."""
        with self._lock:
            return self._lists[name].get(address.lower())

    def page(self, name: str, limit: int, offset: int, start: int, end: int) -> list[dict[str, Any]]:
        """Entries created from `start` to `end`, the newest first, `limit` of them after `offset`."""
        with self._lock:
            entries = [one for one in self._lists[name].values() if start <= one["created"] <= end]
        entries.sort(key=lambda one: (-one["created"], one["email"]))
        return entries[offset : offset + limit]

    def addresses(self, name: str) -> list[str]:
        """Everybody on a list, as written, in order of the alphabet."""
        with self._lock:
            return sorted(one["email"] for one in self._lists[name].values())

    def dropped(self, request: Mapping[str, Any]) -> list[Dropped]:
        """Which personalizations of a request with one recipient each are dropped."""
        with self._lock:
            passed = _passed(request)
            listed = {name: self._lists[name] for name in DROPS if self._lists[name] and name not in passed}
            if not listed:
                return []
            above = request.get("custom_args", {})
            return [
                Dropped(place, address, DROPS[name], {**above, **row.get("custom_args", {})})
                for place, row in enumerate(request["personalizations"])
                for address in [row["to"][0]["email"]]
                if len(row["to"]) == 1
                for name in [next((name for name, on in listed.items() if address.lower() in on), None)]
                if name is not None
            ]


def _passed(request: Mapping[str, Any]) -> set[str]:
    """The lists this request is not held against (mail_settings in the OpenAPI)."""
    settings = request.get("mail_settings", {})
    on = {name for name in settings if name.startswith("bypass_") and settings[name].get("enable") is True}
    return set(DROPS) if "bypass_list_management" in on else {_BYPASSES[name] for name in on if name in _BYPASSES}


def without(request: dict[str, Any], dropped: Sequence[Dropped]) -> dict[str, Any]:
    """The request without what is dropped; it may have no personalization left."""
    gone = {one.place for one in dropped}
    rows = request["personalizations"]
    return {**request, "personalizations": [row for place, row in enumerate(rows) if place not in gone]}


def drop_events(dropped: Sequence[Dropped], message_id: str, at: int) -> Iterator[dict[str, Any]]:
    """What the event webhook tells of them: `dropped`, and nothing before it."""
    for one in dropped:
        yield {
            **one.custom_args,
            "email": one.address,
            "timestamp": at,
            "smtp-id": f"<{secrets.token_urlsafe(12)}@mailroom.test>",
            "event": "dropped",
            "reason": one.reason,
            "status": "5.0.0",
            "sg_event_id": secrets.token_urlsafe(16),
            "sg_message_id": f"{message_id}.recvd-mailroom-{one.place}.0",
        }

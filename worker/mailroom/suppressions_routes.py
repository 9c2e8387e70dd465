"""The calls about suppression lists. Shapes are the official OpenAPI's (tsg_suppressions_v3).

There are no groups here: Broadsheet never uses one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

from worker.mailroom.calls import Call
from worker.mailroom.faults import error_body, json_answer
from worker.mailroom.suppressions import LISTS, Suppressions
from worker.mailroom.wire import Answer

_MOST_ROWS = 500
_END_OF_TIME = 2**53
_ADDRESS = re.compile(r"[\x21-\x7e]{1,64}@[A-Za-z0-9.-]{1,255}")


class SuppressionCalls:
    """/v3/suppression/{list}, /v3/suppression/{list}/{email}, and /v3/asm/suppressions/global."""

    def __init__(self, lists: Suppressions, now: Callable[[], float]) -> None:
        self._lists = lists
        self._now = now

    def answer(self, call: Call) -> Answer | None:
        """The answer to a call of this room."""
        match call.method, call.parts:
            case "GET", ("suppression", name) if name in LISTS:
                return self._page(name, call)
            case "GET", ("suppression", name, address) if name in LISTS:
                found = self._lists.find(name, address)
                return _json(200, [found] if found else [])
            case "DELETE", ("suppression", name) if name in LISTS:
                return self._empty(name, call)
            case "DELETE", ("suppression", name, address) if name in LISTS:
                return self._remove(name, address, call)
            case "POST", ("asm", "suppressions", "global"):
                return self._add(call)
            case "GET", ("asm", "suppressions", "global", address):
                found = self._lists.find("unsubscribes", address)
                return _json(200, {"recipient_email": found["email"]} if found else {})
            case "DELETE", ("asm", "suppressions", "global", address):
                return self._remove("unsubscribes", address, call)
        return None

    def _page(self, name: str, call: Call) -> Answer:
        asked = {"limit": _MOST_ROWS, "offset": 0, "start_time": 0, "end_time": _END_OF_TIME}
        for field in asked:
            if field in call.query:
                if not re.fullmatch("[0-9]{1,15}", call.query[field]):
                    return _wrong(f"{field} must be a whole number", field)
                asked[field] = int(call.query[field])
        if not 1 <= asked["limit"] <= _MOST_ROWS:
            return _wrong(f"limit must be from 1 to {_MOST_ROWS}", "limit")
        return _json(200, self._lists.page(name, *asked.values()))

    def _add(self, call: Call) -> Answer:
        addresses = call.body.get("recipient_emails") if isinstance(call.body, dict) else None
        if not isinstance(addresses, list) or not addresses:
            return _wrong("recipient_emails must be a list of addresses", "recipient_emails")
        for place, address in enumerate(addresses):
            if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
                return _wrong("the address is not valid", f"recipient_emails.{place}")
        if call.does:
            for address in addresses:
                self._lists.add("unsubscribes", address, int(self._now()))
        return _json(201, {"recipient_emails": addresses})

    def _empty(self, name: str, call: Call) -> Answer:
        match call.body:
            case {"delete_all": True}:
                addresses = None
            case {"emails": [*addresses]} if all(isinstance(one, str) for one in addresses):
                pass
            case _:
                return _wrong("give delete_all or emails", None)
        if call.does:
            self._lists.remove(name, addresses)
        return Answer(204)

    def _remove(self, name: str, address: str, call: Call) -> Answer:
        if self._lists.find(name, address) is None:
            return json_answer(404, error_body("not found"))
        if call.does:
            self._lists.remove(name, [address])
        return Answer(204)


def _json(status: int, content: Any) -> Answer:
    return json_answer(status, orjson.dumps(content))


def _wrong(message: str, field: str | None) -> Answer:
    return json_answer(400, error_body(message, field))

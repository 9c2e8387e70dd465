"""What the mailroom's account says of itself: scopes, senders, webhooks. Read-only; it is what the options say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from worker.mailroom.calls import Call
from worker.mailroom.faults import json_answer
from worker.mailroom.options import MailroomOptions
from worker.mailroom.wire import Answer

_EVENTS = ("bounce", "deferred", "delivered", "dropped", "group_unsubscribe", "processed", "spam_report", "unsubscribe")
_OFF = ("click", "group_resubscribe", "open")


class AccountCalls:
    """GET of /v3/scopes, /v3/verified_senders, /v3/whitelabel/domains, /v3/user/webhooks/event/settings/all."""

    def __init__(self, options: MailroomOptions, public_key: Callable[[], str]) -> None:
        self._options = options
        self._public_key = public_key

    def answer(self, call: Call) -> Answer | None:
        """The answer to a call of this room."""
        match call.method, call.parts:
            case "GET", ("scopes",):
                return _json({"scopes": list(self._options.scopes)})
            case "GET", ("verified_senders",):
                return _json({"results": [self._sender(*one) for one in enumerate(self._options.verified_senders, 1)]})
            case "GET", ("whitelabel", "domains"):
                return _json([self._domain(*one) for one in enumerate(self._options.domains, 1)])
            case "GET", ("user", "webhooks", "event", "settings", "all"):
                return _json({"max_allowed": 1, "webhooks": [self._webhook() if self._options.events_url else {}]})
        return None

    def _sender(self, number: int, address: str) -> dict[str, Any]:
        return {"id": number, "from_email": address, "verified": True, "locked": False}

    def _domain(self, number: int, domain: str) -> dict[str, Any]:
        return {"id": number, "domain": domain, "subdomain": "em", "valid": True}

    def _webhook(self) -> dict[str, Any]:
        return {
            "id": "mailroom",
            "enabled": True,
            "url": self._options.events_url,
            "public_key": self._public_key(),
            **dict.fromkeys(_EVENTS, True),
            **dict.fromkeys(_OFF, False),
        }


def _json(content: Any) -> Answer:
    return json_answer(200, orjson.dumps(content))

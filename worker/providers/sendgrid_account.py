"""SendGrid's account, asked about itself. Read-only, but for `probe`, which is a mail send call.

Shapes: the official OpenAPI's tsg_scopes_v3, tsg_verified_senders_v3, tsg_domain_authentication_v3, tsg_webhooks_v3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from worker.providers.account import NotTold, Probed, Scopes, Senders, Webhook
from worker.providers.base import Submission
from worker.providers.sendgrid_api import ApiAnswer, ApiUnreached, SendGridApi
from worker.providers.sendgrid_payload import build_payload

_RATE_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After")
_PADDING = "-padding-"
_PAGE = 200


class SendGridAccount:
    """Each method is one or two GETs (or one POST), each made once."""

    def __init__(self, api: SendGridApi) -> None:
        self._api = api

    def scopes(self) -> Scopes | NotTold:
        """GET /v3/scopes."""
        answer = self._api.call("GET", ("scopes",))
        found = _content(answer)
        if isinstance(found, NotTold):
            return found
        names = found.get("scopes") if isinstance(found, dict) else None
        if not isinstance(names, list) or isinstance(answer, ApiUnreached):
            return NotTold("SendGrid's answer names no scopes", 200)
        return Scopes(frozenset(one for one in names if isinstance(one, str)), _date(answer.headers))

    def senders(self) -> Senders | NotTold:
        """GET /v3/verified_senders and /v3/whitelabel/domains; what one of them hides, the other may show."""
        single = _content(self._api.call("GET", ("verified_senders",), query={"limit": _PAGE}))
        domains = _content(self._api.call("GET", ("whitelabel", "domains"), query={"limit": _PAGE}))
        if isinstance(single, NotTold) and isinstance(domains, NotTold):
            return single
        results = single.get("results") if isinstance(single, dict) else None
        return Senders(
            frozenset(str(one.get("from_email")).lower() for one in _dicts(results) if one.get("verified") is True),
            frozenset(str(one.get("domain")).lower() for one in _dicts(domains) if one.get("valid") is True),
        )

    def webhooks(self) -> Sequence[Webhook] | NotTold:
        """GET /v3/user/webhooks/event/settings/all."""
        found = _content(self._api.call("GET", ("user", "webhooks", "event", "settings", "all")))
        if isinstance(found, NotTold):
            return found
        hooks = found.get("webhooks") if isinstance(found, dict) else None
        return [
            Webhook(
                url=str(one.get("url") or ""),
                enabled=one.get("enabled") is True,
                public_key=str(one.get("public_key") or ""),
                events=frozenset(name for name, on in one.items() if on is True and name != "enabled"),
            )
            for one in _dicts(hooks)
            if one  # an account without any is shown as one empty object
        ]

    def probe(self, submission: Submission, *, twice: bool = False, merge_bytes: int = 0) -> Probed | NotTold:
        """POST /v3/mail/send. Nothing is tried again."""
        if (twice or merge_bytes) and not submission.sandbox:
            raise ValueError("what may be refused or doubled is only asked in sandbox mode")
        body: dict[str, Any] = orjson.loads(build_payload(submission))
        rows: list[dict[str, Any]] = body["personalizations"]
        if twice:
            rows.append(rows[0])
        if merge_bytes:
            rows[0]["substitutions"] = {_PADDING: "x" * (merge_bytes - len(_PADDING))}
        answer = self._api.call("POST", ("mail", "send"), body=body)
        if isinstance(answer, ApiUnreached):
            return NotTold(answer.reason, answer.status)
        rate = {name: value for name in _RATE_HEADERS if (value := answer.headers.get(name)) is not None}
        return Probed(answer.status, answer.reason(), rate)


def _content(answer: ApiAnswer | ApiUnreached) -> Any:
    """The decoded body of a 200, or NotTold."""
    if isinstance(answer, ApiUnreached):
        return NotTold(answer.reason, answer.status)
    return answer.json() if answer.status == 200 else NotTold(answer.reason(), answer.status)


def _dicts(found: Any) -> list[dict[str, Any]]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _date(headers: Mapping[str, str]) -> datetime | None:
    try:
        at = parsedate_to_datetime(headers.get("Date", ""))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)

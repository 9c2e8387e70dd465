"""SendGrid's suppression lists over its API. Shapes: the official OpenAPI's tsg_suppressions_v3.

Opt-outs go to the global list alone, never to a group: a group that is gone would put them there anyway, and one that is
there would stop other mail only. Blocks are read for nobody's harm: they say nothing about an address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from worker.domain.event import BounceClass, EventType
from worker.domain.event_effects import EFFECTS
from worker.domain.suppression import SuppressionReason
from worker.providers.scheduled import Declined, Done, Unreached
from worker.providers.sendgrid_api import ApiAnswer, ApiUnreached, SendGridApi
from worker.providers.sendgrid_bounces import bounce_class
from worker.providers.suppression_lists import Entry, ListName, Page

PAGE_ROWS = 500  # the most in a page (PaginationCommonLimit)
_GLOBAL = ("asm", "suppressions", "global")
_MISSING_SCOPE = "; the key needs the scopes suppression.read and asm.suppressions.global.create and .delete"
_REASONS: dict[ListName, SuppressionReason | None] = {
    ListName.BLOCKS: None,
    ListName.INVALID: SuppressionReason.INVALID,
    ListName.COMPLAINTS: SuppressionReason.COMPLAINED,
    ListName.OPT_OUTS: SuppressionReason.UNSUBSCRIBED,
}


class SendGridLists:
    """Each method is one call, made once."""

    def __init__(self, api: SendGridApi) -> None:
        self._api = api

    def read(self, name: ListName, since: datetime | None, until: datetime, offset: int) -> Page | Declined | Unreached:
        """GET /v3/suppression/{name}. Rows that cannot be read are counted and left out."""
        query: dict[str, str | int] = {"limit": PAGE_ROWS, "offset": offset, "end_time": int(until.timestamp())}
        if since is not None:
            query["start_time"] = max(int(since.timestamp()), 0)
        answer = self._api.call("GET", ("suppression", name.value), query=query)
        if not isinstance(answer, ApiAnswer) or answer.status != 200:
            return _otherwise(answer)
        rows = answer.json()
        if not isinstance(rows, list):
            return Unreached("SendGrid answered with no list", 200)
        entries = [entry for row in rows if isinstance(row, dict) and (entry := _entry(name, row, until))]
        return Page(entries, len(rows), last=len(rows) < PAGE_ROWS)

    def add(self, addresses: Sequence[str]) -> Done | Declined | Unreached:
        """POST /v3/asm/suppressions/global."""
        answer = self._api.call("POST", _GLOBAL, body={"recipient_emails": list(addresses)})
        if isinstance(answer, ApiAnswer) and answer.status == 201:
            return Done()
        return _otherwise(answer)

    def remove(self, address: str) -> Done | Declined | Unreached:
        """DELETE /v3/asm/suppressions/global/{email}: 204, or 404 for who is not on it."""
        answer = self._api.call("DELETE", (*_GLOBAL, address))
        if isinstance(answer, ApiAnswer) and answer.status in (204, 404):
            return Done()
        return _otherwise(answer)


def _entry(name: ListName, row: Mapping[str, Any], until: datetime) -> Entry | None:
    address, created, status = row.get("email"), row.get("created"), row.get("status")
    if not isinstance(address, str) or not address or "\0" in address:
        return None
    if name is ListName.BOUNCES:
        kind: BounceClass = bounce_class("", status if isinstance(status, str) else "")
        return Entry(address, _at(created, until), EFFECTS[EventType.BOUNCED, kind].suppression)
    return Entry(address, _at(created, until), _REASONS[name])


def _at(created: Any, until: datetime) -> datetime:
    """Unix seconds; without a usable one the end of what was asked for, so that nobody seems to have come back since."""
    if type(created) is int and 0 < created <= until.timestamp():
        return datetime.fromtimestamp(created, UTC)
    return until


def _otherwise(answer: ApiAnswer | ApiUnreached) -> Declined | Unreached:
    if isinstance(answer, ApiUnreached):
        return Unreached(answer.reason, answer.status)
    if answer.passing or answer.status < 300:
        return Unreached(answer.reason(), answer.status)
    if answer.status < 400:
        return Declined(answer.status, "the API's address redirects elsewhere; check SENDGRID_API_URL")
    hint = _MISSING_SCOPE if answer.status in (401, 403) else ""
    return Declined(answer.status, answer.reason() + hint)

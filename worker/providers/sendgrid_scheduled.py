"""SendGrid as a Scheduler: batch ids, and taking back what waits under them.

SendGrid keeps a status (`pause` or `cancel`) beside an id, at most ten in an account, and has three calls to set,
change and remove it. Its documents leave open how a missing status is answered and how a full account is told from any
other 400, so both are looked up instead of guessed from an error's words.
"""

from __future__ import annotations

import re
from typing import Any

from worker.providers.scheduled import Declined, Done, Reserved, Unreached, Waiting
from worker.providers.sendgrid_api import ApiAnswer, ApiUnreached, Method, SendGridApi

SLOTS = 10  # different ids paused or cancelled at a time: page "Cancel Scheduled Sends" of the API reference, 2026-07

_PATH = ("user", "scheduled_sends")
_STATUSES = {"cancel": Waiting.CANCELLED, "pause": Waiting.PAUSED}
_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_MISSING_SCOPE = "; the key needs the scopes mail.batch and user.scheduled_sends (read, create, update, delete)"


class SendGridScheduler:
    """Each method is one question to SendGrid, asked in as many calls as it takes; each call is made once."""

    def __init__(self, api: SendGridApi) -> None:
        self._api = api

    def reserve(self) -> Reserved | Declined | Unreached:
        """POST /v3/mail/batch."""
        answer = self._ask("POST", ("mail", "batch"))
        if not isinstance(answer, ApiAnswer) or answer.status != 201:
            return _otherwise(answer)
        found = answer.json()
        batch_id = found.get("batch_id") if isinstance(found, dict) else None
        if not isinstance(batch_id, str) or not _ID.fullmatch(batch_id):
            return Unreached("SendGrid answered 201 without a usable batch id", 201)
        return Reserved(batch_id)

    def cancel(self, batch_id: str) -> Done | Declined | Unreached:
        """Set `cancel`; where a status is there already, change it to that. A status that is `cancel` counts as Done."""
        answer = self._ask("POST", _PATH, {"batch_id": batch_id, "status": "cancel"})
        if isinstance(answer, ApiAnswer) and answer.status == 201:
            return Done()
        refusal = _otherwise(answer)
        if isinstance(refusal, Unreached) or refusal.status != 400:
            return refusal
        # 400 says: a status is there already, or all slots are taken, or the id is unknown.
        match self.read(batch_id):
            case Waiting.CANCELLED:
                return Done()
            case Waiting.PAUSED:
                return self._change(batch_id)
            case Waiting.GOES:
                return self._with_slots(refusal)
            case unclear:
                return unclear

    def read(self, batch_id: str) -> Waiting | Declined | Unreached:
        """GET of the one id; where that is answered with 404, of all of them, for a wrong address is a 404 as well."""
        answer = self._ask("GET", (*_PATH, batch_id))
        if isinstance(answer, ApiAnswer) and answer.status == 404:
            answer = self._ask("GET", _PATH)
        statuses = _statuses(answer)
        if not isinstance(statuses, dict):
            return statuses
        status = statuses.get(batch_id)
        if status is None:
            return Waiting.GOES
        return _STATUSES.get(status) or Unreached("SendGrid answered with a status that is not known", 200)

    def free(self, batch_id: str) -> Done | Declined | Unreached:
        """DELETE the status; Done as well where there is none any more."""
        answer = self._ask("DELETE", (*_PATH, batch_id))
        if isinstance(answer, ApiAnswer) and answer.status == 204:
            return Done()
        refusal = _otherwise(answer)
        if isinstance(refusal, Declined) and refusal.status in (400, 404) and self.read(batch_id) is Waiting.GOES:
            return Done()
        return refusal

    def _change(self, batch_id: str) -> Done | Declined | Unreached:
        answer = self._ask("PATCH", (*_PATH, batch_id), {"status": "cancel"})
        return Done() if isinstance(answer, ApiAnswer) and answer.status == 204 else _otherwise(answer)

    def _with_slots(self, refusal: Declined) -> Declined:
        """The refusal, with `full` set if every slot is in use."""
        statuses = _statuses(self._ask("GET", _PATH))
        full = isinstance(statuses, dict) and len(statuses) >= SLOTS
        return Declined(refusal.status, refusal.reason, full=full)

    def _ask(self, method: Method, path: tuple[str, ...], body: Any = None) -> ApiAnswer | ApiUnreached:
        return self._api.call(method, path, body=body)


def _otherwise(answer: ApiAnswer | ApiUnreached) -> Declined | Unreached:
    """What an answer means that is not the one asked for."""
    if isinstance(answer, ApiUnreached):
        return Unreached(answer.reason, answer.status)
    if answer.passing or answer.status < 300:
        return Unreached(answer.reason(), answer.status)
    if answer.status < 400:
        return Declined(answer.status, "the API's address redirects elsewhere; check SENDGRID_API_URL")
    hint = _MISSING_SCOPE if answer.status in (401, 403) else ""
    return Declined(answer.status, answer.reason() + hint)


def _statuses(answer: ApiAnswer | ApiUnreached) -> dict[str, str] | Declined | Unreached:
    """Ids and their statuses of a list; a single object is read as a list of one."""
    if not isinstance(answer, ApiAnswer) or answer.status != 200:
        return _otherwise(answer)
    found = answer.json()
    entries = [found] if isinstance(found, dict) else found
    if not isinstance(entries, list) or not all(_is_status(one) for one in entries):
        return Unreached("SendGrid answered with no list of scheduled sends", 200)
    return {one["batch_id"]: one["status"] for one in entries}


def _is_status(one: object) -> bool:
    return isinstance(one, dict) and isinstance(one.get("batch_id"), str) and isinstance(one.get("status"), str)

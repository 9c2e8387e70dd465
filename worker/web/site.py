"""What every route is given: the context, the link signer, the clock, and how a page is made.

A reader must be able to leave even while `publication.toml` is being edited into something unreadable, so the
masthead falls back to plain words instead of failing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from flask import make_response, render_template
from flask.wrappers import Response

from worker.domain.launch import Launch
from worker.domain.publication import Publication
from worker.errors import BroadsheetError, LinkError
from worker.logs import say
from worker.queue.hints import Hint, enqueue_hints, fresh_window
from worker.render.links import LinkIds, Purpose, Signer
from worker.sources import read_readable_launches

if TYPE_CHECKING:
    from worker.context import Context

log = logging.getLogger("broadsheet.web")

SUBSCRIBE = "/subscribe"
_LARGEST_ID = 2**63 - 1  # of a BIGINT


@dataclass(frozen=True)
class Masthead:
    """What every page says about the publication."""

    name: str = "This newsletter"
    language: str = "en"
    author: str = ""
    description: str = ""
    home: str = ""
    subscribe: str = SUBSCRIBE  # where one subscribes: the author's own page, or ours
    billing: str = ""  # where a paying reader ends the payment
    reply_to: str = ""
    postal_address: str = ""
    zone: str = "UTC"  # whose calendar days are meant


@dataclass(frozen=True)
class Site:
    """One per process. `now` tells the time, so that tests can."""

    context: Context
    now: Callable[[], datetime]

    @property
    def signer(self) -> Signer:
        """Reads and makes the links of this installation."""
        return self.context.signer

    def read(self, token: str, purpose: Purpose) -> LinkIds:
        """What a link says. Raises LinkError for a damaged one, and for ids no database could have given out."""
        ids = self.signer.read(token, purpose)
        if max(ids.subscriber_id, ids.mailing_id, ids.moment) > _LARGEST_ID:
            raise LinkError("this link names nobody", fix="open it again from the mail, whole")
        return ids

    @property
    def masthead(self) -> Masthead:
        """The publication's own words, or plain ones where they cannot be read just now."""
        try:
            return _masthead(self.context.publication)
        except Exception as broken:  # whatever is wrong with a file, a reader can leave
            problem = broken.what if isinstance(broken, BroadsheetError) else type(broken).__name__
            say(log, logging.ERROR, "publication unreadable", problem=problem)
            return Masthead()

    @property
    def launches(self) -> Mapping[str, Launch]:
        """The author's launches by id, those that can be read just now."""
        try:
            return read_readable_launches(self.context.settings.project)[0]
        except Exception as broken:  # the same
            problem = broken.what if isinstance(broken, BroadsheetError) else type(broken).__name__
            say(log, logging.ERROR, "launches unreadable", problem=problem)
            return {}

    def offer(self, due: Sequence[Hint], window: str | None = None) -> None:
        """Enqueue what a use case asked for. Without a queue the clock finds it a moment later."""
        if due and self.context.settings.redis_url:
            enqueue_hints(self.context.queue, due, window=window or fresh_window())

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        """A rendered page; every template extends base.html."""
        return make_response(render_template(template, masthead=self.masthead, **values), status)


def _masthead(publication: Publication) -> Masthead:
    return Masthead(
        name=publication.name,
        language=publication.language,
        author=publication.author,
        description=publication.description,
        home=publication.home,
        subscribe=publication.links.get("subscribe", SUBSCRIBE),
        billing=publication.links.get("billing") or publication.links.get("payment", ""),
        zone=publication.slot.zone,
        reply_to=publication.reply_to,
        postal_address=publication.postal_address,
    )

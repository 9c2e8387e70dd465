"""What every route is given: the context, the link signer, the clock, and how a page is made.

A reader must be able to leave even while `publication.toml` is being edited into something unreadable, so the
masthead falls back to plain words instead of failing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from flask import make_response, render_template
from flask.wrappers import Response

from worker.domain.publication import Publication
from worker.errors import BroadsheetError
from worker.logs import say
from worker.render.links import Signer

if TYPE_CHECKING:
    from worker.context import Context

log = logging.getLogger("broadsheet.web")


@dataclass(frozen=True)
class Masthead:
    """What every page says about the publication."""

    name: str = "This newsletter"
    language: str = "en"
    author: str = ""
    description: str = ""
    home: str = ""
    subscribe: str = ""  # where one subscribes; empty where the author named no such link
    billing: str = ""  # where a paying reader ends the payment
    reply_to: str = ""
    postal_address: str = ""


@dataclass(frozen=True)
class Site:
    """One per process. `now` tells the time, so that tests can."""

    context: Context
    now: Callable[[], datetime]

    @cached_property
    def signer(self) -> Signer:
        """Reads and makes the links of this installation."""
        return Signer(self.context.settings.secret_key.get_secret_value())

    @property
    def masthead(self) -> Masthead:
        """The publication's own words, or plain ones where they cannot be read just now."""
        try:
            return _masthead(self.context.publication)
        except (BroadsheetError, OSError, ValueError) as broken:
            problem = broken.what if isinstance(broken, BroadsheetError) else type(broken).__name__
            say(log, logging.ERROR, "publication unreadable", problem=problem)
            return Masthead()

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
        subscribe=publication.links.get("subscribe", ""),
        billing=publication.links.get("billing", ""),
        reply_to=publication.reply_to,
        postal_address=publication.postal_address,
    )

"""Applying to a launch: a page with a button. Only the button converts; scanners follow links, nobody else presses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import abort
from flask.typing import ResponseReturnValue

from worker.domain.calendar import instant
from worker.domain.launch import Launch
from worker.render.links import LinkIds, Purpose
from worker.sources import read_launches
from worker.store.engine import reading
from worker.store.launches import has_converted
from worker.usecases.apply_to_launch import apply_to_launch
from worker.web.site import Site


@dataclass(frozen=True, slots=True)
class Invitation:
    """A launch as one reader may see it now: `state` is open, applied, early or closed."""

    launch: Launch
    state: str


def ask(site: Site, token: str) -> ResponseReturnValue:
    """The page. It converts nobody."""
    ids = site.read(token, Purpose.APPLY)
    return _page(site, _invitation(site, ids))


def apply(site: Site, token: str) -> ResponseReturnValue:
    """The button: convert the reader while the launch is open; pressing again changes nothing."""
    ids = site.read(token, Purpose.APPLY)
    invitation = _invitation(site, ids)
    if invitation.state == "open":
        apply_to_launch(site.context.engine, ids.launch_id, ids.subscriber_id, site.now())
        invitation = Invitation(invitation.launch, "applied")
    return _page(site, invitation)


def _invitation(site: Site, ids: LinkIds) -> Invitation:
    launch = read_launches(site.context.settings.project).get(ids.launch_id)
    if launch is None:
        abort(404)
    with reading(site.context.engine) as connection:
        applied = has_converted(connection, launch.id, ids.subscriber_id)
    return Invitation(launch, "applied" if applied else _state(launch, site.now()))


def _state(launch: Launch, now: datetime) -> str:
    if now < instant(launch.opens, launch.zone):
        return "early"
    return "open" if now < instant(launch.closes, launch.zone) else "closed"


def _page(site: Site, invitation: Invitation) -> ResponseReturnValue:
    launch = invitation.launch
    return site.page("apply.html", launch=launch, state=invitation.state, opens=launch.opens, closes=launch.closes)

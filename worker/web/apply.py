"""Applying to a launch: a page with a button. Only the button converts; scanners follow links, nobody else presses.

The button records, and sends the reader on to the one address that the launch's file names: nothing in a request has a
word in where that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import abort
from flask.typing import ResponseReturnValue

from worker.domain.launch import Launch
from worker.render.links import LinkIds, Purpose
from worker.sources import read_readable_launches
from worker.store.consent import surviving
from worker.store.engine import reading
from worker.store.launches import has_converted
from worker.usecases.apply_to_launch import apply_to_launch
from worker.web.headers import FORWARDING_POLICY, lead_to
from worker.web.site import Site


@dataclass(frozen=True, slots=True)
class Invitation:
    """A launch as one reader may see it now: `state` is open, applied, early or closed."""

    launch: Launch
    state: str


def ask(site: Site, token: str) -> ResponseReturnValue:
    """The page. It converts nobody."""
    ids = site.read(token, Purpose.APPLY)
    return _page(site, _invitation(site, ids), ids)


def apply(site: Site, token: str) -> ResponseReturnValue:
    """The button: convert the reader while the launch is open, and send them on; pressing again changes nothing."""
    ids = site.read(token, Purpose.APPLY)
    invitation = _invitation(site, ids)
    if invitation.state == "open":
        apply_to_launch(site.context.engine, ids.launch_id, ids.subscriber_id, site.now())
    if invitation.state in ("open", "applied"):
        return lead_to(invitation.launch.leads_to)
    return _page(site, invitation, ids)


def launch_of(site: Site, ids: LinkIds) -> Launch:
    """The launch a link is about; 404 where there is none of that id any more. SourceError where it may be in a broken file."""
    launches, broken = read_readable_launches(site.context.settings.project)
    if ids.launch_id not in launches and broken:
        raise broken[0]
    return launches.get(ids.launch_id) or abort(404)


def _invitation(site: Site, ids: LinkIds) -> Invitation:
    launch = launch_of(site, ids)
    with reading(site.context.engine) as connection:
        subscriber = surviving(connection, ids.subscriber_id)
        applied = subscriber is not None and has_converted(connection, launch.id, subscriber.id)
    return Invitation(launch, "applied" if applied else _state(launch, site.now()))


def _state(launch: Launch, now: datetime) -> str:
    if now < launch.opens_at:
        return "early"
    return "open" if now < launch.closes_at else "closed"


def _page(site: Site, invitation: Invitation, ids: LinkIds) -> ResponseReturnValue:
    launch = invitation.launch
    page = site.page(
        "apply.html",
        launch=launch,
        state=invitation.state,
        opens=launch.opens,
        closes=launch.closes,
        mute_path=site.signer.mute_path(ids.subscriber_id, launch.id),
    )
    page.headers["Content-Security-Policy"] = FORWARDING_POLICY
    return page

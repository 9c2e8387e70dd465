"""Not this launch: a page with a button that mutes one launch, and leaves the subscription as it is. It can be taken back."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from worker.render.links import LinkIds, Purpose
from worker.store.consent import surviving
from worker.store.engine import reading
from worker.store.launches import has_muted
from worker.usecases.mute_launch import hear_launch, mute_launch
from worker.web.apply import launch_of
from worker.web.site import Site


def ask(site: Site, token: str) -> ResponseReturnValue:
    """The page. It changes nothing: scanners open every link of a mail."""
    return _page(site, site.read(token, Purpose.MUTE))


def mute(site: Site, token: str) -> ResponseReturnValue:
    """The button: no more of this launch or, with `again`, more of it after all. Answers 200 however often it comes."""
    ids = site.read(token, Purpose.MUTE)
    launch = launch_of(site, ids)
    if "again" in request.form:
        hear_launch(site.context.engine, launch.id, ids.subscriber_id)
    else:
        mute_launch(site.context.engine, launch.id, ids.subscriber_id, site.now())
    return _page(site, ids, pressed=True)


def _page(site: Site, ids: LinkIds, *, pressed: bool = False) -> ResponseReturnValue:
    launch = launch_of(site, ids)
    with reading(site.context.engine) as connection:
        subscriber = surviving(connection, ids.subscriber_id)
        muted = subscriber is not None and has_muted(connection, launch.id, subscriber.id)
    return site.page(
        "mute.html",
        launch=launch,
        muted=muted,
        pressed=pressed,
        manage_path=site.signer.manage_path(ids.subscriber_id),
    )

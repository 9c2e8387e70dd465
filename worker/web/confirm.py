"""Confirming a sign-up: a page with a button, for scanners open links and press nothing."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from worker.domain.signup import one_line
from worker.domain.subscriber import NAME_LIMIT, cut_name
from worker.render.links import Purpose
from worker.usecases.confirm import Standing, confirm, read_standing
from worker.web.site import SUBSCRIBE, Site
from worker.web.subscribe import seen_network


def ask(site: Site, token: str) -> ResponseReturnValue:
    """The page. It confirms nobody."""
    ids = site.read(token, Purpose.CONFIRM)
    standing, subscriber = read_standing(site.context.engine, ids)
    name = subscriber.name if subscriber is not None and standing is Standing.OPEN else ""
    return _page(site, standing, ids.subscriber_id, asks=standing is Standing.OPEN, name=name)


def press(site: Site, token: str) -> ResponseReturnValue:
    """The button; pressing again changes nothing, and is answered kindly."""
    ids = site.read(token, Purpose.CONFIRM)
    typed = request.form.get("name")
    name = None if typed is None else cut_name(one_line(typed, 2 * NAME_LIMIT))
    standing, due = confirm(site.context.engine, ids, site.now(), name, seen_network(site))
    site.offer(due)
    return _page(site, standing, ids.subscriber_id, asks=False)


def _page(site: Site, standing: Standing, subscriber_id: int, *, asks: bool, name: str = "") -> ResponseReturnValue:
    return site.page(
        "confirm.html",
        asks=asks,
        standing=standing.value,
        name=name,
        name_limit=NAME_LIMIT,
        manage_path=site.signer.manage_path(subscriber_id),
        subscribe_path=SUBSCRIBE,
    )

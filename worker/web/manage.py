"""The reader's own page: what they receive, less of it, a pause, and the way out."""

from __future__ import annotations

from datetime import timedelta

from flask import request
from flask.typing import ResponseReturnValue

from worker.domain.calendar import wall_time
from worker.domain.subscriber import Plan, Subscriber, SubscriberStatus, Wants
from worker.render.links import LinkIds, Purpose
from worker.store.consent import Held, held, surviving
from worker.store.engine import reading
from worker.store.launches import has_muted
from worker.usecases.choose_preferences import (
    LONGEST_PAUSE,
    Preferences,
    choose_preferences,
    preferences_of,
    read_preferences,
)
from worker.web.site import SUBSCRIBE, Site


def show(site: Site, token: str) -> ResponseReturnValue:
    """The page. It shows no address: a forwarded mail carries this link too."""
    return _page(site, site.read(token, Purpose.MANAGE))


def choose(site: Site, token: str) -> ResponseReturnValue:
    """Write what was chosen; the page then offers to go back to what was before."""
    ids = site.read(token, Purpose.MANAGE)
    subscriber, _ = _look(site, ids)
    zone, now = site.masthead.zone, site.now()
    try:
        chosen = read_preferences(request.form.get("wants", ""), request.form.get("paused_until", ""), zone, now)
    except ValueError as wrong:
        return _page(site, ids, wrong=str(wrong), status=400)
    before = preferences_of(subscriber, zone, now) if subscriber is not None else None
    if not choose_preferences(site.context.engine, ids.subscriber_id, chosen, zone):
        return _page(site, ids)
    return _page(site, ids, saved=True, before=before if before != chosen else None)


def _look(site: Site, ids: LinkIds) -> tuple[Subscriber | None, Held | None]:
    with reading(site.context.engine) as connection:
        subscriber = surviving(connection, ids.subscriber_id)
        return subscriber, held(connection, subscriber.address_key) if subscriber is not None else None


def _page(
    site: Site,
    ids: LinkIds,
    *,
    wrong: str = "",
    saved: bool = False,
    before: Preferences | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    subscriber, suppressed = _look(site, ids)
    masthead, now = site.masthead, site.now()
    today = wall_time(now, masthead.zone).date()
    return site.page(
        "manage.html",
        status,
        state=_state(subscriber, suppressed),
        reason=suppressed.reason.value if suppressed is not None else "",
        pays=subscriber is not None and subscriber.plan is Plan.PAID,
        chosen=preferences_of(subscriber, masthead.zone, now) if subscriber is not None else Preferences(),
        wants=Wants,
        before=before,
        saved=saved,
        wrong=wrong,
        earliest=today + timedelta(days=1),
        latest=today + LONGEST_PAUSE,
        zone=masthead.zone,
        launches=_open_launches(site, subscriber),
        friends_path=site.signer.friends_path(subscriber.id) if subscriber is not None else "",
        leave_path=site.signer.unsubscribe_path(ids.subscriber_id, ids.mailing_id),
        subscribe_path=SUBSCRIBE,
    )


def _open_launches(site: Site, subscriber: Subscriber | None) -> list[tuple[str, bool, str]]:
    """The name of each launch that is open, whether they muted it, and where they may change that."""
    now = site.now()
    found = [one for one in site.launches.values() if one.opens_at <= now < one.closes_at]
    if subscriber is None or not found:
        return []
    with reading(site.context.engine) as connection:
        return [
            (one.name, has_muted(connection, one.id, subscriber.id), site.signer.mute_path(subscriber.id, one.id))
            for one in found
        ]


def _state(subscriber: Subscriber | None, suppressed: Held | None) -> str:
    """What the page says: `receives`, `returning` (mailed within a minute), `pending`, `suppressed`, or `left`."""
    if subscriber is None or subscriber.status in (SubscriberStatus.ERASED, SubscriberStatus.UNSUBSCRIBED):
        return "left"
    if subscriber.status is SubscriberStatus.PENDING:
        return "pending"
    if suppressed is None:
        return "receives"
    return "returning" if suppressed.returning else "suppressed"

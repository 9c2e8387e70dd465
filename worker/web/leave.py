"""Leaving: a page with a button, and the POST behind it, which is also RFC 8058's one-click address. And taking it back.

The link alone says who and what, so the POST needs no cookie, no body of a certain form and no redirect: mail
clients send `List-Unsubscribe=One-Click` as multipart or urlencoded, and whatever they send, they mean to leave.
What takes it back is a link of its own, shown on the page after leaving alone: the one in the mail, which a forwarded
letter carries too, subscribes nobody, nor does pressing it again once they have left.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask.typing import ResponseReturnValue

from worker.domain.subscriber import Plan, SubscriberStatus
from worker.queue.hints import clock_window
from worker.render.links import Purpose
from worker.store.consent import surviving
from worker.store.engine import reading
from worker.store.ledger.mailings import get_mailing
from worker.usecases.push_suppressions import push_due
from worker.usecases.undo_leaving import may_undo, undo_leaving
from worker.usecases.unsubscribe import unsubscribe
from worker.web.site import Site

_JUST_NOW = timedelta(minutes=1)  # a second press that comes so soon is one hand's, and gets the same page


def ask(site: Site, token: str) -> ResponseReturnValue:
    """The page. It changes nothing: scanners open every link of a mail."""
    ids = site.read(token, Purpose.UNSUBSCRIBE)
    with reading(site.context.engine) as connection:
        mailing = get_mailing(connection, ids.mailing_id) if ids.mailing_id else None
    launch = site.launches.get(mailing.launch_id) if mailing is not None and mailing.launch_id else None
    mute_path = site.signer.mute_path(ids.subscriber_id, launch.id) if launch is not None else ""
    return site.page("leave.html", token=token, launch=launch, mute_path=mute_path)


def leave(site: Site, token: str) -> ResponseReturnValue:
    """Unsubscribe; answers 200 however often it comes."""
    ids = site.read(token, Purpose.UNSUBSCRIBE)
    evidence = f"link:mailing {ids.mailing_id}" if ids.mailing_id else "link"
    now = site.now()
    unsubscribe(site.context.engine, ids.subscriber_id, now, evidence)
    _tell_sendgrid(site)
    path = _undo_path(site, ids.subscriber_id, since=now - _JUST_NOW)
    return site.page("left.html", pays=pays(site, ids.subscriber_id), undo_path=path, left=True)


def ask_undo(site: Site, token: str) -> ResponseReturnValue:
    """The page that would take it back, where it still can be. It changes nothing."""
    ids = site.read(token, Purpose.UNDO)
    path = _undo_path(site, ids.subscriber_id)
    if path != f"/b/{token}":  # it takes back another leaving than their newest
        path = ""
    with reading(site.context.engine) as connection:
        subscriber = surviving(connection, ids.subscriber_id)
    if subscriber is not None and subscriber.status is SubscriberStatus.CONFIRMED:
        return site.page("back.html", manage_path=site.signer.manage_path(subscriber.id))
    return site.page("left.html", pays=False, undo_path=path, left=bool(path))


def undo(site: Site, token: str) -> ResponseReturnValue:
    """Take it back; answers 200 however often it comes."""
    ids = site.read(token, Purpose.UNDO)
    left_at = _instant(ids.moment)
    done, due = undo_leaving(site.context.engine, ids.subscriber_id, left_at, site.now())
    site.offer(due)
    if done:
        return site.page("back.html", manage_path=site.signer.manage_path(ids.subscriber_id))
    return site.page("left.html", pays=False, undo_path="", left=False)


def _instant(moment: int) -> datetime:
    """A token says what we signed, so this is a moment of ours; one out of range is that of nobody's leaving."""
    return datetime.fromtimestamp(moment if moment < 2**33 else 0, UTC)


def _undo_path(site: Site, subscriber_id: int, since: datetime | None = None) -> str:
    """Where the button that takes it back leads; empty where it cannot be, or they left before `since`."""
    subscriber = may_undo(site.context.engine, subscriber_id, site.now())
    if subscriber is None or subscriber.unsubscribed_at is None:
        return ""
    if since is not None and subscriber.unsubscribed_at < since:
        return ""
    return site.signer.undo_path(subscriber.id, subscriber.unsubscribed_at)


def _tell_sendgrid(site: Site) -> None:
    """Mail that waits at SendGrid must not reach who has just left. Without a queue the clock offers it a moment later."""
    now = site.now()
    with reading(site.context.engine) as connection:
        due = push_due(connection, now)
    site.offer(due, window=clock_window(now))


def pays(site: Site, subscriber_id: int) -> bool:
    """Whether the page should say how to end a payment, which leaving does not."""
    with reading(site.context.engine) as connection:
        subscriber = surviving(connection, subscriber_id)
    return subscriber is not None and subscriber.plan is Plan.PAID

"""Leaving: a page with a button, and the POST behind it, which is also RFC 8058's one-click address.

The link alone says who and what, so the POST needs no cookie, no body of a certain form and no redirect: mail
clients send `List-Unsubscribe=One-Click` as multipart or urlencoded, and whatever they send, they mean to leave.
"""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from worker.domain.subscriber import Plan
from worker.queue.hints import clock_window, enqueue_hints
from worker.render.links import Purpose
from worker.store.engine import reading
from worker.store.subscribers import by_id
from worker.usecases.push_suppressions import push_due
from worker.usecases.unsubscribe import unsubscribe
from worker.web.site import Site


def ask(site: Site, token: str) -> ResponseReturnValue:
    """The page. It changes nothing: scanners open every link of a mail."""
    site.signer.read(token, Purpose.UNSUBSCRIBE)
    return site.page("leave.html", token=token)


def leave(site: Site, token: str) -> ResponseReturnValue:
    """Unsubscribe; answers 200 however often it comes."""
    ids = site.signer.read(token, Purpose.UNSUBSCRIBE)
    evidence = f"link:mailing {ids.mailing_id}" if ids.mailing_id else "link"
    unsubscribe(site.context.engine, ids.subscriber_id, site.now(), evidence)
    _tell_sendgrid(site)
    return site.page("left.html", pays=pays(site, ids.subscriber_id))


def _tell_sendgrid(site: Site) -> None:
    """Mail that waits at SendGrid must not reach who has just left. Without a queue the clock offers it a moment later."""
    context, now = site.context, site.now()
    with reading(context.engine) as connection:
        due = push_due(connection, now)
    if due and context.settings.redis_url:
        enqueue_hints(context.queue, due, window=clock_window(now))


def pays(site: Site, subscriber_id: int) -> bool:
    """Whether the page should say how to end a payment, which leaving does not."""
    with reading(site.context.engine) as connection:
        subscriber = by_id(connection, subscriber_id)
    return subscriber is not None and subscriber.plan is Plan.PAID

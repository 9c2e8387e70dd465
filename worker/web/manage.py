"""The reader's own page: what they receive, and the way out."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from worker.domain.subscriber import Plan, SubscriberStatus
from worker.render.links import Purpose
from worker.store.engine import reading
from worker.store.subscribers import by_id
from worker.web.site import Site


def show(site: Site, token: str) -> ResponseReturnValue:
    """The page. It shows no address: a forwarded mail carries this link too."""
    ids = site.signer.read(token, Purpose.MANAGE)
    with reading(site.context.engine) as connection:
        subscriber = by_id(connection, ids.subscriber_id)
    status = subscriber.status if subscriber else SubscriberStatus.ERASED
    return site.page(
        "manage.html",
        receives=status is SubscriberStatus.CONFIRMED,
        pays=subscriber is not None and subscriber.plan is Plan.PAID,
        leave_path=site.signer.unsubscribe_path(ids.subscriber_id, ids.mailing_id),
    )

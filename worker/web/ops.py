"""The operator's first page: the newest mailings with their counts by state, the clock, and the way to the queues."""

from __future__ import annotations

from dataclasses import dataclass

from flask.typing import ResponseReturnValue

from worker.domain.delivery import DeliveryState
from worker.domain.mailing import Mailing
from worker.store.clock_lease import since_last_tick
from worker.store.engine import reading
from worker.store.installation import fenced_reason
from worker.store.ledger.counts import count_deliveries, total
from worker.store.ledger.mailings import newest_mailings
from worker.store.pace import read_blocks
from worker.web.dashboard import PREFIX
from worker.web.site import Site

SHOWN = 20  # mailings


@dataclass(frozen=True, slots=True)
class Line:
    """One mailing and its deliveries by state."""

    mailing: Mailing
    by_state: dict[DeliveryState, int]


def show(site: Site) -> ResponseReturnValue:
    """The page, behind the login."""
    with reading(site.context.engine) as connection:
        lines = [
            Line(mailing, total(count_deliveries(connection, mailing.id), mailing.audience).by_state)
            for mailing in newest_mailings(connection, SHOWN)
        ]
        since, fence = since_last_tick(connection), fenced_reason(connection)
        blocks = read_blocks(connection)
    return site.page(
        "ops.html",
        queues=f"{PREFIX}/" if site.context.settings.redis_url else "",
        since_tick=None if since is None else max(0, round(since.total_seconds())),
        fence=fence,
        waiting=[(name, until.strftime("%Y-%m-%d %H:%M:%S UTC")) for name, until in sorted(blocks.items())],
        lines=lines,
        states=list(DeliveryState),
    )

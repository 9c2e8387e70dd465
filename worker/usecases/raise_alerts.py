"""Raise alerts: one mail to the author for each mailing, or run of a sequence, and reason that needs attention, whoever wrote the reason down.

An alert is a mailing like any other and goes through the ledger. It cannot go where the account itself is refused: then
`broadsheet status`, /ops and the log say it. There is no alert about an alert.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from worker.domain.mailing import MailingKind
from worker.domain.subscriber import Plan
from worker.logs import say
from worker.store.engine import Engine, reading, writing
from worker.store.ledger.attention import Attention, read_stale_alerts, read_unalerted
from worker.store.ledger.mailings import NewAddressee, NewMailing, cancel_mailing, create_mailing
from worker.store.ledger.outage import forget_outages

log = logging.getLogger("broadsheet.alerts")


def raise_alerts(engine: Engine, address: str, now: datetime, files: Sequence[str] = ()) -> int:
    """Create the alerts that are owed; returns how many. Without an address nobody is told by mail. `files`: what is wrong
    with files of launches, which may have no run yet.

    An outage that is over needs nobody any more; an alert that was stopped itself is cancelled with its reason.
    """
    with reading(engine) as connection:
        owed = read_unalerted(connection, files) if address else []
        stale = read_stale_alerts(connection)
    with writing(engine) as connection:
        forget_outages(connection)
        for alert in stale:
            cancel_mailing(connection, alert, now)
        raised = [one for one in owed if create_mailing(connection, _alert(one, address, now), now) is not None]
    for one in raised:
        say(log, logging.WARNING, "alert raised", **({} if one.number is None else {_what(one): one.number}))
    return len(raised)


def _what(one: Attention) -> str:
    return "run" if one.is_run else "mailing"


def _alert(attention: Attention, address: str, now: datetime) -> NewMailing:
    return NewMailing(
        key=attention.key,
        kind=MailingKind.ALERT,
        source=attention.source,
        send_at=now,
        wall_time=now.replace(tzinfo=None).isoformat(timespec="minutes"),
        zone="UTC",
        batch_size=1,
        addressees=[NewAddressee(None, Plan.FREE, address)],
    )

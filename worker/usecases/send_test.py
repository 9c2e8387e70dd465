"""Send a test: one mailing per edition to an address of the author's, with somebody's real merge values if asked."""

from __future__ import annotations

import secrets
from datetime import datetime

from worker.domain.address import address_key
from worker.domain.issue import Issue
from worker.domain.mailing import KINDS, MailingKind
from worker.domain.subscriber import Plan
from worker.errors import UsageError
from worker.store.engine import Engine, writing
from worker.store.ledger.mailings import NewAddressee, NewMailing, create_mailing
from worker.store.subscribers import by_address_key
from worker.store.suppressions import reason_for
from worker.usecases.due import Due
from worker.usecases.read_cells import read_address


def send_test(
    engine: Engine, issue: Issue, *, to: str, as_address: str | None, plans: list[Plan], now: datetime
) -> list[Due]:
    """Create the mailings and return what to enqueue. Raises UsageError where an address cannot be used."""
    try:
        key = address_key(to)
        read_address(to.strip())
    except ValueError as wrong:
        raise UsageError(f"--to: {wrong}", fix="write one address, such as me@example.com") from None
    with writing(engine) as connection:
        if reason := reason_for(connection, key):
            raise UsageError(f"--to: this address is suppressed ({reason})", fix="test with another address")
        subscriber_id = None
        if as_address is not None:
            subscriber = by_address_key(connection, _key(as_address))
            if subscriber is None:
                raise UsageError("--as: no subscriber has this address", fix="give the address of a subscriber")
            subscriber_id = subscriber.id
        ids = [
            create_mailing(
                connection,
                NewMailing(
                    key=f"test:{issue.id}:{plan}:{secrets.token_hex(6)}",
                    kind=MailingKind.TEST,
                    source=f"issue:{issue.id}",
                    send_at=now,
                    wall_time=now.replace(tzinfo=None).isoformat(timespec="minutes"),
                    zone="UTC",
                    batch_size=1,
                    addressees=[NewAddressee(subscriber_id, plan, to.strip())],
                ),
                now,
            )
            for plan in plans
        ]
    queue = KINDS[MailingKind.TEST].queue
    return [Due("plan_mailing", mailing_id, queue) for mailing_id in ids if mailing_id is not None]


def _key(address: str) -> str:
    try:
        return address_key(address)
    except ValueError as wrong:
        raise UsageError(f"--as: {wrong}") from None

"""Welcome: the first mail to somebody who has confirmed, once for ever, whether they leave and come back or not."""

from __future__ import annotations

from datetime import datetime

from worker.domain.mailing import KINDS, MailingKind
from worker.domain.referral import ReferralReason
from worker.domain.subscriber import Subscriber
from worker.sources.notices import FOR_A_FRIEND
from worker.store.engine import Connection
from worker.store.ledger.mailings import NewAddressee, NewMailing, create_mailing
from worker.store.referrals import referral_of
from worker.usecases.due import Due


def welcome(connection: Connection, subscriber: Subscriber, now: datetime) -> list[Due]:
    """The welcome of a confirmed subscriber, once for ever: nothing where they have had it.

    Somebody whom a reader brought is told that much, and not who it was.
    """
    brought = referral_of(connection, subscriber.id)
    by_a_reader = brought is not None and brought.reason not in (ReferralReason.SELF, ReferralReason.ALIAS)
    mailing_id = create_mailing(
        connection,
        NewMailing(
            key=f"welcome:{subscriber.id}",
            kind=MailingKind.WELCOME,
            source=f"notice:welcome{FOR_A_FRIEND if by_a_reader else ''}",
            send_at=now,
            wall_time=now.replace(tzinfo=None).isoformat(timespec="minutes"),
            zone="UTC",
            batch_size=1,
            addressees=[NewAddressee(subscriber.id, subscriber.plan)],
        ),
        now,
    )
    return [] if mailing_id is None else [Due("plan_mailing", mailing_id, KINDS[MailingKind.WELCOME].queue)]

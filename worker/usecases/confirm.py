"""Confirm: somebody pressed the button behind the link of a confirmation, in their own inbox.

A pending subscriber is confirmed, their referrer credited, and the welcome mailed, once for ever. Somebody who left
comes back, if that confirmation was asked for after they left; they are mailed again once SendGrid's list has let them go
(lift_suppressions.py). A complaint, a bounce and an operator's no stay: SendGrid drops mail to the first two whatever we
think, and a spam report is not taken back by a form anybody can fill in.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from worker.domain.mailing import KINDS, MailingKind
from worker.domain.subscriber import Subscriber, SubscriberStatus
from worker.domain.suppression import OWN_WORD
from worker.domain.trigger import Trigger
from worker.render.links import LinkIds
from worker.store.consent import FORM, Held, ask_return, confirm_pending, held, hold_surviving, rename, surviving
from worker.store.engine import Connection, Engine, reading, write
from worker.store.ledger.mailings import get_mailing
from worker.store.referrals import confirm_referral
from worker.store.referrers import note_network
from worker.store.triggers import note_trigger
from worker.usecases.due import Due
from worker.usecases.lift_suppressions import TASK, confirmed_by
from worker.usecases.welcome import welcome


class Standing(StrEnum):
    """What the button of a confirmation would do, or did."""

    OPEN = "open"  # it confirms
    CONFIRMED = "confirmed"  # there is nothing to confirm any more
    OUTDATED = "outdated"  # they left after this confirmation was sent
    SUPPRESSED = "suppressed"  # their mail bounces, or they reported it
    GONE = "gone"


def read_standing(engine: Engine, ids: LinkIds) -> tuple[Standing, Subscriber | None]:
    """What a link would do now, and whom it is about. Writes nothing."""
    with reading(engine) as connection:
        subscriber = surviving(connection, ids.subscriber_id)
        return _standing(connection, ids, subscriber), subscriber


def confirm(
    engine: Engine, ids: LinkIds, now: datetime, name: str | None = None, network: str = ""
) -> tuple[Standing, list[Due]]:
    """Press the button; OPEN if this press confirmed. `name` is what they want to be called; None: as it was.

    `network` is the hash of where it was pressed, kept for the day (store/referrers.py).

    The jobs are for after the commit: the welcome, or taking them off SendGrid's list.
    """
    return write(engine, lambda connection: _confirm(connection, ids, now, name, network))


def _confirm(
    connection: Connection, ids: LinkIds, now: datetime, name: str | None, network: str
) -> tuple[Standing, list[Due]]:
    subscriber = hold_surviving(connection, ids.subscriber_id)
    standing = _standing(connection, ids, subscriber)
    if standing is not Standing.OPEN or subscriber is None:
        return standing, []
    evidence = confirmed_by(ids.mailing_id)
    consent = "; ".join(filter(None, (subscriber.consent, f"{evidence} at {now:%Y-%m-%d %H:%M} UTC")))
    if subscriber.status is SubscriberStatus.PENDING and held(connection, subscriber.address_key) is None:
        if not confirm_pending(connection, subscriber.id, now, consent):
            return Standing.CONFIRMED, []  # another press was first
        due = welcome(connection, subscriber, now)
    else:
        if not ask_return(connection, subscriber, now, evidence, consent, FORM):
            return Standing.CONFIRMED, []
        due = [Due(TASK, 0, KINDS[MailingKind.WELCOME].queue)]
    note_trigger(connection, Trigger.CONFIRMED, subscriber.id, now)  # a run knows each reader once, also who comes back
    confirm_referral(connection, subscriber.id, now)
    note_network(connection, subscriber.id, network, now)
    if name is not None:
        rename(connection, subscriber.id, name)
    return Standing.OPEN, due


def _standing(connection: Connection, ids: LinkIds, subscriber: Subscriber | None) -> Standing:
    if subscriber is None or not subscriber.address_key:
        return Standing.GONE
    suppressed = held(connection, subscriber.address_key)
    if suppressed is not None and suppressed.reason not in OWN_WORD:
        return Standing.SUPPRESSED
    match subscriber.status:
        case SubscriberStatus.CONFIRMED:
            return Standing.CONFIRMED
        case SubscriberStatus.ERASED:
            return Standing.GONE
        case SubscriberStatus.PENDING:
            return Standing.OPEN
        case SubscriberStatus.UNSUBSCRIBED:
            return _of_who_left(connection, ids, subscriber, suppressed)


def _of_who_left(connection: Connection, ids: LinkIds, subscriber: Subscriber, suppressed: Held | None) -> Standing:
    """An old confirmation does not bring back who left since: it is in their inbox whether they want to come back or not."""
    mailing = get_mailing(connection, ids.mailing_id) if ids.mailing_id else None
    if mailing is None or mailing.kind is not MailingKind.CONFIRMATION:
        return Standing.OUTDATED
    if subscriber.unsubscribed_at is not None and mailing.created_at < subscriber.unsubscribed_at:
        return Standing.OUTDATED
    return Standing.OPEN

"""Take sign-ups: look who each one is about, and ask by mail whoever may be asked.

| the address is | what happens |
|---|---|
| nobody's | a pending subscriber, and a confirmation |
| pending | the newest sign-up's name and evidence, and a confirmation |
| confirmed | nothing |
| of somebody who left | a confirmation; they come back by its button alone |
| suppressed for anything else | nothing: mail there is refused or was reported, and asking again makes it worse |

At most one confirmation while one is unanswered, and so many to one address in a day. Each sign-up is one transaction,
so a job that dies takes none with it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from worker.domain.mailing import KINDS, MailingKind, Queue
from worker.domain.milestone import ReferralRules
from worker.domain.signup import Signup, SignupLimits, blind, window
from worker.domain.subscriber import Subscriber, SubscriberStatus
from worker.domain.suppression import OWN_WORD
from worker.errors import SettingsError
from worker.logs import say
from worker.store.consent import FORM, ask_anew, held
from worker.store.engine import Connection, Engine, reading, write, writing
from worker.store.ledger.mailings import NewAddressee, NewMailing, create_mailing
from worker.store.referrers import note_network
from worker.store.signups import (
    Asked,
    any_signup_waits,
    confirmations_of,
    count,
    count_paused_confirmations,
    forget_counts,
    take_signup,
    waiting_signups,
)
from worker.store.subscribers import NewSubscriber, add_subscriber
from worker.usecases.due import Due
from worker.usecases.record_referral import NO_RULES, credit_referrer
from worker.usecases.sign_up import DAY, TASK

log = logging.getLogger("broadsheet.signups")

AT_ONCE = 200  # sign-ups in one job
PAUSED_ENOUGH = 3  # so many confirmations paused at a time, and no further sign-up is taken until somebody has looked
_KEPT = timedelta(days=2)  # counts older than any window
#: Who said by a confirmation's own link that it should never come again is not asked for so long, whoever asks.
LEFT_ALONE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class SignupDesk:
    """What looking at sign-ups needs to know: the key of the counts, and the limits."""

    secret: str
    limits: SignupLimits


def signups_due(connection: Connection) -> list[Due]:
    """The job, where a sign-up waits and confirmations can be made."""
    return [Due(TASK, 0, Queue.PROMPT)] if any_signup_waits(connection) and not _held_up(connection) else []


def _held_up(connection: Connection) -> bool:
    """Whether confirmations keep being paused: then their text or the account is wrong, and more would help nobody."""
    return count_paused_confirmations(connection) >= PAUSED_ENOUGH


def take_signups(engine: Engine, desk: SignupDesk, now: datetime, rules: ReferralRules = NO_RULES) -> list[Due]:
    """Take those that wait; returns the confirmations to plan, and this job again where more wait than one takes."""
    with reading(engine) as connection:
        waiting = [] if _held_up(connection) else waiting_signups(connection, AT_ONCE)
    take = partial(_take, desk=desk, now=now, rules=rules)
    made, problem = list[int | None](), ""
    for signup_id in waiting:
        try:
            made.append(write(engine, partial(take, signup_id=signup_id)))
        except SettingsError as wrong:  # of somebody who came by a link: whether they were here before cannot be told
            problem = wrong.what
    with writing(engine) as connection:
        forget_counts(connection, now - _KEPT)
        more = signups_due(connection) if made else []
    if made:
        say(log, logging.INFO, "sign-ups taken", taken=len(made), asked=sum(one is not None for one in made))
    if problem:
        say(log, logging.ERROR, "sign-ups wait", waiting=len(waiting) - len(made), problem=problem)
    queue = KINDS[MailingKind.CONFIRMATION].queue
    return [*(Due("plan_mailing", one, queue) for one in made if one is not None), *more]


def _take(connection: Connection, desk: SignupDesk, signup_id: int, now: datetime, rules: ReferralRules) -> int | None:
    """Take one sign-up; the id of its confirmation, if there is one to send."""
    signup = take_signup(connection, signup_id)
    if signup is None:
        return None
    subscriber, is_new = _subscriber(connection, signup, now)
    if subscriber.status is SubscriberStatus.PENDING:
        codes = [code for code in (signup.referral_code, signup.later_code) if code]
        if codes:
            credit_referrer(connection, codes, subscriber.id, now, rules, signup.network)
        note_network(connection, subscriber.id, signup.network, now)
    if not _may_be_asked(connection, subscriber, now):
        return None
    if subscriber.status is SubscriberStatus.PENDING and not is_new:
        ask_anew(connection, subscriber.id, signup.name, _evidence(signup))
    return _ask(connection, desk, subscriber, now)


def _subscriber(connection: Connection, signup: Signup, now: datetime) -> tuple[Subscriber, bool]:
    return add_subscriber(
        connection,
        NewSubscriber(
            address=signup.address,
            # The form's host may be ahead of this one: nobody left, or came, after the confirmation they are sent.
            joined_at=min(signup.asked_at, now),
            name=signup.name,
            status=SubscriberStatus.PENDING,
            source=FORM,
            consent=_evidence(signup),
        ),
    )


def _evidence(signup: Signup) -> str:
    return f"asked {_moment(signup.asked_at)} on {signup.page}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _may_be_asked(connection: Connection, subscriber: Subscriber, now: datetime) -> bool:
    if subscriber.status not in (SubscriberStatus.PENDING, SubscriberStatus.UNSUBSCRIBED):
        return False
    suppressed = held(connection, subscriber.address_key)
    if suppressed is not None and suppressed.reason not in OWN_WORD:
        return False
    never_said_yes = subscriber.confirmed_at is None and subscriber.unsubscribed_at is not None
    refused = suppressed is not None and never_said_yes and suppressed.evidence.startswith("link")
    return not (refused and subscriber.unsubscribed_at and now < subscriber.unsubscribed_at + LEFT_ALONE)


def _ask(connection: Connection, desk: SignupDesk, subscriber: Subscriber, now: datetime) -> int | None:
    """The confirmation, unless one younger than the limit is unanswered or the address had enough of them today."""
    asked = confirmations_of(connection, subscriber.id)
    if _is_unanswered(asked, subscriber) and now < (asked.newest_at or now) + desk.limits.again:
        return None
    name = blind(desk.secret, "address", subscriber.address_key)
    if count(connection, name, window(now, DAY)) > desk.limits.per_address:
        say(log, logging.WARNING, "sign-up left out", why="too many for one address in a day")
        return None
    return create_mailing(
        connection,
        NewMailing(
            key=f"confirmation:{subscriber.id}:{asked.times + 1}",
            kind=MailingKind.CONFIRMATION,
            source="notice:confirmation",
            send_at=now,
            wall_time=now.replace(tzinfo=None).isoformat(timespec="minutes"),
            zone="UTC",
            batch_size=1,
            addressees=[NewAddressee(subscriber.id, subscriber.plan)],
        ),
        now,
    )


def _is_unanswered(asked: Asked, subscriber: Subscriber) -> bool:
    """Whether the newest confirmation is open: since an answered one they have said yes, or left, and a new one asks anew."""
    answers = (at for at in (subscriber.confirmed_at, subscriber.unsubscribed_at) if at is not None)
    return asked.newest_at is not None and all(at < asked.newest_at for at in answers)

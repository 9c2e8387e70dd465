"""Crash scenarios of signing up: from the form's row to the welcome, for a stranger, for who left, for who must not be asked."""

from collections import Counter
from datetime import timedelta

from sqlalchemy import select

from tests.support.crash_bench import DEADLINE_SECONDS, recover
from tests.support.crash_scenarios import Scenario
from tests.support.ledger import EDITIONS
from tests.support.makers import NOW, make_subscriber, make_suppression
from tests.support.submissions import KEY
from worker.domain.mailing import MailingKind, MailingStatus
from worker.domain.signup import Signup, SignupLimits
from worker.domain.subscriber import SubscriberStatus
from worker.providers.sendgrid import SendGrid
from worker.providers.sendgrid_lists import SendGridLists
from worker.render.links import LinkIds
from worker.store.consent import any_returning
from worker.store.engine import reading, writing
from worker.store.ledger.candidates import stream_candidates
from worker.store.ledger.mailings import list_mailings
from worker.store.signups import any_signup_waits, keep_signup
from worker.store.subscribers import by_address_key
from worker.store.tables import addressees
from worker.usecases.confirm import confirm
from worker.usecases.lift_suppressions import lift_suppressions
from worker.usecases.take_signups import SignupDesk, take_signups

DESK = SignupDesk("a secret of the crash tests, long enough", SignupLimits())
LATER = NOW + timedelta(minutes=5)
NEW, BACK = ["ada@example.com", "bea@example.com"], "gone@example.com"


def _strangers(bench):
    """Two strangers, one of them by a reader's link; one who left; one who reads already; and two whom nobody may ask."""
    with writing(bench.engine) as connection:
        referrer = make_subscriber(connection, address="reads@example.com")
        make_subscriber(connection, address=BACK)
        make_suppression(connection, BACK, "unsubscribed", at=NOW - timedelta(days=3), evidence="link:mailing 1")
        make_subscriber(connection, address="angry@example.com", suppressed="complained")
        make_suppression(connection, "dead@example.com", "bounced")
        for address in (*NEW, BACK, "reads@example.com", "angry@example.com", "dead@example.com"):
            code = referrer.referral_code if address == NEW[0] else ""
            keep_signup(connection, Signup(address, NOW, "Ada", code, "https://example.com"))
    return {"left": ["reads@example.com", "angry@example.com", "dead@example.com"]}


def _whole_way(bench, _ids, at=LATER):
    take_signups(bench.engine, DESK, at)
    _mail(bench, at)
    for ids in _arrived(bench):
        confirm(bench.engine, ids, at, "Ada Moreno")
    lift_suppressions(bench.engine, SendGridLists(SendGrid(KEY, bench.room, DEADLINE_SECONDS).api), at)
    _mail(bench, at)


def _mail(bench, at):
    with reading(bench.engine) as connection:
        due = [one.id for one in list_mailings(connection, [MailingStatus.SCHEDULED])]
    for mailing_id in reversed(due):
        bench.plan(mailing_id, EDITIONS, at)
        bench.submit(mailing_id)


def _arrived(bench):
    """What the links of the confirmations in people's inboxes say."""
    accepted = {int(one["custom_args"]["bs_delivery"]) for one in bench.messages()}
    found = []
    with reading(bench.engine) as connection:
        whom = dict(connection.execute(select(addressees.c.mailing_id, addressees.c.subscriber_id)).all())
        for mailing in list_mailings(connection):
            if mailing.kind is MailingKind.CONFIRMATION:
                reached = [one for one in stream_candidates(connection, mailing.id) if one.delivery_id in accepted]
                found += [LinkIds(whom[mailing.id], mailing.id)] if reached else []
    return found


def _whole_way_again(bench, ids):
    """People press again; whoever got nothing asks again, once the last one is old enough."""
    for hours in (1, 2):
        at = NOW + timedelta(hours=hours)
        _whole_way(bench, ids, at)
        recover(bench, EDITIONS, at)
        _whole_way(bench, ids, at + timedelta(minutes=5))
        with writing(bench.engine) as connection:
            for address in (*NEW, BACK):
                keep_signup(connection, Signup(address, at + timedelta(minutes=20)))
    _whole_way(bench, ids, NOW + timedelta(hours=3))
    recover(bench, EDITIONS, NOW)
    welcomed = Counter()
    with reading(bench.engine) as connection:
        assert not any_signup_waits(connection)
        assert not any_returning(connection)
        for address in (*NEW, BACK):
            assert by_address_key(connection, address).status is SubscriberStatus.CONFIRMED, address
        for mailing in list_mailings(connection):
            if mailing.kind is MailingKind.WELCOME:
                welcomed.update(one.address for one in stream_candidates(connection, mailing.id))
    assert welcomed == Counter([*NEW, BACK]), "somebody has no welcome, or two"


SIGNED_UP = {"sign-ups, confirmations, and who comes back": Scenario(_strangers, _whole_way, _whole_way_again)}

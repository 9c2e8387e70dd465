"""What must hold after a crash, by the ledger and by the mailroom's own keeping, which knows nothing of the ledger."""

from collections import Counter

from tests.support.crash_scenarios import events_about
from tests.support.ledger import check_invariants
from tests.support.makers import NOW
from worker.domain.delivery import DeliveryState
from worker.domain.mailing import MailingStatus, Uncertain
from worker.providers.sendgrid_events import parse
from worker.store.engine import reading
from worker.store.installation import fenced_reason
from worker.store.ledger.candidates import EXCLUDED, stream_candidates
from worker.store.ledger.counts import count_deliveries, total
from worker.store.ledger.mailings import list_mailings
from worker.usecases.record_events import record_events

NOT_SENT = {"pending", "skipped", "refused", "uncertain", "cancelled", EXCLUDED}
FINAL = {"submitted", "skipped", "refused", "uncertain", "cancelled", EXCLUDED}


def check_after_recovery(bench, ids):
    """The ledger against the mailroom, before and after events have told what became of the mail."""
    check_invariants(bench.engine)
    messages = bench.messages()
    _check_nobody_left_was_mailed(messages, ids.get("left", ()))
    _check_against(bench, messages, settled=False)
    record_events(bench.engine, parse(events_about(messages)), NOW)
    check_invariants(bench.engine)
    _check_against(bench, messages, settled=True)


def check_meanwhile(bench):
    """What holds at any moment, in the middle of things: sums, and nobody twice."""
    check_invariants(bench.engine)
    with reading(bench.engine) as connection:
        for mailing in list_mailings(connection):
            assert total(count_deliveries(connection, mailing.id), mailing.audience).conserved
            if mailing.planned_at is None:
                assert mailing.audience == 0
                assert list(stream_candidates(connection, mailing.id)) == []
    assert _doubled(bench, bench.messages()) == {}


def _doubled(bench, messages):
    with reading(bench.engine) as connection:
        held = [one.id for one in list_mailings(connection) if one.rules.uncertain is Uncertain.HOLD]
        ours = {one.delivery_id for mailing_id in held for one in stream_candidates(connection, mailing_id)}
    accepted = Counter(int(one["custom_args"]["bs_delivery"]) for one in messages)
    return {delivery: times for delivery, times in accepted.items() if times > 1 and delivery in ours}


def _check_nobody_left_was_mailed(messages, left):
    assert [one["to"] for one in messages if one["to"] in left] == []


def _check_against(bench, messages, *, settled):
    assert _doubled(bench, messages) == {}, "accepted more than once"
    accepted = {int(one["custom_args"]["bs_delivery"]): one["to"] for one in messages}
    known = set()
    with reading(bench.engine) as connection:
        assert fenced_reason(connection) is None, "a crash looked like a restored backup"
        mailings = list_mailings(connection)
        for mailing in mailings:
            candidates = list(stream_candidates(connection, mailing.id))
            assert len(candidates) == mailing.candidates, "somebody is missing from the list"
            assert total(count_deliveries(connection, mailing.id), mailing.audience).conserved
            addresses = Counter(accepted[one.delivery_id] for one in candidates if one.delivery_id in accepted)
            assert max(addresses.values(), default=0) <= 1, "two deliveries of one mailing went to one address"
            for one in candidates:
                _check_candidate(one, accepted, settled)
            known |= {one.delivery_id for one in candidates}
            _check_status(mailing, {one.state for one in candidates})
    assert accepted.keys() <= known, "mail went out that no delivery stands for"


def _check_candidate(one, accepted, settled):
    where = f"delivery {one.delivery_id} ({one.address}) is {one.state} ({one.reason})"
    assert one.state in FINAL, where
    assert one.address, where
    if one.delivery_id in accepted:
        assert one.state in ({"submitted"} if settled else {"submitted", "uncertain"}), f"{where}, but was accepted"
        assert one.address == accepted[one.delivery_id], where
    else:
        assert one.state in NOT_SENT, f"{where}, but was never accepted"
        assert one.state != "uncertain" or one.reason, where


def _check_status(mailing, states):
    if mailing.status is MailingStatus.CANCELLED:
        return
    uncertain = DeliveryState.UNCERTAIN in states
    expected = {MailingStatus.SENDING, MailingStatus.FINISHED} if uncertain else {MailingStatus.FINISHED}
    if uncertain:
        assert mailing.status is not MailingStatus.FINISHED, "finished while somebody is uncertain"
    else:
        # An event may have settled the last uncertain batch after the last sweep.
        expected |= {MailingStatus.SENDING}
    assert mailing.status in expected, mailing.status

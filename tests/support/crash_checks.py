"""What must hold after a crash, by the ledger and by the mailroom's own keeping, which knows nothing of the ledger."""

from collections import Counter

from sqlalchemy import select

from tests.support.crash_scenarios import events_about
from tests.support.ledger import check_invariants
from tests.support.makers import NOW
from worker.domain.delivery import BatchStatus, DeliveryState, SkipReason
from worker.domain.mailing import KINDS, MailingKind, MailingStatus, Uncertain
from worker.providers.sendgrid_events import parse
from worker.store.engine import reading
from worker.store.installation import fenced_reason
from worker.store.ledger.candidates import EXCLUDED, stream_candidates
from worker.store.ledger.counts import broken_promises, count_deliveries, total
from worker.store.ledger.mailings import list_mailings
from worker.store.tables import batches, deliveries, mailings
from worker.usecases.record_events import record_events

NOT_SENT = {"pending", "skipped", "refused", "uncertain", "cancelled", EXCLUDED}
_KINDS = select(deliveries.c.id, mailings.c.kind).join(mailings, mailings.c.id == deliveries.c.mailing_id)
FINAL = {"submitted", "skipped", "refused", "uncertain", "cancelled", EXCLUDED}


def check_after_recovery(bench, ids):
    """The ledger against the mailroom, before and after events have told what became of the mail."""
    _check_rows(bench.engine)
    messages = bench.messages()
    _check_nobody_left_was_mailed(messages, ids.get("left", ()))
    moved = ids.get("moved", False)
    _check_against(bench, messages, settled=False, moved=moved)
    record_events(bench.engine, parse(events_about(messages)), NOW)
    _check_rows(bench.engine)
    _check_against(bench, messages, settled=True, moved=moved)


def in_flight(engine, held=(BatchStatus.CLAIMED, BatchStatus.SUBMITTING)):
    """The ids of batches that some process has claimed or called for."""
    with reading(engine) as connection:
        return set(connection.execute(select(batches.c.id).where(batches.c.status.in_(held))).scalars())


def check_after_thaw(bench):
    """Nobody twice, and the answer that came to a frozen process has settled its batch, without any event."""
    check_meanwhile(bench)
    accepted = {int(one["custom_args"]["bs_delivery"]) for one in bench.messages()}
    with reading(bench.engine) as connection:
        for mailing in list_mailings(connection):
            for one in stream_candidates(connection, mailing.id):
                assert one.delivery_id not in accepted or one.state == "submitted", f"{one} was accepted"


def check_meanwhile(bench):
    """What holds at any moment, in the middle of things: sums, and nobody twice."""
    _check_rows(bench.engine)
    with reading(bench.engine) as connection:
        for mailing in list_mailings(connection):
            assert total(count_deliveries(connection, mailing.id), mailing.audience).conserved
            if mailing.planned_at is None:
                assert mailing.audience == 0
                assert list(stream_candidates(connection, mailing.id)) == []
    assert _doubled(bench, bench.messages()) == {}


def _check_rows(engine):
    with reading(engine) as connection:
        kinds = {one.rules.uncertain for one in list_mailings(connection)}
        assert broken_promises(connection) == []
    if Uncertain.RESEND not in kinds:  # such a batch may rightly be accepted twice
        check_invariants(engine)


def _doubled(bench, messages):
    """Deliveries accepted more than once, but for kinds that are sent again when in doubt."""
    accepted = Counter(int(one["custom_args"]["bs_delivery"]) for one in messages)
    often = [delivery for delivery, times in accepted.items() if times > 1]
    if not often:
        return {}
    with reading(bench.engine) as connection:
        kinds = dict(connection.execute(_KINDS.where(deliveries.c.id.in_(often))).all())
    return {one: accepted[one] for one in often if KINDS[MailingKind(kinds[one])].uncertain is Uncertain.HOLD}


def _check_nobody_left_was_mailed(messages, left):
    assert [one["to"] for one in messages if one["to"] in left] == []


def _check_against(bench, messages, *, settled, moved):
    assert _doubled(bench, messages) == {}, "accepted more than once"
    accepted = {int(one["custom_args"]["bs_delivery"]): one["to"] for one in messages}
    known = set()
    with reading(bench.engine) as connection:
        assert fenced_reason(connection) is None, "a crash looked like a restored backup"
        for mailing in list_mailings(connection):
            candidates = list(stream_candidates(connection, mailing.id))
            assert len(candidates) == mailing.candidates, "somebody is missing from the list"
            assert total(count_deliveries(connection, mailing.id), mailing.audience).conserved
            addresses = Counter(accepted[one.delivery_id] for one in candidates if one.delivery_id in accepted)
            assert max(addresses.values(), default=0) <= 1, "two deliveries of one mailing went to one address"
            for one in candidates:
                _check_candidate(mailing, one, accepted, settled, moved)
            known |= {one.delivery_id for one in candidates}
            _check_status(mailing, {one.state for one in candidates})
    assert accepted.keys() <= known, "mail went out that no delivery stands for"


def _check_candidate(mailing, one, accepted, settled, moved):
    about = f"{mailing.status}, generation {mailing.generation}, {mailing.needs_attention}"
    where = f"delivery {one.delivery_id} ({one.address}) is {one.state} ({one.reason}); its mailing is {about}"
    assert one.state in FINAL, where
    assert one.address or moved, where  # of an erased or merged record there is none left
    if one.delivery_id in accepted and _is_answered(mailing, one):
        assert moved or one.address == accepted[one.delivery_id], where
    elif one.delivery_id in accepted:
        assert one.state in ({"submitted"} if settled else {"submitted", "uncertain"}), f"{where}, but was accepted"
        # Whoever has moved since is listed under the address they have now.
        assert moved or one.address == accepted[one.delivery_id], where
    else:
        assert one.state in NOT_SENT, f"{where}, but was never accepted"
        assert one.state != "uncertain" or one.reason, where


def _is_answered(mailing, one):
    """A confirmation whose call was in doubt, and whose reader has pressed its button before it was sent again."""
    return mailing.kind is MailingKind.CONFIRMATION and one.state == "skipped" and one.reason == SkipReason.CONFIRMED


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

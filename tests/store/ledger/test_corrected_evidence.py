"""Evidence about a call made before a correction: whoever has the old text is never counted among those who got the new."""

from dataclasses import replace

from sqlalchemy import select

from tests.support.ledger import EDITIONS, check_invariants, claim, claim_and_start, make_mailing, plan, start, statuses
from tests.support.makers import NOW, make_subscribers
from worker.domain.verdict import Doubt, Verdict
from worker.store.engine import reading, writing
from worker.store.ledger import settle
from worker.store.ledger.correct import correct_pending
from worker.store.ledger.decide import decide_batch
from worker.store.ledger.evidence import accept_on_evidence
from worker.store.ledger.split import split_batch
from worker.store.tables import batches, deliveries, editions

OLD = {plan: replace(one, source_hash=f"old {plan}") for plan, one in EDITIONS.items()}
NEW = {plan: replace(one, source_hash=f"new {plan}") for plan, one in EDITIONS.items()}


def planned(engine, batch_size=1_000):
    with writing(engine) as connection:
        make_subscribers(connection, 4)
        mailing_id = make_mailing(connection, batch_size=batch_size)
    plan(engine, mailing_id, editions=OLD)
    return mailing_id


def lost_and_opened_again(engine, mailing_id):
    """A call nobody answered; an operator was wrong in saying that it had not gone out."""
    lost = claim_and_start(engine, mailing_id)
    with writing(engine) as connection:
        settle.settle_uncertain(connection, lost, NOW, problem="time-out", status_code=None)
        assert decide_batch(connection, lost.batch.id, Doubt.UNCERTAIN, Verdict.AGAIN, NOW)
    return lost


def correct(engine, mailing_id):
    with writing(engine) as connection:
        return correct_pending(connection, mailing_id, NEW)


def prove(engine, started):
    with writing(engine) as connection:
        return accept_on_evidence(connection, [started.submission_key])


def texts(engine, mailing_id):
    """What each batch names, and what its deliveries name: always the same."""
    with reading(engine) as connection:
        query = select(editions.c.source_hash).join(batches, batches.c.edition_id == editions.c.id)
        of_batches = list(connection.execute(query.where(batches.c.mailing_id == mailing_id)).scalars())
        apart = (
            select(deliveries.c.id)
            .join(batches, batches.c.id == deliveries.c.batch_id)
            .where(deliveries.c.edition_id != batches.c.edition_id)
        )
        assert connection.execute(apart).all() == []
    return sorted(of_batches)


def test_a_call_proven_after_the_correction_leaves_its_readers_with_the_old_text(engine):
    mailing_id = planned(engine)
    lost = lost_and_opened_again(engine, mailing_id)
    assert correct(engine, mailing_id) == 4
    assert texts(engine, mailing_id) == ["new free"]
    assert prove(engine, lost) == [lost.batch.id]
    assert (statuses(engine, mailing_id), texts(engine, mailing_id)) == (["submitted"], ["old free"])
    assert correct(engine, mailing_id) == 0
    check_invariants(engine)


def test_who_was_called_again_with_the_new_text_has_it_whatever_is_proven_of_the_first_call(engine):
    mailing_id = planned(engine)
    lost = lost_and_opened_again(engine, mailing_id)
    correct(engine, mailing_id)
    again = claim_and_start(engine, mailing_id)
    with writing(engine) as connection:
        settle.settle_accepted(connection, again, NOW, message_id="m")
    assert prove(engine, lost) == []
    assert texts(engine, mailing_id) == ["new free"]


def test_a_claim_with_the_new_text_ends_where_the_old_one_is_proven(engine):
    mailing_id = planned(engine)
    lost = lost_and_opened_again(engine, mailing_id)
    correct(engine, mailing_id)
    claimed = claim(engine, mailing_id)
    assert prove(engine, lost) == [lost.batch.id]
    assert start(engine, claimed) is None
    assert texts(engine, mailing_id) == ["old free"]


def test_children_of_a_split_are_named_back_too(engine):
    mailing_id = planned(engine)
    lost = lost_and_opened_again(engine, mailing_id)
    halved = claim_and_start(engine, mailing_id)
    with writing(engine) as connection:
        assert split_batch(connection, halved, NOW, problem="bad request", status_code=400)
    assert correct(engine, mailing_id) == 4
    assert texts(engine, mailing_id) == ["new free", "new free", "old free"]
    assert len(prove(engine, lost)) == 2
    assert texts(engine, mailing_id) == ["old free"] * 3
    check_invariants(engine)

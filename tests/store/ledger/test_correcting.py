"""Corrections: a new revision for what is pending, and an audience of those who have the old text."""

from dataclasses import replace

from tests.support.ledger import EDITIONS, check_invariants, claim, claim_and_start, make_mailing, plan
from tests.support.makers import NOW, make_subscriber, make_subscribers, make_suppression
from worker.store.engine import reading, writing
from worker.store.ledger import settle
from worker.store.ledger.correct import Reach, correct_pending, newest_editions, reach
from worker.store.ledger.frozen import read_editions
from worker.store.ledger.mailings import cancel_mailing
from worker.store.tables import batches, deliveries

OLD = {plan: replace(one, source_hash="old") for plan, one in EDITIONS.items()}
NEW = {plan: replace(one, source_hash="new", subject=f"New {one.subject}") for plan, one in EDITIONS.items()}


def planned(engine):
    """Six free readers and three paying ones, in batches of two."""
    with writing(engine) as connection:
        make_subscribers(connection, 6)
        make_subscribers(connection, 3, "paid")
        mailing_id = make_mailing(connection, batch_size=2)
    plan(engine, mailing_id, editions=OLD)
    return mailing_id


def correct(engine, mailing_id, editions=NEW):
    with writing(engine) as connection:
        return correct_pending(connection, mailing_id, editions)


def submit(engine, mailing_id):
    started = claim_and_start(engine, mailing_id)
    with writing(engine) as connection:
        settle.settle_accepted(connection, started, NOW, message_id="m")


def reached(engine, mailing_id, source_hash="new"):
    with reading(engine) as connection:
        return reach(connection, mailing_id, {source_hash})


def test_only_pending_batches_get_the_new_revision_each_of_its_own_plan(engine):
    mailing_id = planned(engine)
    submit(engine, mailing_id)
    claim(engine, mailing_id)
    assert reached(engine, mailing_id) == Reach(pending=5, in_hand=2, have=2)
    assert correct(engine, mailing_id) == 5
    with reading(engine) as connection:
        editions = read_editions(connection, mailing_id)
        rows = connection.execute(batches.select()).all()
        owed = connection.execute(deliveries.select()).all()
    assert {row.status: editions[row.edition_id].source_hash for row in rows} == {
        "submitted": "old",
        "claimed": "old",
        "pending": "new",
    }
    of_batch = {row.id: row.edition_id for row in rows}
    assert all(one.edition_id == of_batch[one.batch_id] for one in owed)
    assert {(one.plan.value, one.revision) for one in editions.values()} == {
        ("free", 1),
        ("free", 2),
        ("paid", 1),
        ("paid", 2),
    }
    check_invariants(engine)


def test_a_correction_never_moves_a_batch_to_the_other_plan(engine):
    mailing_id = planned(engine)
    with reading(engine) as connection:
        before = {one.id: one.plan for one in read_editions(connection, mailing_id).values()}
        plans = {row.id: before[row.edition_id] for row in connection.execute(batches.select())}
    correct(engine, mailing_id)
    with reading(engine) as connection:
        now = {one.id: one.plan for one in read_editions(connection, mailing_id).values()}
        assert {row.id: now[row.edition_id] for row in connection.execute(batches.select())} == plans


def test_correcting_again_changes_nothing_and_going_back_is_a_revision_of_its_own(engine):
    mailing_id = planned(engine)
    assert correct(engine, mailing_id) == 9
    assert correct(engine, mailing_id) == 0
    assert correct(engine, mailing_id, OLD) == 9
    with reading(engine) as connection:
        assert len(read_editions(connection, mailing_id)) == 6
        newest = newest_editions(connection, mailing_id).values()
        assert {(one.revision, one.source_hash) for one in newest} == {(3, "old")}
    assert correct(engine, mailing_id, OLD) == 0


def test_a_cancelled_mailing_is_not_corrected(engine):
    mailing_id = planned(engine)
    with writing(engine) as connection:
        cancel_mailing(connection, mailing_id, NOW)
    assert correct(engine, mailing_id) == 0


def test_a_second_broadcast_is_owed_to_those_who_have_another_text_for_sure(engine):
    first = planned(engine)
    submit(engine, first)
    uncertain = claim_and_start(engine, first)
    with writing(engine) as connection:
        settle.settle_uncertain(connection, uncertain, NOW, problem="lost", status_code=None)
    with reading(engine) as connection:
        submitted = connection.execute(
            deliveries.select()
            .join(batches, batches.c.id == deliveries.c.batch_id)
            .where(batches.c.status == "submitted")
        ).all()
    with writing(engine) as connection:
        make_suppression(connection, submitted[0].address_key, "complained")
        make_subscriber(connection)  # came later
        second = make_mailing(connection, corrects_id=first)
    found = plan(engine, second, editions=NEW)
    assert (found.candidates, found.audience) == (2, 1)


def test_who_has_the_new_text_already_is_not_among_them(engine):
    first = planned(engine)
    correct(engine, first)
    submit(engine, first)
    with writing(engine) as connection:
        second = make_mailing(connection, corrects_id=first)
    assert plan(engine, second, editions=NEW).candidates == 0

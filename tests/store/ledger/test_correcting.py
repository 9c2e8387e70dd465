"""Corrections: a new revision for what is pending, and an audience of those who have the old text."""

import threading
from dataclasses import replace

from tests.support.ledger import EDITIONS, check_invariants, claim, claim_and_start, make_mailing, plan
from tests.support.makers import NOW, make_subscriber, make_subscribers, make_suppression
from tests.support.staging import recall_cancelled, staged_mailing
from worker.domain.subscriber import Plan
from worker.store.engine import reading, writing
from worker.store.ledger import settle
from worker.store.ledger.claim import release_claim
from worker.store.ledger.correct import Reach, correct_pending, count_second, newest_editions, reach
from worker.store.ledger.frozen import read_editions
from worker.store.ledger.mailings import cancel_mailing, get_mailing, pause_mailing
from worker.store.tables import batches, deliveries
from worker.usecases.broadcast_again import broadcast_again

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


def at_once(*acts):
    """What each returns, all begun at the same moment; whatever one raises, the test raises."""
    barrier, results = threading.Barrier(len(acts)), [None] * len(acts)

    def run(place):
        barrier.wait()
        try:
            results[place] = acts[place]()
        except Exception as trouble:
            results[place] = trouble

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in results:
        if isinstance(one, Exception):
            raise one
    return results


def test_two_hosts_that_correct_at_once_make_one_revision(engine):
    mailing_id = planned(engine)
    assert sorted(at_once(*[lambda: correct(engine, mailing_id)] * 2)) == [0, 9]
    with reading(engine) as connection:
        assert {one.revision for one in newest_editions(connection, mailing_id).values()} == {2}
    check_invariants(engine)


def test_only_the_plan_whose_text_changed_is_corrected(engine):
    mailing_id = planned(engine)
    assert correct(engine, mailing_id, {Plan.FREE: OLD[Plan.FREE], Plan.PAID: NEW[Plan.PAID]}) == 3
    with reading(engine) as connection:
        assert {one.plan.value: one.revision for one in newest_editions(connection, mailing_id).values()} == {
            "free": 1,
            "paid": 2,
        }


def test_what_comes_back_from_a_workers_hands_is_taken_by_correcting_once_more(engine):
    mailing_id = planned(engine)
    batch = claim(engine, mailing_id)
    assert correct(engine, mailing_id) == 7
    with writing(engine) as connection:
        assert release_claim(connection, batch)
    assert correct(engine, mailing_id) == 2
    assert reached(engine, mailing_id) == Reach()
    with reading(engine) as connection:
        assert {one.revision for one in newest_editions(connection, mailing_id).values()} == {2}


def test_skipped_readers_follow_their_batch_and_are_not_counted(engine):
    mailing_id = planned(engine)
    with writing(engine) as connection:
        first = connection.execute(deliveries.select().order_by(deliveries.c.id).limit(1)).one()
        connection.execute(deliveries.update().where(deliveries.c.id == first.id).values(skipped_reason="bounced"))
    assert correct(engine, mailing_id) == 8
    with reading(engine) as connection:
        of_batch = {row.id: row.edition_id for row in connection.execute(batches.select())}
        assert all(of_batch[row.batch_id] == row.edition_id for row in connection.execute(deliveries.select()))


def test_what_is_being_taken_back_is_corrected_only_once_it_is_back(engine):
    mailing_id = staged_mailing(engine)
    with writing(engine) as connection:
        pause_mailing(connection, mailing_id)
    assert correct(engine, mailing_id) == 0
    assert recall_cancelled(engine, mailing_id)
    assert correct(engine, mailing_id) == 6


def all_submitted(engine):
    mailing_id = planned(engine)
    for _ in range(5):
        submit(engine, mailing_id)
    return mailing_id


def again(engine, mailing_id):
    with reading(engine) as connection:
        mailing = get_mailing(connection, mailing_id)
    return broadcast_again(engine, mailing, 2, NOW)


def test_a_second_broadcast_is_made_once_however_many_hosts_ask(engine):
    first = all_submitted(engine)
    made = at_once(*[lambda: again(engine, first)] * 3)
    assert [one.made for one in made].count(True) == 1
    assert len({one.mailing_id for one in made}) == 1
    with reading(engine) as connection:
        second = get_mailing(connection, made[0].mailing_id)
    assert (second.corrects_id, second.key.endswith(":correction:1")) == (first, True)


def test_who_got_the_new_text_by_an_earlier_correction_is_not_mailed_by_the_next(engine):
    first = all_submitted(engine)
    one = again(engine, first).mailing_id
    assert plan(engine, one, editions=NEW).audience == 9
    submit(engine, one)
    with writing(engine) as connection:
        cancel_mailing(connection, one, NOW)
        assert count_second(connection, first, {"new"}) == {"audience": 7}
        assert count_second(connection, first, {"newer"}) == {"audience": 9}
    two = again(engine, first)
    assert two.made
    assert plan(engine, two.mailing_id, editions=NEW).audience == 7
    check_invariants(engine)


def test_who_may_have_got_the_new_text_by_an_earlier_correction_is_not_mailed_either(engine):
    first = all_submitted(engine)
    one = again(engine, first).mailing_id
    plan(engine, one, editions=NEW)
    lost = claim_and_start(engine, one)
    with writing(engine) as connection:
        settle.settle_uncertain(connection, lost, NOW, problem="lost", status_code=None)
        cancel_mailing(connection, one, NOW)
        assert count_second(connection, first, {"new"}) == {"audience": 7}

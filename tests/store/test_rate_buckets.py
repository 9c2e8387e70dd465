"""Buckets in the database: shared, kept, never taken twice, on both databases."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.support.ledger import claim, planned_mailing, start
from tests.support.makers import make_subscribers
from tests.support.pace import blocks, let_pass, messages_left
from worker.domain.mailing import MailingKind, Queue
from worker.domain.pace import Part, Taken, Wait, pace_of
from worker.domain.warm_up import WarmUp
from worker.store.engine import reading, writing
from worker.store.ledger.claim import has_claimable
from worker.store.ledger.due import due_for_submitting
from worker.store.pace import block, return_tokens, take_tokens, unblock

HOURLY = pace_of(None, 100, None)


def take(engine, messages, pace=HOURLY, queue=Queue.BULK):
    with writing(engine) as connection:
        return take_tokens(connection, pace, messages, queue)


def ahead(seconds):
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_tokens_are_kept_in_the_database_and_come_back_with_time(engine):
    assert isinstance(take(engine, 100), Taken)
    waits = take(engine, 1)
    assert isinstance(waits, Wait)
    assert timedelta(minutes=59) < waits.until - datetime.now(UTC) < timedelta(minutes=61)
    let_pass(engine, 3_599)
    assert isinstance(take(engine, 1), Wait)
    let_pass(engine, 2)
    assert isinstance(take(engine, 100), Taken)


def test_a_transaction_that_fails_has_taken_nothing(engine):
    with engine.connect() as connection, connection.begin() as transaction:
        assert isinstance(take_tokens(connection, HOURLY, 100, Queue.BULK), Taken)
        transaction.rollback()
    assert isinstance(take(engine, 100), Taken)


def test_what_is_given_back_may_be_taken_again(engine):
    with writing(engine) as connection:
        return_tokens(connection, take_tokens(connection, HOURLY, 100, Queue.BULK), 30)
    assert messages_left(engine) == {"hour": 30}
    assert isinstance(take(engine, 31), Wait)
    assert isinstance(take(engine, 30), Taken)


def test_many_workers_at_once_never_take_more_than_there_is(engine):
    take(engine, 10)
    barrier, got = threading.Barrier(4), []

    def run():
        barrier.wait()
        for _ in range(10):
            if isinstance(take(engine, 5), Taken):
                got.append(5)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(got) == 90
    assert messages_left(engine) == {"hour": 0}


def test_workers_that_meet_at_a_fresh_bucket_share_it(engine):
    barrier, got = threading.Barrier(3), []

    def run():
        barrier.wait()
        got.append(type(take(engine, 60)))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.__name__ for one in got) == ["Taken", "Wait", "Wait"]


def test_a_warm_up_says_how_much_of_a_batch_may_go(engine):
    warming = pace_of(None, None, None, WarmUp(datetime.now(UTC).date() - timedelta(days=1), (50,) * 9))
    assert take(engine, 80, warming) == Part(50)
    assert isinstance(take(engine, 50, warming), Taken)
    assert isinstance(take(engine, 1, warming), Wait)
    assert isinstance(take(engine, 1, pace_of(None, None, None, WarmUp(date(2020, 1, 1), (1,)))), Taken)


@pytest.mark.parametrize(
    ("name", "kind", "stopped"),
    [
        ("account", MailingKind.BROADCAST, True),
        ("account", MailingKind.STEP, True),
        ("bulk", MailingKind.BROADCAST, True),
        ("bulk", MailingKind.STEP, False),
        ("prompt", MailingKind.STEP, True),
        ("prompt", MailingKind.BROADCAST, False),
    ],
)
def test_what_is_blocked_is_neither_claimed_nor_started_nor_offered(engine, name, kind, stopped):
    with writing(engine) as connection:
        make_subscribers(connection, 4)
    mailing_id = planned_mailing(engine, batch_size=2, kind=kind)
    held = claim(engine, mailing_id)
    with writing(engine) as connection:
        block(connection, name, ahead(60))
    assert (claim(engine, mailing_id) is None) == stopped
    assert (start(engine, held) is None) == stopped
    with reading(engine) as connection:
        if stopped:
            assert not has_claimable(connection, mailing_id)
            assert due_for_submitting(connection) == []
    let_pass(engine, 61)
    with reading(engine) as connection:
        assert has_claimable(connection, mailing_id) == stopped


def test_a_longer_block_stands_and_may_be_lifted(engine):
    with writing(engine) as connection:
        block(connection, "account", ahead(600))
        block(connection, "account", ahead(60))
    assert blocks(engine)["account"] > ahead(500)
    with writing(engine) as connection:
        unblock(connection, "account")
    assert blocks(engine) == {}

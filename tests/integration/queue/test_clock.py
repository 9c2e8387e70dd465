"""The clock: one ticks and the others stand by; what it offers survives a lost queue, and trouble does not end it."""

import os
import signal
import sys
from datetime import UTC, datetime, timedelta

import pytest
import redis

from tests.support.waiting import until
from worker.clock import Clock, enqueue_due
from worker.domain.mailing import Queue
from worker.queue.connection import JobQueue
from worker.queue.stopping import StopFlag
from worker.store.clock_lease import hold_clock, since_last_tick
from worker.store.engine import open_engine, reading
from worker.usecases.due import Due

NOW = datetime(2026, 11, 16, 6, 0, 0, tzinfo=UTC)
PLAN = Due("plan_mailing", 7, Queue.BULK)
SUBMIT = Due("submit_batches", 7, Queue.BULK, lanes=2)


@pytest.fixture
def queue(valkey_url):
    return JobQueue(valkey_url)


def test_ticks_within_ten_seconds_offer_each_lane_once(queue):
    for second in range(0, 10, 3):
        assert enqueue_due(queue, [SUBMIT], NOW + timedelta(seconds=second)) == 2
    assert queue.depth(Queue.BULK) == 2
    enqueue_due(queue, [SUBMIT], NOW + timedelta(seconds=10))
    assert queue.depth(Queue.BULK) == 4


def test_each_offer_goes_to_its_own_queue(queue):
    enqueue_due(queue, [PLAN, Due("submit_batches", 8, Queue.PROMPT)], NOW)
    assert (queue.depth(Queue.BULK), queue.depth(Queue.PROMPT)) == (1, 1)


def test_what_an_emptied_redis_lost_is_offered_again_in_the_next_window(queue, valkey_url):
    enqueue_due(queue, [SUBMIT], NOW)
    with redis.Redis.from_url(valkey_url) as client:
        client.flushall()
    enqueue_due(queue, [SUBMIT], NOW + timedelta(seconds=10))
    assert queue.depth(Queue.BULK) == 2


def test_a_redis_that_is_away_does_not_stop_a_tick(sqlite_engine):
    clock = Clock(sqlite_engine, JobQueue("redis://127.0.0.1:1/0"), lambda: [SUBMIT], tick_seconds=3)
    assert clock.step()
    with reading(sqlite_engine) as connection:
        assert since_last_tick(connection) is not None


def test_the_second_clock_stands_by_and_takes_over_once_the_first_has_left(engine, queue):
    ticks = []
    first = Clock(engine, queue, lambda: ticks.append("first") or [], tick_seconds=0.1)
    second = Clock(engine, queue, lambda: ticks.append("second") or [], tick_seconds=0.1)
    assert first.step()
    assert not second.step()
    stopped = StopFlag()
    stopped.asked = True
    first.run(stopped)  # leaves at once, and gives the lease back
    assert second.step()
    assert not first.step()
    assert ticks == ["first", "second"]


def test_between_two_ticks_the_lease_is_renewed_without_a_tick(sqlite_engine, queue):
    ticks = []
    clock = Clock(sqlite_engine, queue, lambda: ticks.append(1) or [], tick_seconds=60)
    assert [clock.step() for _ in range(5)] == [True, False, False, False, False]
    assert not hold_clock(sqlite_engine, "another", 1)
    assert ticks == [1]


def test_a_tick_that_fails_is_tried_again(sqlite_engine, queue):
    stop = StopFlag()
    tries = []

    def find():
        tries.append(1)
        if len(tries) < 3:
            raise OSError("the content folder is away")
        stop.asked = True
        return [SUBMIT]

    Clock(sqlite_engine, queue, find, tick_seconds=0.01).run(stop)
    assert len(tries) == 3
    assert queue.depth(Queue.BULK) == 2


CLOCK = """
import sys
from worker.clock import Clock
from worker.domain.mailing import Queue
from worker.logs import configure
from worker.queue.connection import JobQueue
from worker.queue.stopping import StopFlag
from worker.store.engine import open_engine
from worker.usecases.due import Due
stop = StopFlag()
stop.listen()
configure("INFO")
find = lambda: [Due("submit_batches", int(sys.argv[3]), Queue.BULK)]
Clock(open_engine(sys.argv[1]), JobQueue(sys.argv[2]), find, 0.1).run(stop)
"""


@pytest.fixture
def start_clock(processes, sqlite_url, valkey_url):
    def start(number):
        name = f"clock.{number}"
        processes.start(name, [sys.executable, "-c", CLOCK, sqlite_url, valkey_url, str(number)])
        return name

    return start


def says(processes, name, text):
    until(lambda: text in processes.tail(name, 500), seconds=10, what=f"{name}: {text}")


def test_of_two_clock_processes_one_ticks_and_the_other_takes_over_within_ten_seconds_of_a_kill(
    start_clock, processes, valkey_url
):
    first = start_clock(1)
    says(processes, first, "clock ticks")
    second = start_clock(2)
    says(processes, second, "clock started")
    processes.kill(first)
    says(processes, second, "clock ticks")  # its deadline is ten seconds
    with redis.Redis.from_url(valkey_url) as client:
        until(lambda: any(b"submit_batches-2-" in key for key in client.keys("rq:job:*")), what="an offer")


def test_sigterm_ends_a_clock_and_frees_the_lease(start_clock, processes, sqlite_url):
    name = start_clock(1)
    says(processes, name, "clock ticks")
    os.kill(processes.pid(name), signal.SIGTERM)
    until(lambda: processes.exit_code(name) is not None, seconds=5)
    assert processes.exit_code(name) == 0
    engine = open_engine(sqlite_url)
    assert hold_clock(engine, "another", 1)
    engine.dispose()

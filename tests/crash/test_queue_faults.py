"""Valkey restarted, unreachable, full, or losing an answer, in the middle of a broadcast: mail is late, and nothing else."""

import time

import pytest
import redis

from tests.support.crash_project import READERS, Installation
from tests.support.crash_proxy import LossyProxy
from tests.support.waiting import until
from worker.domain.delivery import BatchStatus

GROUP = "real processes: the queue"
STARTS_WITHIN_SECONDS = 15.0


@pytest.fixture
def installation(tmp_path, short_folder, supervisor):
    with Installation(tmp_path, short_folder / tmp_path.name[-8:], supervisor) as one:
        yield one
        supervisor.stop()  # while the mailroom still answers


def check_everybody_served_once(installation, count_outcome):
    installation.until_nothing_is_open()
    count_outcome(installation.outcome(GROUP))
    assert installation.batches().keys() == {BatchStatus.SUBMITTED}
    assert len(installation.check()) == READERS


@pytest.mark.slow
def test_a_due_mailing_starts_within_fifteen_seconds_of_the_queue_coming_back(installation, count_outcome):
    """After an outage so long that everybody has come to wait as long as they ever do between two tries."""
    installation.start("bulk.1", "bulk.2", "clock.1")
    installation.await_words("listening", "bulk.1", "bulk.2")
    installation.stop_valkey()
    installation.send()
    installation.await_words("next_try_seconds", "bulk.1", "bulk.2")
    installation.await_words("not enqueued", "clock.1")
    until(lambda: longest_wait(installation, "bulk.1") and longest_wait(installation, "bulk.2"), seconds=60)
    assert installation.room.stats()["requests"] == 0

    back = time.monotonic()
    installation.start_valkey()
    until(lambda: installation.room.stats()["requests"], seconds=STARTS_WITHIN_SECONDS, what="the first call")
    assert time.monotonic() - back < STARTS_WITHIN_SECONDS
    check_everybody_served_once(installation, count_outcome)


def longest_wait(installation, name):
    """Whether a worker waits no longer than the time before: two waits of the same length in a row."""
    log = installation.supervisor.tail(name, 10_000)
    waits = [line.partition('"next_try_seconds":')[2].strip(" }\n").split(",")[0] for line in log.splitlines()]
    waits = [one for one in waits if one]
    return len(waits) > 1 and waits[-1] == waits[-2]


@pytest.mark.slow
def test_restarting_the_queue_in_mid_broadcast_only_delays(installation, count_outcome):
    installation.start("bulk.1", "bulk.2", "clock.1")
    installation.send()
    installation.until_accepted(4)
    installation.stop_valkey()
    installation.until_accepted(8)  # the running jobs need no queue
    installation.start_valkey()
    check_everybody_served_once(installation, count_outcome)


@pytest.mark.long
def test_a_full_queue_only_delays(installation, count_outcome):
    installation.start("bulk.1", "bulk.2", "clock.1")
    installation.await_words("listening", "bulk.1", "bulk.2")
    with redis.Redis.from_url(installation.valkey_url) as client:
        client.config_set("maxmemory", "100kb")  # less than it holds already; nothing may be evicted
        installation.send()
        installation.await_words("not enqueued", "clock.1")
        assert "OutOfMemoryError" in installation.supervisor.tail("clock.1", 10_000)
        client.config_set("maxmemory", "0")
    check_everybody_served_once(installation, count_outcome)


@pytest.mark.slow
@pytest.mark.parametrize(
    "lost",
    [
        pytest.param({"asked": b"plan_mailing-"}, id="to the clock that enqueues"),
        pytest.param({"answered": b"plan_mailing-"}, id="to the worker that takes a job", marks=pytest.mark.long),
        pytest.param({"asked": b"submit_batches-"}, id="to the job that enqueues", marks=pytest.mark.long),
        pytest.param({"answered": b"submit_batches-"}, id="to the worker that takes another", marks=pytest.mark.long),
    ],
)
def test_a_lost_answer_of_the_queue_only_delays(lost, tmp_path, short_folder, supervisor, count_outcome):
    with (
        LossyProxy() as proxy,
        Installation(tmp_path, short_folder / tmp_path.name[-8:], supervisor, between=proxy.before) as installation,
    ):
        installation.start("bulk.1", "bulk.2", "clock.1")
        installation.await_words("listening", "bulk.1", "bulk.2")
        proxy.lose(**lost)
        installation.send()
        until(lambda: proxy.lost, what="an answer that is lost")
        check_everybody_served_once(installation, count_outcome)
        supervisor.stop()

"""The RQ worker in real processes: signals, Redis coming and going, killed jobs."""

import os
import signal
import sys
from pathlib import Path

import pytest
import redis
from rq import Queue as RQQueue
from rq.registry import FailedJobRegistry, FinishedJobRegistry, StartedJobRegistry

from tests.support.waiting import is_gone, until
from worker.domain.mailing import Queue
from worker.embedded.supervisor import Supervisor
from worker.embedded.valkey import NAME, start_valkey
from worker.queue.connection import JobQueue

JOBS = "tests.support.queue_jobs"


@pytest.fixture
def queue(valkey_url):
    return JobQueue(valkey_url)


def lines(tmp_path):
    ran = tmp_path / "ran"
    return ran.read_text().split() if ran.exists() else []


def pid_of(tmp_path, number):
    file = tmp_path / f"pid-{number}"
    return int(until(lambda: file.exists() and file.read_text(), what="a running job"))


def test_a_job_finds_the_application_already_imported(queue, valkey_url, start_worker, tmp_path):
    start_worker(valkey_url)
    queue.enqueue(Queue.BULK, f"{JOBS}.which_modules", 1)
    until(lambda: (tmp_path / "preloaded").exists())
    assert (tmp_path / "preloaded").read_text() == "True"


def test_a_worker_takes_jobs_of_its_own_queue_alone(queue, valkey_url, start_worker, tmp_path):
    queue.enqueue(Queue.BULK, f"{JOBS}.note", 1)
    queue.enqueue(Queue.PROMPT, f"{JOBS}.note", 2)
    start_worker(valkey_url, "prompt.1")
    until(lambda: lines(tmp_path))
    assert lines(tmp_path) == ["2"]
    assert queue.depth(Queue.BULK) == 1


@pytest.mark.parametrize("both", [False, True], ids=["worker alone", "worker and horse"])
def test_sigterm_in_the_middle_of_a_job_finishes_the_batch_and_ends(
    queue, valkey_url, start_worker, processes, tmp_path, both
):
    worker = start_worker(valkey_url)
    queue.enqueue(Queue.BULK, f"{JOBS}.batch_by_batch", 7)
    horse = pid_of(tmp_path, 7)
    until(lambda: (tmp_path / "in-batch-0").exists())
    os.kill(worker, signal.SIGTERM)
    if both:
        os.kill(horse, signal.SIGTERM)
    (tmp_path / "go-0").touch()
    until(lambda: processes.exit_code("bulk.1") is not None, what="the worker's end")
    assert processes.exit_code("bulk.1") == 0
    assert lines(tmp_path) == ["1"]  # one batch, whole, and no second one
    with redis.Redis.from_url(valkey_url) as client:
        assert FinishedJobRegistry("bulk", client).get_job_ids(cleanup=False) == ["batch_by_batch-7"]
        assert StartedJobRegistry("bulk", client).get_job_ids(cleanup=False) == []


def test_sigterm_does_not_kill_a_job_that_knows_nothing_of_it(queue, valkey_url, start_worker, processes, tmp_path):
    worker = start_worker(valkey_url)
    queue.enqueue(Queue.BULK, f"{JOBS}.without_asking", 7)
    horse = pid_of(tmp_path, 7)
    for pid in (worker, horse):
        os.kill(pid, signal.SIGTERM)
    (tmp_path / "go-0").touch()
    until(lambda: processes.exit_code("bulk.1") == 0, what="the worker's end")
    assert lines(tmp_path) == ["7"]


def test_an_idle_worker_is_counted_and_ends_at_once(queue, valkey_url, start_worker, processes):
    worker = start_worker(valkey_url)
    until(lambda: queue.workers(Queue.BULK) == 1)
    assert queue.workers(Queue.PROMPT) == 0
    os.kill(worker, signal.SIGTERM)
    until(lambda: processes.exit_code("bulk.1") is not None, seconds=5)
    assert processes.exit_code("bulk.1") == 0
    assert queue.workers(Queue.BULK) == 0


@pytest.mark.skipif(not Path("/proc").exists(), reason="only Linux ends a child with its parent")
def test_a_job_whose_worker_was_killed_finishes_its_batch_and_ends(
    queue, valkey_url, start_worker, processes, tmp_path
):
    start_worker(valkey_url)
    queue.enqueue(Queue.BULK, f"{JOBS}.batch_by_batch", 7)
    horse = pid_of(tmp_path, 7)
    until(lambda: (tmp_path / "in-batch-0").exists())
    processes.kill("bulk.1")
    (tmp_path / "go-0").touch()
    until(lambda: is_gone(horse), what="the job's end")
    assert (tmp_path / "batch-1-done").exists()
    assert not (tmp_path / "in-batch-1").exists()


def test_a_job_killed_by_the_kernel_is_reported_and_the_worker_goes_on(
    queue, valkey_url, start_worker, processes, tmp_path
):
    start_worker(valkey_url)
    queue.enqueue(Queue.BULK, f"{JOBS}.die", 3)
    queue.enqueue(Queue.BULK, f"{JOBS}.note", 4)
    until(lambda: lines(tmp_path))
    assert lines(tmp_path) == ["4"]
    (line,) = [text for text in processes.tail("bulk.1", 500).splitlines() if "horse killed" in text]
    assert '"job": "die-3"' in line
    assert '"signal": 9' in line
    with redis.Redis.from_url(valkey_url) as client:
        assert FailedJobRegistry("bulk", client).get_job_ids(cleanup=False) == ["die-3"]
        assert client.ttl("rq:job:die-3") <= 7 * 24 * 3600


def test_emptying_redis_under_a_worker_only_delays(queue, valkey_url, start_worker, tmp_path):
    start_worker(valkey_url)
    queue.enqueue(Queue.BULK, f"{JOBS}.note", 1, window="a")
    until(lambda: lines(tmp_path) == ["1"])
    with redis.Redis.from_url(valkey_url) as client:
        client.flushall()
    queue.enqueue(Queue.BULK, f"{JOBS}.note", 2, window="b")
    until(lambda: lines(tmp_path) == ["1", "2"])


def test_emptying_redis_during_a_job_lets_it_finish(queue, valkey_url, start_worker, tmp_path):
    start_worker(valkey_url)
    queue.enqueue(Queue.BULK, f"{JOBS}.without_asking", 1)
    pid_of(tmp_path, 1)
    with redis.Redis.from_url(valkey_url) as client:
        client.flushall()
    (tmp_path / "go-0").touch()
    until(lambda: lines(tmp_path) == ["1"])
    queue.enqueue(Queue.BULK, f"{JOBS}.note", 2)
    until(lambda: lines(tmp_path) == ["1", "2"])


@pytest.fixture
def own_valkey(tmp_path, short_folder):
    """A server of this test's own: `start()` gives its URL, `kill()` takes it away."""
    folder = short_folder / tmp_path.name[:30]
    with Supervisor(logs=tmp_path / "valkey-logs", grace_seconds=5) as supervisor:

        class Server:
            def start(self):
                return start_valkey(supervisor, folder)

            def kill(self):
                supervisor.kill(NAME)

        yield Server()


def test_a_worker_started_while_redis_is_away_waits_for_it(own_valkey, start_worker, processes, tmp_path):
    url = own_valkey.start()
    own_valkey.kill()
    start_worker(url, wait=False)
    until(lambda: "no Redis" in processes.tail("bulk.1", 500), what="a message")
    own_valkey.start()
    JobQueue(url).enqueue(Queue.BULK, f"{JOBS}.note", 1)
    until(lambda: lines(tmp_path) == ["1"])


def test_a_worker_that_waits_for_redis_still_ends_on_sigterm(own_valkey, start_worker, processes):
    url = own_valkey.start()
    own_valkey.kill()
    worker = start_worker(url, wait=False)
    until(lambda: "no Redis" in processes.tail("bulk.1", 500), what="a message")
    os.kill(worker, signal.SIGTERM)
    until(lambda: processes.exit_code("bulk.1") is not None)
    assert processes.exit_code("bulk.1") == 0


def test_redis_restarted_under_an_idle_worker_is_found_again(own_valkey, start_worker, processes, tmp_path):
    url = own_valkey.start()
    start_worker(url)
    own_valkey.kill()
    own_valkey.start()
    JobQueue(url).enqueue(Queue.BULK, f"{JOBS}.note", 1)
    until(lambda: lines(tmp_path) == ["1"])
    assert processes.alive("bulk.1")


def test_a_job_that_ends_while_redis_is_away_has_done_its_work_and_the_worker_returns(
    own_valkey, start_worker, processes, tmp_path
):
    url = own_valkey.start()
    start_worker(url)
    JobQueue(url).enqueue(Queue.BULK, f"{JOBS}.without_asking", 1)
    horse = pid_of(tmp_path, 1)
    own_valkey.kill()
    (tmp_path / "go-0").touch()
    until(lambda: is_gone(horse), seconds=40, what="the job's end")
    assert lines(tmp_path) == ["1"]
    own_valkey.start()
    JobQueue(url).enqueue(Queue.BULK, f"{JOBS}.note", 2)
    until(lambda: lines(tmp_path) == ["1", "2"], seconds=40)
    assert processes.alive("bulk.1")


def test_sigterm_during_a_job_while_redis_is_away_ends_the_worker_after_the_job(
    own_valkey, start_worker, processes, tmp_path
):
    url = own_valkey.start()
    worker = start_worker(url)
    JobQueue(url).enqueue(Queue.BULK, f"{JOBS}.without_asking", 1)
    pid_of(tmp_path, 1)
    own_valkey.kill()
    os.kill(worker, signal.SIGTERM)
    (tmp_path / "go-0").touch()
    until(lambda: processes.exit_code("bulk.1") is not None, seconds=40, what="the worker's end")
    assert processes.exit_code("bulk.1") == 0
    assert lines(tmp_path) == ["1"]


def test_a_hint_nobody_took_in_time_is_passed_over(queue, valkey_url, start_worker, tmp_path):
    queue.enqueue(Queue.BULK, f"{JOBS}.note", 1)
    with redis.Redis.from_url(valkey_url) as client:
        client.pexpire("rq:job:note-1", 1)
        until(lambda: not client.exists("rq:job:note-1"))
        assert RQQueue("bulk", connection=client).get_job_ids() == ["note-1"]
    queue.enqueue(Queue.BULK, f"{JOBS}.note", 2)
    start_worker(valkey_url)
    until(lambda: lines(tmp_path))
    assert lines(tmp_path) == ["2"]


def test_stopping_everything_lets_a_running_job_be_recorded_before_valkey_ends(short_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("QUEUE_TEST_DIR", str(tmp_path))
    folder = short_folder / "ordered"
    with Supervisor(logs=tmp_path / "logs") as everything:
        url = start_valkey(everything, folder)
        JobQueue(url).enqueue(Queue.BULK, f"{JOBS}.until_asked", 7)
        everything.start("bulk.1", [sys.executable, "-m", "tests.support.queue_worker", "bulk", url])
        pid_of(tmp_path, 7)
    assert lines(tmp_path) == ["7"]
    with Supervisor(logs=tmp_path / "again") as again, redis.Redis.from_url(start_valkey(again, folder)) as client:
        assert FinishedJobRegistry("bulk", client).get_job_ids(cleanup=False) == ["until_asked-7"]
        assert StartedJobRegistry("bulk", client).get_job_ids(cleanup=False) == []

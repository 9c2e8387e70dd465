"""What an enqueued job looks like in Redis, and what enqueueing does when Redis is in trouble."""

import json
import logging
import zlib

import pytest
import redis
from rq import Queue as RQQueue
from rq.serializers import JSONSerializer

from worker.domain.mailing import Queue
from worker.errors import SettingsError
from worker.queue.connection import FAILURE_TTL_SECONDS, HINT_TTL_SECONDS, JobQueue, name_job
from worker.queue.rq_worker import warn_of_eviction

JOB = "tests.support.queue_jobs.note"


@pytest.fixture
def queue(valkey_url):
    return JobQueue(valkey_url)


def waiting_jobs(url, queue=Queue.BULK):
    with redis.Redis.from_url(url) as client:
        return RQQueue(queue.value, connection=client, serializer=JSONSerializer).get_jobs()


def test_a_job_holds_ids_in_json_and_nothing_that_lasts(queue, valkey_url):
    assert queue.enqueue(Queue.BULK, JOB, 12, window="17")
    (job,) = waiting_jobs(valkey_url)
    assert (job.func_name, job.args, job.kwargs) == (JOB, [12], {})
    assert job.id == job.description == "note-12-17"
    assert job.result_ttl <= 3600
    assert job.failure_ttl == FAILURE_TTL_SECONDS == 7 * 24 * 3600
    with redis.Redis.from_url(valkey_url) as client:
        stored = client.hgetall("rq:job:note-12-17")
        assert json.loads(zlib.decompress(stored[b"data"])) == [JOB, None, [12], {}]
        assert 0 < client.ttl("rq:job:note-12-17") <= HINT_TTL_SECONDS


def test_the_same_offer_twice_is_one_job_and_no_error(queue, valkey_url):
    assert queue.enqueue(Queue.BULK, JOB, 12, window="17")
    assert queue.enqueue(Queue.BULK, JOB, 12, window="17")
    assert queue.enqueue(Queue.BULK, JOB, 12, window="18")
    assert [job.id for job in waiting_jobs(valkey_url)] == ["note-12-17", "note-12-18"]
    assert queue.depth(Queue.BULK) == 2
    assert queue.depth(Queue.PROMPT) == 0


def test_a_job_id_has_only_the_characters_that_rq_allows():
    assert name_job("worker.jobs.submit_batches", 7, 8, window="2026-11-16T07:00 (lane 1)") == (
        "submit_batches-7-8-2026-11-16T07_00__lane_1_"
    )


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1/0", "unix:///nowhere/valkey.sock", "redis://no-such-host.test:6379"]
)
def test_a_queue_that_cannot_be_reached_is_an_answer_and_not_an_error(url, caplog):
    with caplog.at_level(logging.WARNING, "broadsheet.queue"):
        assert JobQueue(url).enqueue(Queue.BULK, JOB, 12, window="17") is False
    assert caplog.records[-1].fields["job"] == "note-12-17"


def test_a_queue_knows_whether_redis_answers(queue):
    assert queue.answers()
    assert not JobQueue("redis://127.0.0.1:1/0").answers()


def test_making_a_queue_opens_no_connection(queue, valkey_url):
    with redis.Redis.from_url(valkey_url) as client:

        def connections():
            return {one["id"] for one in client.client_list()}

        before = connections()  # by id: those of earlier tests may close at any moment
        JobQueue(valkey_url)
        assert connections() <= before
        assert queue.enqueue(Queue.BULK, JOB, 1)
        assert len(connections() - before) == 1


def test_a_wrong_address_is_named_without_its_password():
    with pytest.raises(SettingsError) as wrong:
        JobQueue("http://user:hunter2@host/0").depth(Queue.BULK)
    assert "REDIS_URL" in str(wrong.value)
    assert "hunter2" not in str(wrong.value)


def test_tls_addresses_are_accepted():
    kwargs = JobQueue("rediss://host:6380/0?ssl_cert_reqs=none").redis.connection_pool.connection_kwargs
    assert kwargs["ssl_cert_reqs"] == "none"


def test_a_full_redis_refuses_a_hint_and_loses_nothing(queue, valkey_url):
    with redis.Redis.from_url(valkey_url) as client:
        client.config_set("maxmemory", "1")
        try:
            assert queue.enqueue(Queue.BULK, JOB, 12, window="17") is False
        finally:
            client.config_set("maxmemory", "0")
    assert queue.enqueue(Queue.BULK, JOB, 12, window="17") is True


def test_a_redis_that_evicts_is_complained_about(valkey_url, caplog):
    with redis.Redis.from_url(valkey_url) as client:
        assert warn_of_eviction(client) is False
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            assert warn_of_eviction(client) is True
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    assert caplog.records[-1].fields["policy"] == "allkeys-lru"

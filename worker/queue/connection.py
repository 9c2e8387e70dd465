"""Puts hints into Redis. Owns how a job is written; must not decide what is due, and keeps no state of ours.

A hint that is lost delays mail until the clock's next window and nothing else, so a Redis that cannot be
reached is an answer (False) here, never an exception that could undo what the database has committed.
"""

from __future__ import annotations

import logging
import re
from functools import cached_property

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue as RQQueue
from rq import Worker
from rq.exceptions import DuplicateJobError
from rq.serializers import JSONSerializer

from worker.domain.mailing import Queue
from worker.errors import SettingsError
from worker.logs import say

log = logging.getLogger("broadsheet.queue")

RESULT_TTL_SECONDS = 600
FAILURE_TTL_SECONDS = 7 * 24 * 3600  # RQ's own default is a year
HINT_TTL_SECONDS = 60  # a hint that nobody took by then has been offered again
JOB_TIMEOUT_SECONDS = 1800  # a bound for what hangs; it is not how a job ends
_RETRIES = 2  # redis-py's own default is ten, with up to ten seconds between


def open_redis(redis_url: str) -> Redis:
    """A client for `redis://`, `rediss://` or `unix://`; connects when first used.

    A call gives up after 15 s at most, after a fraction of one where nobody listens. Raises SettingsError where the URL is none of these.
    """
    try:
        return Redis.from_url(
            redis_url,
            socket_connect_timeout=2,
            socket_timeout=5,
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), _RETRIES),
            health_check_interval=30,
        )
    except ValueError:
        # The library's own message may quote the URL, which may hold a password.
        raise SettingsError(["REDIS_URL: must be redis://host:port/0, rediss://... or unix:///path"]) from None


class JobQueue:
    """Where jobs are enqueued. Opens nothing until asked, so it may be made before a fork."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url

    @cached_property
    def redis(self) -> Redis:
        """The client, for those who look into Redis (doctor, metrics, dashboard)."""
        return open_redis(self._redis_url)

    def enqueue(self, queue: Queue, job: str, *ids: int, window: str = "") -> bool:
        """Offer `worker.jobs.<job>(*ids)` to the workers of `queue`, at most once for each `window`.

        `job` is the dotted name of a function (`worker.jobs.plan_mailing`); `window` any text that tells one
        offer from the next. True: it is in Redis, put there now or before. False: Redis could not be reached or
        refused it; that is logged, and the clock will offer it again.
        """
        job_id = name_job(job, *ids, window=window)
        try:
            self._rq(queue).enqueue(
                job,
                args=list(ids),
                job_id=job_id,
                unique=True,
                description=job_id,  # RQ's own would spell out the arguments
                job_timeout=JOB_TIMEOUT_SECONDS,
                ttl=HINT_TTL_SECONDS,
                result_ttl=RESULT_TTL_SECONDS,
                failure_ttl=FAILURE_TTL_SECONDS,
            )
        except DuplicateJobError:
            # Another process was first, or redis-py sent this very call again because the reply was lost.
            return True
        except RedisError as trouble:
            say(log, logging.WARNING, "not enqueued", job=job_id, queue=queue.value, trouble=type(trouble).__name__)
            return False
        return True

    def depth(self, queue: Queue) -> int:
        """How many hints wait. Raises redis.exceptions.RedisError where Redis cannot be reached."""
        return self._rq(queue).count

    def workers(self, queue: Queue) -> int:
        """How many workers listen to it (a killed one counts for up to 105 s). Raises as `depth` does."""
        return len(Worker.all(queue=self._rq(queue)))

    def answers(self) -> bool:
        """Whether Redis can be reached and used now."""
        try:
            return bool(self.redis.ping())
        except RedisError:
            return False

    def _rq(self, queue: Queue) -> RQQueue:
        return RQQueue(queue.value, connection=self.redis, serializer=JSONSerializer)


def name_job(job: str, *ids: int, window: str = "") -> str:
    """The job's id: its name, ids and window, in the letters, digits, `_` and `-` that RQ allows."""
    parts = [job.rpartition(".")[2], *map(str, ids), *([window] if window else [])]
    return re.sub(r"[^A-Za-z0-9_-]", "_", "-".join(parts))

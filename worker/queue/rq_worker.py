"""The RQ worker of one queue. Owns its signals, its forks and its patience with Redis; knows no job by name.

What RQ would do by itself, and why it does something else here (all measured, RQ 3.0):

- It notices a dead worker after 812 s. With the intervals below: about 90 s, and the clock is faster still.
- It ends when Redis is away at start, or while a job runs. Here it waits and begins again.
- A SIGTERM to a work-horse kills it in the middle of a call. Here it is a flag (worker/queue/stopping.py).
- It takes commands over Redis that kill a running job. Here it listens to none.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue as RQQueue
from rq import Worker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer

from worker.domain.mailing import Queue
from worker.logs import say
from worker.queue.connection import RESULT_TTL_SECONDS, open_redis
from worker.queue.stopping import defer_for_good

log = logging.getLogger("broadsheet.worker")

MONITORING_SECONDS = 10
MAINTENANCE_SECONDS = 30
WORKER_TTL_SECONDS = 45
LONGEST_WAIT_SECONDS = 15.0
_PR_SET_PDEATHSIG = 1


def work(queue: Queue, redis_url: str, *, preload: Callable[[], object]) -> None:
    """Take jobs of `queue` until SIGTERM or SIGINT; returns once the running job has ended.

    `preload` imports the application, once, before any fork: a job then costs 15 ms instead of 333. A second
    signal, at least a second after the first, kills the job's process too.
    """
    preload()
    stop = _Stop()
    wait = 1.0
    while not stop.asked:
        redis = open_redis(redis_url)
        try:
            redis.ping()
            warn_of_eviction(redis)
            worker = QueueWorker([queue.value], connection=redis, stop=stop)
            wait = 1.0
            say(log, logging.INFO, "listening", queue=queue.value, pid=os.getpid())
            worker.work(logging_level="WARNING")
        except RedisError as trouble:
            say(log, logging.ERROR, "no Redis", trouble=str(trouble), next_try_seconds=wait)
        except StopRequested:
            pass  # a signal while the worker was already leaving; `stop` knows
        stop.listen()
        redis.close()
        stop.event.wait(wait)
        wait = min(wait * 2, LONGEST_WAIT_SECONDS)
    say(log, logging.INFO, "stopped", queue=queue.value, pid=os.getpid())


def warn_of_eviction(redis: Redis) -> bool:
    """Whether Redis may throw hints away when memory runs out; says so in the log.

    Harmless to the ledger, but jobs would vanish silently. Hosted Redis may forbid the question: then False.
    """
    try:
        policy = str(redis.info("memory").get("maxmemory_policy", "noeviction"))
    except RedisError:
        return False
    if policy == "noeviction":
        return False
    say(log, logging.WARNING, "Redis evicts", policy=policy, fix="set maxmemory-policy to noeviction")
    return True


class _Stop:
    """Whether this process was asked to end, while no RQ worker listens for signals."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.listen()

    @property
    def asked(self) -> bool:
        return self.event.is_set()

    def listen(self) -> None:
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)

    def _ask(self, _signum: int, _frame: FrameType | None) -> None:
        self.event.set()


class QueueWorker(Worker):
    """RQ's forking worker with our intervals, JSON only, one queue: with two, a crash while taking loses the job."""

    log_result_lifespan = False
    max_connection_wait_time = LONGEST_WAIT_SECONDS

    def __init__(self, queues: list[str] | list[RQQueue], name: str | None = None, **kwargs: Any) -> None:
        self._stop: _Stop | None = kwargs.pop("stop", None)
        kwargs.update(
            serializer=JSONSerializer,
            log_job_description=False,
            job_monitoring_interval=MONITORING_SECONDS,
            maintenance_interval=MAINTENANCE_SECONDS,
            worker_ttl=WORKER_TTL_SECONDS,
            default_result_ttl=RESULT_TTL_SECONDS,
        )
        super().__init__(queues, name, **kwargs)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """SIGTERM: no further job, and the running one finishes its batch."""
        if self._stop is not None:
            self._stop.event.set()
        self._tell_horse()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def set_shutdown_requested_date(self) -> None:
        """Nothing: RQ would write to Redis inside a signal's handler, and fail there when Redis is away."""

    def subscribe(self) -> None:
        """Nothing: RQ's commands (shutdown, kill-horse, stop-job) would end a call in the middle."""

    def fork_work_horse(self, job: Job, queue: RQQueue) -> None:
        """Fork with signals held back, so that none finds the child with its parent's listeners."""
        held = {signal.SIGTERM, signal.SIGINT}
        signal.pthread_sigmask(signal.SIG_BLOCK, held)
        try:
            super().fork_work_horse(job, queue)  # the child never returns from here
            if self._stop_requested:
                self._tell_horse()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, held)

    def setup_work_horse_signals(self) -> None:
        """In the child: SIGTERM is a flag, and comes by itself if the worker dies."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        defer_for_good()
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != self.pid:  # it died before we could ask to be told
            os.kill(os.getpid(), signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})

    def _tell_horse(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self.horse_pid:
                os.kill(self.horse_pid, signal.SIGTERM)  # only a flag there

    def maintain_heartbeats(self, job: Job, execution: Any) -> None:
        """A heartbeat that Redis does not take must not end the worker while its job runs."""
        try:
            super().maintain_heartbeats(job, execution)
        except RedisError as trouble:
            say(log, logging.WARNING, "no heartbeat", job=job.id, trouble=type(trouble).__name__)

    def handle_work_horse_killed(self, job: Job, retpid: int, ret_val: int, rusage: Any) -> None:
        """A job's process died without a word (out of memory, a crash in native code): say so.

        What it had claimed comes back through the sweep; RQ calls no failure callback for it.
        """
        by = os.WTERMSIG(ret_val) if ret_val and os.WIFSIGNALED(ret_val) else None
        memory = getattr(rusage, "ru_maxrss", None)
        say(log, logging.ERROR, "horse killed", job=job.id, pid=retpid, signal=by, max_rss_kilobytes=memory)

"""The RQ worker of one queue. Owns its signals, its forks and its patience with Redis; knows no job by name.

What RQ would do by itself, and why it does something else here (all measured, RQ 3.0):

- It notices a dead worker after 812 s. With the intervals below: about 90 s, and the clock is faster still.
- It ends when Redis is away at start, or while a job runs. Here it waits and begins again.
- A SIGTERM to a work-horse kills it in the middle of a call. Here it is a flag (worker/queue/stopping.py).
- It takes commands over Redis that kill a running job. Here it listens to none.
- It leaves its wait for a job by raising from the signal's listener. That loses the job it has just taken, or, in
  the instant between the question and the answer, hangs for the 30 s the question lasts. Here a signal raises a
  flag, which is looked at every second.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from types import FrameType
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue as RQQueue
from rq import Worker
from rq.exceptions import DequeueTimeout, StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus

from worker.domain.mailing import Queue
from worker.logs import say
from worker.queue.connection import RESULT_TTL_SECONDS, open_redis
from worker.queue.stopping import StopFlag, defer_for_good

log = logging.getLogger("broadsheet.worker")

MONITORING_SECONDS = 10
MAINTENANCE_SECONDS = 30
WORKER_TTL_SECONDS = 45
LONGEST_WAIT_SECONDS = 4.0  # between two tries: mail that is due goes out within 15 s of the queue coming back
LOOK_SECONDS = 1
_PR_SET_PDEATHSIG = 1


def work(queue: Queue, redis_url: str, *, preload: Callable[[], object]) -> None:
    """Take jobs of `queue` until SIGTERM or SIGINT; returns once the running job has ended.

    `preload` imports the application, once, before any fork: a job then costs 15 ms instead of 333. A second
    signal, at least a second after the first, kills the job's process too.
    """
    preload()
    stop = StopFlag()
    stop.listen()
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
        stop.listen()  # the worker had its own listeners
        redis.close()
        stop.wait(wait)
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


class QueueWorker(Worker):
    """RQ's forking worker with our intervals, JSON only, one queue: with two, a crash while taking loses the job."""

    log_result_lifespan = False

    def __init__(self, queues: list[str] | list[RQQueue], name: str | None = None, **kwargs: Any) -> None:
        self._stop: StopFlag = kwargs.pop("stop", StopFlag())
        kwargs.update(
            serializer=JSONSerializer,
            log_job_description=False,
            job_monitoring_interval=MONITORING_SECONDS,
            maintenance_interval=MAINTENANCE_SECONDS,
            worker_ttl=WORKER_TTL_SECONDS,
            default_result_ttl=RESULT_TTL_SECONDS,
        )
        super().__init__(queues, name, **kwargs)

    def _install_signal_handlers(self) -> None:
        super()._install_signal_handlers()  # type: ignore[no-untyped-call]
        self._stop_requested = self._stop.asked  # it may have come before anybody listened here

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """SIGTERM: no further job, and the running one finishes its batch. The next signal is RQ's cold shutdown."""
        self._stop.hear(signum, frame)
        self._stop_requested = True
        self._shutdown_requested_date = datetime.now(UTC)
        signal.signal(signal.SIGINT, self.request_force_stop)
        signal.signal(signal.SIGTERM, self.request_force_stop)
        self._tell_horse()

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, RQQueue]:
        """Wait for a job, looking at the flag every second; raises StopRequested when it is up or Redis is away."""
        self.set_state(WorkerStatus.IDLE)
        try:
            while not self._stop_requested:
                self.heartbeat()
                if self.should_run_maintenance_tasks:
                    self.run_maintenance_tasks()  # type: ignore[no-untyped-call]
                if found := self._take(LOOK_SECONDS):
                    return found
        except RedisError as trouble:
            say(log, logging.WARNING, "Redis lost", trouble=str(trouble))
        raise StopRequested

    def _take(self, seconds: int) -> tuple[Job, RQQueue] | None:
        try:
            found = self.queue_class.dequeue_any(
                self._ordered_queues,
                seconds,
                connection=self.connection,
                job_class=self.job_class,
                serializer=self.serializer,
                death_penalty_class=self.death_penalty_class,
            )
        except DequeueTimeout:
            return None
        if found:
            found[0].redis_server_version = self.get_redis_server_version()  # type: ignore[no-untyped-call]
        return found

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

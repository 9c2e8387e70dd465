"""SIGTERM to a real RQ worker and to its work-horse at once, as a host does that ends every process it runs."""

import os
import secrets
import signal

import redis

from worker.domain.mailing import Queue
from worker.queue.connection import JobQueue
from worker.queue.rq_worker import work

_playing = []  # what the one job does; a work-horse inherits it


def run_worker(redis_url, arm, play):
    """In a forked process: become a worker whose only job is `play`; returns when the worker has ended.

    `arm(act)` is called in the work-horse, before it plays; `act` tells worker and horse to stop.
    """
    _playing[:] = [(arm, play)]
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    queue = JobQueue(redis_url)
    assert queue.enqueue(Queue.BULK, "tests.support.crash_stop.play_once", window=secrets.token_hex(4))
    queue.redis.close()
    work(Queue.BULK, redis_url, preload=lambda: None)


def play_once():
    """The job."""
    (arm, play) = _playing[0]
    told = []

    def act():
        told.append(True)
        _tell(os.getppid(), os.getpid())

    arm(act)
    try:
        play()
    finally:
        if not told:  # the point was not reached, and the worker must end all the same
            _tell(os.getppid())  # once: RQ takes a second time, a second later, for an order to drop what it does


def _tell(*pids):
    for pid in pids:
        os.kill(pid, signal.SIGTERM)

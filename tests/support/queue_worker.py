"""Run as `python -m tests.support.queue_worker QUEUE REDIS_URL`: a real worker, which knows the jobs of queue_jobs."""

import sys
import types

from worker.domain.mailing import Queue
from worker.logs import configure
from worker.queue.rq_worker import work


def preload():
    import tests.support.queue_jobs  # noqa: F401

    sys.modules["sentinel_preloaded"] = types.ModuleType("sentinel_preloaded")


if __name__ == "__main__":
    configure("INFO")
    work(Queue(sys.argv[1]), sys.argv[2], preload=preload)

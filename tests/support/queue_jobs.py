"""Jobs for tests of the queue, run by real workers. Each speaks to its test through files; what it is given is a
number, as with every job, and the folder comes from QUEUE_TEST_DIR."""

import os
import signal
import time
from pathlib import Path

from worker.queue.stopping import deferred_stop

LONG_ENOUGH = 60.0


def _folder():
    return Path(os.environ["QUEUE_TEST_DIR"])


def _wait_for(path):
    deadline = time.monotonic() + LONG_ENOUGH
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.01)


def note(number):
    """Leave a line that says this job ran."""
    with (_folder() / "ran").open("a") as file:
        file.write(f"{number}\n")


def batch_by_batch(number):
    """Until asked to stop: say which process runs, wait for the test in the middle of a batch, finish it."""
    (_folder() / f"pid-{number}").write_text(str(os.getpid()))
    with deferred_stop() as stopping:
        done = 0
        while not stopping():
            (_folder() / f"in-batch-{done}").touch()
            _wait_for(_folder() / f"go-{done}")
            done += 1
            (_folder() / f"batch-{done}-done").touch()
    note(done)


def until_asked(number):
    """Works until it is asked to stop."""
    (_folder() / f"pid-{number}").write_text(str(os.getpid()))
    with deferred_stop() as stopping:
        while not stopping():
            time.sleep(0.01)
    note(number)


def without_asking(number):
    """A job that knows nothing of signals: waits for the test in the middle."""
    (_folder() / f"pid-{number}").write_text(str(os.getpid()))
    _wait_for(_folder() / "go-0")
    note(number)


def die(number):
    """Killed as by the kernel when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def which_modules(number):
    """Whether the parent had imported what a job needs."""
    import sys

    (_folder() / "preloaded").write_text(str("sentinel_preloaded" in sys.modules))

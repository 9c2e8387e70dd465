"""Started as a process of its own: loads everything once, then forks for every point, so that one costs milliseconds.

Reads one JSON object a line and answers with one: `count` runs a scenario to its end and names its points; `run` forks
a child that is killed, frozen or told to stop at one of them; `thaw` lets a frozen one go on and waits for its end.
"""

import json
import os
import signal
import sys
import time
import traceback
from functools import cache

from tests.support.crash_bench import Bench
from tests.support.crash_catalogue import EVERY
from tests.support.crash_points import Points
from tests.support.crash_stop import run_worker
from worker.queue.stopping import defer_for_good, deferred_stop
from worker.store.engine import open_engine

HUNG_SECONDS = 30.0


@cache
def _opened(url):
    points = Points()
    engine = open_engine(url)
    points.watch(engine)
    return engine, points


def _play(job, stopping=None):
    engine, points = _opened(job["database"])
    bench = Bench(engine, job["database"], job["room"], job["folder"], points, job["lease_seconds"])
    if stopping is not None:
        bench.stopping = stopping
    EVERY[job["scenario"]].run(bench, job["ids"])


def count(job):
    """In this very process: what is compiled now is inherited by every child."""
    engine, points = _opened(job["database"])
    points.disarm()
    _play(job)
    engine.dispose()
    return {"points": points.names}


def run(job):
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _child(job, writing)
    os.close(writing)
    how = _ended(pid, os.WUNTRACED)
    with os.fdopen(reading, "rb") as pipe:
        # A frozen child keeps its end open: what it told is there already, and no end of file will come.
        os.set_blocking(reading, False)
        told, _, since = (pipe.read() or b"").decode().partition("\0")
    return {"pid": pid, "how": how, "at": told, "seconds": time.monotonic() - float(since) if since else 0.0}


def thaw(job):
    os.kill(job["pid"], signal.SIGCONT)
    return {"pid": job["pid"], "how": _ended(job["pid"], 0), "at": ""}


def _child(job, writing):
    code = 1
    try:
        _engine, points = _opened(job["database"])

        def tell(name):
            os.write(writing, f"{name}\0{time.monotonic()}".encode())

        if job["signal"] == "SIGTERM":
            _stop(job, points, tell)
        else:
            points.arm(job["at"], lambda: os.kill(os.getpid(), signal.Signals[job["signal"]]), tell)
            _play(job)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _stop(job, points, tell):
    """As a job is told to stop: alone, or together with the RQ worker whose job it is."""

    def play():
        with deferred_stop() as stopping:
            _play(job, stopping)

    if job["queue"]:
        run_worker(job["queue"], lambda act: points.arm(job["at"], act, tell), play)
        return
    defer_for_good()
    points.arm(job["at"], lambda: os.kill(os.getpid(), signal.SIGTERM), tell)
    play()


def _ended(pid, options):
    until = time.monotonic() + HUNG_SECONDS
    while not (found := os.waitpid(pid, options | os.WNOHANG))[0]:
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return "hung"
        time.sleep(0.001)
    status = found[1]
    if os.WIFSTOPPED(status):
        return "frozen"
    if os.WIFSIGNALED(status):
        return "killed" if os.WTERMSIG(status) == signal.SIGKILL else f"signal {os.WTERMSIG(status)}"
    return f"exit {os.WEXITSTATUS(status)}"


def main():
    doers = {"count": count, "run": run, "thaw": thaw}
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # what libraries print is no answer
        for line in sys.stdin:
            job = json.loads(line)
            answers.write(json.dumps(doers[job["do"]](job)) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()

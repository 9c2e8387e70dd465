"""A process that has loaded the application and forks workers and clocks, so that one starts in milliseconds.

What it forks are the real ones: an RQ worker with work-horses, and a clock, each in a session of its own. It must be
started before its parent has any thread.
"""

import contextlib
import ctypes
import gc
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path

from worker import jobs
from worker.clock import run_clock
from worker.config import load_settings
from worker.context import Context
from worker.domain.mailing import Queue
from worker.logs import configure
from worker.queue.rq_worker import work

_PR_SET_PDEATHSIG = 1


class Zygote:
    """`zygote.start("bulk", folder, log)` returns the new process's id; leaving the block ends the zygote and all it made."""

    def __enter__(self):
        asking, asked = os.pipe()
        answering, answered = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(asked)
            os.close(answering)
            _answer(asking, answered)
        os.close(asking)
        os.close(answered)
        self._ask = os.fdopen(asked, "w")
        self._answers = os.fdopen(answering)
        self._made = set()
        return self

    def __exit__(self, *_):
        self.end_all()
        self._ask.close()
        os.waitpid(self._pid, 0)
        self._answers.close()

    def start(self, role, folder, log):
        print(json.dumps([role, str(folder), str(log)]), file=self._ask, flush=True)
        pid = int(self._answers.readline())
        self._made.add(pid)
        return pid

    def kill(self, pid):
        """SIGKILL one of those it made, and wait until it is gone."""
        self._made.discard(pid)
        kill_and_wait(pid)

    def end_all(self):
        """Kill workers, their horses and clocks."""
        for pid in list(self._made):
            for horse in children(pid):
                kill_and_wait(horse)
            self.kill(pid)


def kill_and_wait(pid):
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.kill(pid, signal.SIGKILL)
            if _state(pid) in ("Z", ""):
                return
            time.sleep(0.002)


def children(pid):
    """The living children of a process."""
    try:
        found = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [one for one in found if _state(one) not in ("Z", "")]


def _state(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _answer(asking, answered):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever is killed is buried by the kernel
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    with os.fdopen(asking) as questions, os.fdopen(answered, "w") as answers:
        for line in questions:
            role, folder, log = json.loads(line)
            pid = os.fork()
            if pid == 0:
                _become(role, folder, log)
            print(pid, file=answers, flush=True)
    os._exit(0)


def _become(role, folder, log):
    code = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(descriptor, sys.stdout.fileno())
        os.dup2(descriptor, sys.stderr.fileno())
        os.environ["BROADSHEET_PROJECT"] = folder
        settings = load_settings(jobs.project_folder())
        configure("WARNING")
        if role == "clock":
            run_clock(Context(settings))
        else:
            work(Queue(role), settings.redis_url, preload=jobs.preload)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)

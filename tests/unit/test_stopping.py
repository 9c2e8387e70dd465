"""SIGTERM as a flag, in real processes."""

import signal
import subprocess
import sys

CODE = """
import os, signal, sys
from worker.queue.stopping import deferred_stop, defer_for_good, stopping
{before}
with deferred_stop() as asked:
    print("before", asked(), flush=True)
    os.kill(os.getpid(), signal.{signal})
    print("inside", asked(), flush=True)
print("after", stopping(), flush=True)
"""


def run(before="", name="SIGTERM"):
    ended = subprocess.run(
        [sys.executable, "-c", CODE.format(before=before, signal=name)], capture_output=True, text=True, timeout=30
    )
    return ended.returncode, ended.stdout.split("\n")[:-1]


def test_a_signal_inside_is_kept_until_the_work_is_done():
    assert run() == (-signal.SIGTERM, ["before False", "inside True"])


def test_in_a_work_horse_the_flag_stays_up_and_the_job_ends_by_itself():
    assert run("defer_for_good()") == (0, ["before False", "inside True", "after True"])


def test_whoever_listened_before_hears_it_afterwards():
    listener = "signal.signal(signal.SIGTERM, lambda *_: print('heard', flush=True))"
    assert run(listener) == (0, ["before False", "inside True", "heard", "after False"])


def test_ctrl_c_is_kept_too():
    # Said here, for whoever runs tests in a shell's background has it ignored, and so would this process.
    code, lines = run("signal.signal(signal.SIGINT, signal.default_int_handler)", "SIGINT")
    assert lines == ["before False", "inside True"]
    assert code != 0

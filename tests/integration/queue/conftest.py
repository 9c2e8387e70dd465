"""Real workers, each in a process of its own."""

import sys

import pytest

from tests.support.waiting import until
from worker.embedded.supervisor import Supervisor


@pytest.fixture
def processes(tmp_path, monkeypatch):
    """A supervisor for the test's processes; jobs find `tmp_path` through QUEUE_TEST_DIR."""
    monkeypatch.setenv("QUEUE_TEST_DIR", str(tmp_path))
    with Supervisor(logs=tmp_path / "logs", grace_seconds=15) as supervisor:
        yield supervisor


@pytest.fixture
def start_worker(processes):
    """Starts a worker of a queue; waits until it listens unless told not to."""

    def start(url, name="bulk.1", *, wait=True):
        queue = name.partition(".")[0]
        processes.start(name, [sys.executable, "-m", "tests.support.queue_worker", queue, url])
        if wait:
            until(lambda: '"listening"' in processes.tail(name, 500), what=f"{name} listening")
        return processes.pid(name)

    return start

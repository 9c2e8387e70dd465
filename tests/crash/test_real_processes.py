"""Real workers, clocks and Valkey, killed, emptied, ended and frozen in the middle of a broadcast."""

import signal

import pytest

from tests.support.crash_project import BATCH_SIZE, READERS, Installation, freeze, is_idle, tell
from tests.support.waiting import until
from worker.domain.delivery import BatchStatus

GROUP = "real processes: killed, frozen, told to stop"


@pytest.fixture
def installation(tmp_path, short_folder, supervisor):
    with Installation(tmp_path, short_folder / tmp_path.name[-8:], supervisor) as one:
        yield one
        supervisor.stop()  # while the mailroom still answers


def test_killing_a_worker_its_job_and_a_clock_mails_nobody_twice_and_loses_nobody(installation, count_outcome):
    """Beside two clocks and the same job offered many times."""
    installation.start("bulk.1", "bulk.2", "clock.1", "clock.2")
    installation.send()
    installation.until_accepted(4)
    installation.offer_jobs(6)
    horse = installation.horse("bulk.1")
    installation.supervisor.kill("bulk.1")
    tell(horse, signal.SIGKILL)
    installation.supervisor.kill("clock.1")
    installation.start("bulk.3")
    installation.until_nothing_is_open()

    count_outcome(installation.outcome(GROUP))
    found = installation.batches()
    assert found.get(BatchStatus.UNCERTAIN, 0) <= 1, "more than the one batch in flight is uncertain"
    assert len(installation.check()) == READERS - BATCH_SIZE * installation.uncertain()


def test_emptying_the_queue_and_ending_all_workers_only_delays(installation, count_outcome):
    installation.start("bulk.1", "bulk.2", "clock.1")
    installation.send()
    installation.until_accepted(4)
    installation.empty_queue()
    installation.until_accepted(8)
    for name in ("bulk.1", "bulk.2"):
        tell(installation.supervisor.pid(name), signal.SIGTERM)
    until(
        lambda: not any(installation.supervisor.alive(name) for name in ("bulk.1", "bulk.2")),
        what="the end of both workers",
    )

    meanwhile = installation.batches()
    assert BatchStatus.PENDING in meanwhile, "the broadcast was over before the workers were ended"
    assert meanwhile.keys() <= {BatchStatus.PENDING, BatchStatus.SUBMITTED}, "a batch in flight was not settled"

    installation.empty_queue()
    installation.start("bulk.3", "bulk.4")
    installation.until_nothing_is_open()
    count_outcome(installation.outcome(GROUP))
    assert installation.batches().keys() == {BatchStatus.SUBMITTED}
    assert len(installation.check()) == READERS


def test_a_frozen_job_is_swept_and_mails_nobody_again_once_it_is_thawed(installation, count_outcome):
    installation.start("bulk.1", "bulk.2", "clock.1")
    installation.send()
    installation.until_accepted(3)
    horse = installation.horse("bulk.1")
    freeze(horse, installation.engine)
    try:
        # A claim comes back as pending, a call as uncertain.
        until(lambda: not {BatchStatus.CLAIMED, BatchStatus.SUBMITTING} & installation.batches().keys(), seconds=40)
        installation.until_nothing_is_open()
    finally:
        tell(horse, signal.SIGCONT)
    until(lambda: is_idle(installation.supervisor.pid("bulk.1")), what="the thawed job's end")
    installation.until_nothing_is_open()  # what it had started and not sent is pending again, and goes out
    count_outcome(installation.outcome(GROUP))
    assert len(installation.check()) == READERS - BATCH_SIZE * installation.uncertain()

"""Two clocks of which one dies or freezes, the same jobs many times over, hosts whose time differs by an hour."""

import contextlib
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.support.crash_project import READERS, Installation, freeze, tell
from worker.domain.delivery import BatchStatus
from worker.domain.mailing import MailingStatus
from worker.store.engine import reading
from worker.store.ledger.mailings import list_mailings
from worker.store.tables import submissions

GROUP = "real processes: clocks and jobs"
TAKES_OVER_WITHIN_SECONDS = 30.0
AN_HOUR = 3600
SHIFTED = Path(__file__).resolve().parents[1] / "support" / "shifted_clock"


@pytest.fixture
def installed(tmp_path, short_folder, supervisor):
    """`installed(database_url)`: an Installation in which nothing runs yet."""
    with contextlib.ExitStack() as stack:

        def install(database_url=None):
            folder = short_folder / tmp_path.name[-8:]
            one = stack.enter_context(Installation(tmp_path, folder, supervisor, database_url=database_url))
            stack.callback(supervisor.stop)  # while the mailroom still answers
            return one

        yield install


@pytest.mark.slow
@pytest.mark.parametrize(
    "signum",
    [pytest.param(signal.SIGKILL, id="killed"), pytest.param(signal.SIGSTOP, id="frozen", marks=pytest.mark.long)],
)
def test_a_second_clock_takes_over_within_thirty_seconds(signum, installed, count_outcome):
    installation = installed()
    installation.start("bulk.1", "clock.1")
    installation.await_words("clock ticks", "clock.1")
    installation.start("clock.2")
    installation.await_words("clock started", "clock.2")
    if signum == signal.SIGSTOP:
        freeze(installation.supervisor.pid("clock.1"), installation.engine)
    else:
        tell(installation.supervisor.pid("clock.1"), signum)
    since = time.monotonic()
    try:
        installation.send()
        installation.await_words("clock ticks", "clock.2", seconds=TAKES_OVER_WITHIN_SECONDS)
        assert time.monotonic() - since < TAKES_OVER_WITHIN_SECONDS
        installation.until_nothing_is_open()
    finally:
        if signum == signal.SIGSTOP:
            tell(installation.supervisor.pid("clock.1"), signal.SIGCONT)
    count_outcome(installation.outcome(GROUP))
    assert len(installation.check()) == READERS


def test_each_occurrence_runs_once_whatever_clocks_and_jobs_there_are(installed, count_outcome):
    """Three broadcasts at once, two clocks of which one is killed and comes back, every job offered again and again."""
    installation = installed()
    installation.start("bulk.1", "bulk.2", "clock.1", "clock.2")
    mailings = [installation.send(issue_id=f"issue-{number}") for number in range(3)]
    assert [installation.send(issue_id=f"issue-{number}") for number in range(3)] == [None] * 3, "scheduled twice"
    for number, mailing_id in enumerate(mailings):
        installation.mailing_id = mailing_id
        installation.offer_jobs(3, job="plan_mailing", window=f"p{number}")
        installation.until_accepted(4 * (number + 1))
        installation.offer_jobs(3, window=f"s{number}")
        installation.supervisor.kill("clock.1")
        installation.start("clock.1")
    for mailing_id in mailings:
        installation.mailing_id = mailing_id
        installation.until_nothing_is_open()
        assert installation.batches().keys() == {BatchStatus.SUBMITTED}
    count_outcome(installation.outcome(GROUP))
    received = Counter(installation.check(mailings=3))
    assert set(received.values()) == {3}
    assert len(received) == READERS


@pytest.mark.long
def test_hosts_whose_clocks_are_an_hour_apart_send_once_and_not_early(postgres, installed, count_outcome):
    """A clock and a worker an hour ahead, a clock and a worker an hour behind: the hour that counts is the database's."""
    installation = installed(postgres.get_uri("postgres"))
    ahead, behind = wrong_by(AN_HOUR), wrong_by(-AN_HOUR)
    assert abs(hour_of(ahead) - hour_of(behind) - timedelta(hours=2)) < timedelta(minutes=1)
    installation.start("bulk.1", "clock.1", **ahead)
    installation.start("bulk.2", "clock.2", **behind)
    installation.await_words("listening", "bulk.1", "bulk.2")
    later = installation.send(later=timedelta(minutes=30), issue_id="issue-later")
    installation.send(issue_id="issue-now")
    installation.until_nothing_is_open()
    count_outcome(installation.outcome(GROUP))
    with reading(installation.engine) as connection:
        first, last = connection.execute(
            select(func.min(submissions.c.started_at), func.max(submissions.c.started_at))
        ).one()
        (waiting,) = [one for one in list_mailings(connection) if one.id == later]
    assert last - first > timedelta(hours=1), "only one of the two hosts took part"
    assert waiting.status is MailingStatus.SCHEDULED
    assert installation.batches().keys() == {BatchStatus.SUBMITTED}
    assert len(installation.accepted_addresses()) == READERS


def wrong_by(seconds):
    return {"PYTHONPATH": f"{SHIFTED}:{Path.cwd()}", "SHIFT_CLOCK_SECONDS": str(seconds)}


def hour_of(environment):
    """What a process with this environment takes for the time."""
    asking = "from datetime import datetime, UTC; print(datetime.now(UTC).isoformat())"
    told = subprocess.run([sys.executable, "-c", asking], env=environment, capture_output=True, text=True, check=True)
    return datetime.fromisoformat(told.stdout.strip()).astimezone(UTC)

"""The database restarted, locked for long, or full, in the middle of a broadcast: an answer in hand is written later."""

import contextlib
import os
import resource
import signal
import threading
from pathlib import Path

import pytest
from sqlalchemy import event

from tests.support.crash_bench import Bench
from tests.support.crash_driver import lose_patience
from tests.support.crash_project import BATCH_SIZE, READERS, Installation
from tests.support.crash_zygote import children
from tests.support.ledger import planned_mailing, statuses
from tests.support.makers import make_subscribers
from tests.support.waiting import is_gone, until
from worker.domain.delivery import BatchStatus
from worker.mailroom import faults
from worker.mailroom.options import MailroomOptions
from worker.mailroom.server import Mailroom
from worker.store.engine import open_engine, writing

GROUP = "real processes: the database"


@pytest.fixture
def installed(tmp_path, short_folder, supervisor):
    """`installed(database_url)`: an Installation with two workers and a clock, in mid-broadcast."""
    with contextlib.ExitStack() as stack:

        def install(database_url=None):
            folder = short_folder / tmp_path.name[-8:]
            one = stack.enter_context(Installation(tmp_path, folder, supervisor, database_url=database_url))
            stack.callback(supervisor.stop)  # while the mailroom still answers
            one.start("bulk.1", "bulk.2", "clock.1")
            one.send()
            one.until_accepted(4)
            return one

        yield install


def test_an_answer_that_comes_while_the_database_is_locked_is_written_once_it_is_not(crash_url, crash_folder):
    room = Mailroom(MailroomOptions(keep=crash_folder / "mailroom"))
    room.script_faults(faults.late(0.2))
    other, engine = open_engine(crash_url), open_engine(crash_url)
    event.listen(engine, "connect", lose_patience)
    refused = []
    event.listen(engine, "handle_error", lambda context: refused.append(str(context.original_exception)))
    with room:
        bench = Bench(engine, crash_url, room.url, crash_folder)
        with writing(engine) as connection:
            make_subscribers(connection, 3)
        mailing_id = planned_mailing(engine, batch_size=3)
        submitting = threading.Thread(target=bench.submit, args=[mailing_id])
        submitting.start()
        until(lambda: room.stats()["requests"], what="the call")
        with other.connect() as connection:
            lock = "SELECT 1" if other.dialect.name == "sqlite" else "LOCK TABLE batches IN ACCESS EXCLUSIVE MODE"
            connection.exec_driver_sql(lock)
            until(lambda: room.stats()["accepted"] and len(refused) > 1, what="an answer that cannot be written")
            connection.rollback()
        submitting.join(20)
    assert statuses(other, mailing_id) == ["submitted"]
    engine.dispose()
    other.dispose()


def check_all_served(installation, count_outcome):
    installation.until_nothing_is_open()
    count_outcome(installation.outcome(GROUP))
    assert installation.batches().keys() == {BatchStatus.SUBMITTED}
    assert len(installation.check()) == READERS


@pytest.mark.long
@pytest.mark.parametrize("how", ["SIGINT", "SIGQUIT"], ids=["in an orderly way", "at once"])
def test_restarting_postgresql_in_mid_send_makes_nothing_uncertain(how, postgres, installed, count_outcome):
    installation = installed(postgres.get_uri("postgres"))
    postmaster = postgres.get_pid()
    for _again in range(3):
        before = installation.room.stats()["accepted"]
        os.kill(postmaster, signal.Signals[how])
        until(lambda gone=postmaster: is_gone(gone), what="the end of the server")
        postgres.ensure_postgres_running()
        postmaster = postgres.get_pid()
        installation.until_accepted(min(before + 4, READERS // BATCH_SIZE))
    check_all_served(installation, count_outcome)


@pytest.mark.long
def test_a_table_of_postgresql_locked_past_every_lease_makes_nothing_uncertain(postgres, installed, count_outcome):
    installation = installed(postgres.get_uri("postgres"))
    engine = open_engine(postgres.get_uri("postgres"))
    with engine.connect() as other:
        other.exec_driver_sql("LOCK TABLE batches IN ACCESS EXCLUSIVE MODE")
        other.exec_driver_sql("SELECT pg_sleep(4)")  # a lease is three seconds
        other.rollback()
    engine.dispose()
    check_all_served(installation, count_outcome)


@pytest.mark.long
def test_a_sqlite_file_locked_longer_than_anybody_waits_makes_nothing_uncertain(installed, count_outcome):
    installation = installed()
    with installation.engine.connect() as other:  # BEGIN IMMEDIATE: nobody else may write
        other.exec_driver_sql("SELECT 1")
        installation.await_words("database is locked", "clock.1")
        other.rollback()
    check_all_served(installation, count_outcome)


@pytest.mark.long
def test_a_full_disk_makes_at_most_the_calls_in_flight_uncertain(installed, count_outcome):
    """The processes may write no file longer than the log that SQLite keeps beside the database is at this moment."""
    installation = installed()
    log = Path(f"{installation.folder}/broadsheet.db-wal")
    limit_files(installation, log.stat().st_size)
    installation.await_words("disk I/O error", "clock.1")
    limit_files(installation, resource.RLIM_INFINITY)
    installation.until_nothing_is_open()
    count_outcome(installation.outcome(GROUP))
    assert installation.uncertain() <= 2
    served = len(installation.check())
    assert served == READERS - BATCH_SIZE * installation.uncertain()  # events have settled what was taken


def limit_files(installation, size):
    """For everybody who writes the database, and what they fork."""
    for name in ("bulk.1", "bulk.2", "clock.1"):
        pid = installation.supervisor.pid(name)
        for one in (pid, *children(pid)):
            with contextlib.suppress(ProcessLookupError):
                _soft, hard = resource.prlimit(one, resource.RLIMIT_FSIZE)
                resource.prlimit(one, resource.RLIMIT_FSIZE, (size, hard))

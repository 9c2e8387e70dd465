"""Every fault the mailroom knows, in random order, under two workers at once: everybody is counted at the end."""

import random
import threading
from collections import Counter

import pytest

from tests.support.crash_bench import Bench, recover
from tests.support.crash_checks import check_after_recovery, check_meanwhile
from tests.support.crash_counts import Outcome, examine
from tests.support.ledger import EDITIONS, counts, make_mailing
from tests.support.makers import NOW, make_subscribers
from worker.domain.delivery import DeliveryState
from worker.mailroom import faults
from worker.mailroom.faults import Fault
from worker.mailroom.options import MailroomOptions
from worker.mailroom.server import Mailroom
from worker.store.engine import open_engine, writing

READERS = 160
BATCH_SIZE = 5
DEADLINE_SECONDS = 0.4

KINDS = {
    "honest": lambda: Fault("honest", accepts=True),
    "429": lambda: faults.rate_limited(random.choice([None, 1.0])),
    "500 after taking it": lambda: faults.status(500, accepted=True),
    "503": lambda: faults.status(503),
    "401": lambda: faults.status(401),
    "late": lambda: faults.late(DEADLINE_SECONDS * 1.5),
    "dropped": lambda: faults.dropped(random.choice(["before_reading", "after_reading", "after_accepting"])),
    "redirect": lambda: faults.redirect("http://127.0.0.1:9/elsewhere"),
    "rows": lambda: faults.rows_refused([random.randrange(BATCH_SIZE)]),
    "unnamed": lambda: faults.refused(),
    "message": lambda: faults.refused(field="subject"),
    "413": faults.too_large,
    "garbage": faults.garbage,
}


@pytest.mark.parametrize("turn", range(2))
def test_faults_in_any_order_under_two_workers_leave_nobody_twice_and_nobody_unlisted(
    crash_url, crash_folder, turn, count_outcome
):
    names = random.choices([*KINDS, "honest", "honest", "honest"], k=60)
    room = Mailroom(MailroomOptions(keep=crash_folder / "mailroom"))
    room.script_faults(*(KINDS[name]() for name in names))
    engine = open_engine(crash_url)
    with room:
        bench = Bench(engine, crash_url, room.url, crash_folder, deadline=DEADLINE_SECONDS)
        with writing(engine) as connection:
            make_subscribers(connection, READERS // 2)
            make_subscribers(connection, READERS // 2, "paid")
            mailing_id = make_mailing(connection, batch_size=BATCH_SIZE)
        bench.plan(mailing_id, EDITIONS, NOW)
        _submit_beside(crash_url, room, crash_folder, mailing_id)
        check_meanwhile(bench)
        recover(bench, EDITIONS, NOW)
        _submit_beside(crash_url, room, crash_folder, mailing_id)
        recover(bench, EDITIONS, NOW)
    outcome = Outcome("scripted faults in random order, two workers", "160 readers", engine.dialect.name)
    outcome.count(examine(engine, bench.messages()))
    count_outcome(outcome)
    check_after_recovery(bench, {})
    found = counts(engine, mailing_id).by_state
    engine.dispose()
    script = Counter(names)
    assert found[DeliveryState.SUBMITTED] + found[DeliveryState.REFUSED] + found[DeliveryState.UNCERTAIN] == READERS
    assert found[DeliveryState.SUBMITTED] == len(bench.messages()), script


def _submit_beside(url, room, folder, mailing_id):
    """Two workers, each with an engine and connections of its own."""
    failures = []

    def work():
        engine = open_engine(url)
        try:
            Bench(engine, url, room.url, folder, deadline=DEADLINE_SECONDS).submit(mailing_id)
        except BaseException as wrong:
            failures.append(wrong)
        finally:
            engine.dispose()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert failures == []

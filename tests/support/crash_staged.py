"""Crash scenarios of mail that waits at SendGrid. One mailroom lasts for a whole point, and its clock strikes the hour.

Whatever happens before the mail can no longer be taken back must end with everybody served once, and nobody uncertain.
"""

import json
import urllib.request
from datetime import UTC, datetime, timedelta

from tests.support.crash_bench import NOTHING_WRITTEN
from tests.support.crash_scenarios import Scenario, scheduled
from tests.support.ledger import EDITIONS
from worker.domain.mailing import MailingStatus
from worker.domain.staging import SHORTEST
from worker.mailroom import faults
from worker.store.engine import reading, writing
from worker.store.ledger.mailings import (
    cancel_mailing,
    get_mailing,
    list_mailings,
    pause_mailing,
    resume_mailing,
)
from worker.usecases.recall_mailing import free_generations, recall_mailing
from worker.usecases.stage_mailing import stage_mailing

SCHEDULED_SENDS = "/v3/user/scheduled_sends"
ROUNDS = 60


def _now():
    return datetime.now(UTC)


def _hour(ids):
    return datetime.fromtimestamp(ids["hour"], UTC)


def _ahead(bench):
    """Scheduled for three hours from now on the real clock, which the database's is; to be handed over at once."""
    hour = (_now() + timedelta(hours=3)).replace(microsecond=0)
    ids = scheduled(bench, send_at=hour, stage_at=_now() - SHORTEST)
    return ids | {"hour": hour.timestamp()}


def _planned_ahead(bench):
    ids = _ahead(bench)
    bench.plan(ids["mailing"], EDITIONS, _now())
    return ids


def _hand_over(bench, ids):
    stage_mailing(bench.engine, bench.scheduler, ids["mailing"])
    bench.submit(ids["mailing"])


def _recall(bench, ids):
    recall_mailing(bench.engine, bench.scheduler, ids["mailing"])


def _whole_life(bench, ids):
    bench.tick(_now(), NOTHING_WRITTEN)
    bench.plan(ids["mailing"], EDITIONS, _now())
    _hand_over(bench, ids)
    bench.tick(_now(), NOTHING_WRITTEN)


def _pause_and_resume(bench, ids):
    _hand_over(bench, ids)
    with writing(bench.engine) as connection:
        pause_mailing(connection, ids["mailing"])
    _recall(bench, ids)
    with writing(bench.engine) as connection:
        resume_mailing(connection, ids["mailing"])
    _hand_over(bench, ids)


def _cancel(bench, ids):
    _hand_over(bench, ids)
    with writing(bench.engine) as connection:
        cancel_mailing(connection, ids["mailing"], _now())
    _recall(bench, ids)
    _recall(bench, ids)


def _decide(bench, ids):
    _hand_over(bench, ids)
    bench.tick(_now(), NOTHING_WRITTEN)
    _recall(bench, ids)
    _hand_over(bench, ids)


def to_the_end(bench, ids):
    """A healthy installation until nothing is due; then the hour strikes, and again until nothing is due."""
    _until_nothing_is_due(bench, _now)
    strike(bench, ids)
    _until_nothing_is_due(bench, lambda: _hour(ids))


def _cancelled_again(bench, ids):
    """Whoever cancelled and saw no answer does it again."""
    with writing(bench.engine) as connection:
        cancel_mailing(connection, ids["mailing"], _now())
    to_the_end(bench, ids)


def strike(bench, ids):
    """Turn the mailroom's clock to the hour: what waits is released or thrown away."""
    body = json.dumps({"now": ids["hour"]}).encode()
    request = urllib.request.Request(f"{bench.room}/_mailroom/clock", body, method="POST")
    with urllib.request.urlopen(request, timeout=10):
        pass


def _until_nothing_is_due(bench, clock):
    for _round in range(ROUNDS):
        bench.let_time_pass()
        due = bench.tick(clock(), NOTHING_WRITTEN)
        if not due and not _resumed(bench):
            return
        for one in due:
            match one.job:
                case "plan_mailing":
                    bench.plan(one.mailing_id, EDITIONS, clock())
                case "stage_mailing":
                    stage_mailing(bench.engine, bench.scheduler, one.mailing_id, clock())
                case "recall_mailing":
                    recall_mailing(bench.engine, bench.scheduler, one.mailing_id, clock())
                case "free_generations":
                    free_generations(bench.engine, bench.scheduler, clock())
                case "submit_batches":
                    bench.submit(one.mailing_id)
    raise AssertionError(f"something is still due after {ROUNDS} rounds: {due}")


def _resumed(bench):
    """Resume what a second uncertain generation has paused, or the interrupted operator."""
    with reading(bench.engine) as connection:
        paused = [one.id for one in list_mailings(connection, [MailingStatus.PAUSED])]
    with writing(bench.engine) as connection:
        return [resume_mailing(connection, mailing_id) for mailing_id in paused]


def status_of(bench, ids):
    with reading(bench.engine) as connection:
        return get_mailing(connection, ids["mailing"]).status


STAGED = {
    "staged: a whole life up to the hour": Scenario(_ahead, _whole_life, to_the_end),
    "staged: taken back by a pause, handed over again": Scenario(_planned_ahead, _pause_and_resume, to_the_end),
    "staged: cancelled after it was handed over": Scenario(_planned_ahead, _cancel, _cancelled_again),
    "staged: answers lost, taken back, handed over again": Scenario(
        _planned_ahead,
        _decide,
        to_the_end,
        (faults.dropped("after_accepting"), faults.status(502)),
    ),
    "staged: the cancellation's answer lost": Scenario(
        _planned_ahead,
        _cancel,
        _cancelled_again,
        (faults.dropped("after_accepting").calling(SCHEDULED_SENDS, "POST"),),
    ),
}

FREEZING_STAGED = {
    "staged: handing over": Scenario(_planned_ahead, _hand_over, to_the_end),
    "staged: taking back": Scenario(_planned_ahead, _pause_and_resume, to_the_end),
}

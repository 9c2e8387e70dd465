"""Crash scenarios of a text that changes after planning, and of mail at each reader's own local hour."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from tests.support.crash_bench import BATCH_SIZE, recover
from tests.support.crash_scenarios import Scenario, again, scheduled
from tests.support.ledger import EDITIONS
from tests.support.makers import NOW, make_subscriber
from worker.domain.edition import Card
from worker.domain.segment import EVERYONE
from worker.store.engine import reading, writing
from worker.store.ledger.candidates import stream_candidates
from worker.store.ledger.mailings import get_mailing, list_mailings
from worker.usecases.broadcast_again import broadcast_again
from worker.usecases.correct_mailing import correct_mailing
from worker.usecases.refresh_mailing import refresh_mailing

OLD = {plan: replace(edition, source_hash="old") for plan, edition in EDITIONS.items()}
NEW = {plan: replace(edition, source_hash="new", subject="Mended") for plan, edition in EDITIONS.items()}


def _half_sent(bench):
    """Planned, and one batch of it handed over."""
    ids = scheduled(bench)
    bench.plan(ids["mailing"], OLD, NOW)
    asked = iter(range(1_000))
    bench.stopping = lambda: next(asked) > 1
    bench.submit(ids["mailing"])
    return ids


def _mailing(bench, ids):
    with reading(bench.engine) as connection:
        return get_mailing(connection, ids["mailing"])


def _correct(bench, ids):
    correct_mailing(bench.engine, _mailing(bench, ids), NEW)
    bench.submit(ids["mailing"])


def _correct_and_tell(bench, ids):
    _correct(bench, ids)
    second = broadcast_again(bench.engine, _mailing(bench, ids), BATCH_SIZE, NOW)
    bench.plan(second.mailing_id, NEW, NOW)
    bench.submit(second.mailing_id)


def _corrected_again(bench, ids):
    """An operator who saw no answer says it again. Whoever is known to have the old text gets the new one, once."""
    correct_mailing(bench.engine, _mailing(bench, ids), NEW)
    recover(bench, EDITIONS, NOW)
    known = _addresses(bench, ids["mailing"], "submitted")
    broadcast_again(bench.engine, _mailing(bench, ids), BATCH_SIZE, NOW)
    recover(bench, NEW, NOW)
    with reading(bench.engine) as connection:
        seconds = [one.id for one in list_mailings(connection) if one.corrects_id == ids["mailing"]]
    unproven = {address for second in seconds for address in _addresses(bench, second, "uncertain")}
    mended = Counter(one["to"] for one in bench.messages() if one["subject"] == "Mended")
    left = known - mended.keys() - unproven
    assert left == set(), "somebody is left with the old text"
    assert max(mended.values(), default=0) <= 1, "somebody has the new text twice"


def _addresses(bench, mailing_id, state):
    with reading(bench.engine) as connection:
        return {one.address for one in stream_candidates(connection, mailing_id) if one.state == state}


CARD = Card("producer-groups", NOW)  # closed long ago on the database's clock
SHOWING = {plan: replace(edition, cards=(CARD,)) for plan, edition in OLD.items()}
WITHOUT = {plan: replace(edition, subject="Without the card") for plan, edition in OLD.items()}


def _showing_a_closed_launch(bench):
    ids = scheduled(bench)
    bench.plan(ids["mailing"], SHOWING, NOW)
    return ids


def _refresh(bench, ids):
    refresh_mailing(bench.engine, ids["mailing"], lambda _mailing: (WITHOUT, EVERYONE))
    bench.submit(ids["mailing"])


def _refreshed_again(bench, ids):
    _refresh(bench, ids)
    recover(bench, WITHOUT, NOW)
    assert {one["subject"] for one in bench.messages()} == {"Without the card"}, "a closed launch was mailed"


ZONES = ("Pacific/Kiritimati", "Europe/Lisbon", "America/Los_Angeles", "", "Mars/Olympus")


def _around_the_world(bench):
    """At this hour wherever they live: for some it has passed, for some it is to come."""
    hour = datetime.now(UTC).replace(microsecond=0)
    ids = scheduled(bench, send_at=hour, local_hour=True)
    with writing(bench.engine) as connection:
        for number in range(10):
            make_subscriber(connection, address=f"far{number}@example.com", zone=ZONES[number % len(ZONES)])
    return ids | {"hour": hour.timestamp()}


def _plan_and_submit(bench, ids):
    bench.plan(ids["mailing"], EDITIONS, datetime.fromtimestamp(ids["hour"], UTC))
    for _hour in range(3):
        bench.submit(ids["mailing"])
        bench.let_time_pass(leases=False)


def _planned_again(bench, ids):
    _plan_and_submit(bench, ids)
    again(bench, ids)


CHANGED = {
    "a correction in mid-send, and those who have the old text": Scenario(
        _half_sent, _correct_and_tell, _corrected_again
    ),
    "a correction of what is pending": Scenario(_half_sent, _correct, _corrected_again),
    "a launch that closed since planning": Scenario(_showing_a_closed_launch, _refresh, _refreshed_again),
    "local hours": Scenario(_around_the_world, _plan_and_submit, _planned_again),
}

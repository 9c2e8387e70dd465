"""Crash scenarios of an operator who merges records, moves an address and erases somebody while a broadcast is under way."""

from collections import Counter
from contextlib import suppress

from tests.support.crash_bench import recover
from tests.support.crash_scenarios import Scenario, scheduled
from tests.support.followups import ZONE
from tests.support.ledger import EDITIONS
from tests.support.makers import NOW
from worker.providers.scheduled import Done
from worker.store.engine import reading
from worker.store.erased import hash_addresses
from worker.store.ledger.candidates import stream_candidates
from worker.usecases.change_address import change_address
from worker.usecases.erase_subscriber import erase_subscriber
from worker.usecases.find_subscriber import NobodyThere
from worker.usecases.merge_subscribers import merge_subscribers

SECRET = "the oldest secret of the crash tests"
# The first has been served at the old address; the second pair waits in one batch; the third in two editions.
PAIRS = [("free0", "free6"), ("free4", "free5"), ("paid1", "free3")]


class _Lists:
    def add(self, _addresses):
        return Done()


def _at(name):
    return f"{name}@example.com"


def _half_sent(bench):
    """Planned, and one batch of it handed over."""
    ids = scheduled(bench)
    bench.plan(ids["mailing"], EDITIONS, NOW)
    asked = iter(range(1_000))
    bench.stopping = lambda: next(asked) > 1
    bench.submit(ids["mailing"])
    return ids | {"moved": True}


def _change(bench, ids):
    hash_addresses(bench.engine, SECRET)
    for ends, stays in PAIRS:
        _once(
            lambda ends=ends, stays=stays: merge_subscribers(bench.engine, _at(ends), _at(stays), ZONE, NOW, _Lists())
        )
    _once(lambda: change_address(bench.engine, _at("paid2"), _at("paid-new"), NOW, _Lists()))
    _once(lambda: erase_subscriber(bench.engine, _at("paid3"), NOW, _Lists()))
    bench.submit(ids["mailing"])


def _once(act):
    """An operator who saw no answer says it again; what was done is told by the address being nobody's."""
    with suppress(NobodyThere):
        act()


def _change_again(bench, ids):
    _change(bench, ids)
    recover(bench, EDITIONS, NOW)
    sent = Counter(one["to"] for one in bench.messages())
    with reading(bench.engine) as connection:
        unproven = {one.address for one in stream_candidates(connection, ids["mailing"]) if one.state == "uncertain"}
    for ends, stays in [*PAIRS, ("paid2", "paid-new")]:
        mailed = sent[_at(ends)] + sent[_at(stays)]
        assert mailed <= 1, f"{stays} was mailed twice, under both addresses"
        assert mailed == 1 or _at(stays) in unproven, f"{stays} was owed it and not mailed"
    assert sent[_at("paid3")] == 0, "somebody erased was mailed"


MERGED = {"merging, moving and erasing in mid-send": Scenario(_half_sent, _change, _change_again)}

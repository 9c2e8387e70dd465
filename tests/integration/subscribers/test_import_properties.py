"""Imports of random lists into random databases: a dry run foretells, repeating changes nothing, nobody comes back."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from tests.support.importing import load
from tests.support.lists import exact_list, own_lists, plain_lists, substack_lists, whole_list, wipe
from worker.store.engine import reading
from worker.store.tables import subscribers, suppressions
from worker.usecases import import_subscribers

LISTS = st.one_of(plain_lists(), substack_lists(), own_lists())
FEW = settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of three rows, so that random lists have several."""
    monkeypatch.setattr(import_subscribers, "CHUNK", 3)


def mailable(engine):
    with reading(engine) as connection:
        query = select(subscribers.c.address_key).where(
            subscribers.c.status == "confirmed",
            subscribers.c.address_key.not_in(select(suppressions.c.address_key)),
        )
        return set(connection.execute(query).scalars())


def unmailable(engine):
    with reading(engine) as connection:
        left = select(subscribers.c.address_key).where(subscribers.c.status == "unsubscribed")
        return set(connection.execute(left).scalars()) | set(
            connection.execute(select(suppressions.c.address_key)).scalars()
        )


@FEW
@given(first=LISTS, second=LISTS)
def test_a_dry_run_writes_nothing_and_says_what_the_real_run_does(engine, small_chunks, first, second):
    wipe(engine)
    load(engine, *first)
    before = exact_list(engine)
    foretold = load(engine, *second, dry_run=True)
    assert exact_list(engine) == before
    real = load(engine, *second)
    assert foretold == real


@FEW
@given(lines=LISTS)
def test_an_import_repeated_changes_nothing(engine, small_chunks, lines):
    wipe(engine)
    load(engine, *lines)
    after = whole_list(engine)
    load(engine, *lines)
    assert whole_list(engine) == after


class Killed(Exception):
    """The process is gone."""


@FEW
@given(lines=LISTS, at=st.integers(1, 40))
def test_an_import_killed_at_any_statement_and_run_again_has_the_same_end(engine, small_chunks, lines, at):
    wipe(engine)
    load(engine, *lines)
    whole = whole_list(engine)
    wipe(engine)
    left = [at]

    def die(*_arguments):
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    event.listen(engine, "before_cursor_execute", die)
    try:
        load(engine, *lines)
    except Killed:
        pass
    finally:
        event.remove(engine, "before_cursor_execute", die)
    load(engine, *lines)
    assert whole_list(engine) == whole


@FEW
@given(lists=st.lists(LISTS, min_size=2, max_size=4))
def test_whoever_may_not_be_mailed_stays_so_whatever_is_imported(engine, lists):
    wipe(engine)
    for lines in lists:
        never = unmailable(engine)
        load(engine, *lines)
        assert never <= unmailable(engine)
        assert not never & mailable(engine)


@FEW
@given(lines=LISTS)
def test_every_row_ends_in_one_way_and_is_told_by_line(engine, lines):
    wipe(engine)
    loaded = load(engine, *lines)
    numbers = [line for line, _end, _address, _why in loaded.ends]
    assert numbers == sorted(set(numbers))
    assert loaded.report.rows == len(loaded.ends)
    assert loaded.report.refused == len(loaded.refused)

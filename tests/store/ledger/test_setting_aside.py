"""Poison: what keeps failing for a reason of its own is set aside after a bounded number of tries, and the rest goes on."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tests.support.ledger import (
    EDITIONS,
    check_invariants,
    claim,
    claim_and_start,
    let_leases_run_out,
    make_mailing,
    planned_mailing,
    statuses,
)
from tests.support.makers import NOW, make_subscribers
from worker.domain.mailing import MailingKind, MailingStatus
from worker.domain.segment import EVERYONE
from worker.domain.subscriber import Plan
from worker.store.engine import reading, snapshot, writing
from worker.store.ledger import settle
from worker.store.ledger.claim import has_claimable
from worker.store.ledger.due import due_for_submitting
from worker.store.ledger.mailings import NewAddressee, cancel_mailing, get_mailing, pause_mailing, resume_mailing
from worker.store.ledger.plan import PLANNING_GIVEN_UP, PLANNING_LIMIT, begin_planning, freeze_audience
from worker.store.ledger.set_aside import (
    CLAIMS_LIMIT,
    UNREACHED_LIMIT,
    count_broken_claim,
    count_set_aside,
    set_aside_if_unreached,
)
from worker.store.ledger.sweep import RESENDS, sweep
from worker.store.tables import batches


@pytest.fixture
def two(engine):
    """A mailing of two batches, three readers each."""
    with writing(engine) as connection:
        make_subscribers(connection, 6)
    return planned_mailing(engine, batch_size=3)


def sweep_now(engine):
    with writing(engine) as connection:
        return sweep(connection, datetime.now(UTC))


def mailing(engine, mailing_id):
    with reading(engine) as connection:
        return get_mailing(connection, mailing_id)


def row(engine, batch_id):
    with reading(engine) as connection:
        return connection.execute(select(batches).where(batches.c.id == batch_id)).one()


def let_pauses_pass(engine):
    with writing(engine) as connection:
        connection.execute(update(batches).values(not_before=None))


def die_after_claim(engine, mailing_id, times):
    """A worker that dies between claim and start, so often; the batch it held each time."""
    held = []
    for _ in range(times):
        held.append(claim(engine, mailing_id).id)
        let_leases_run_out(engine)
        sweep_now(engine)
    return held


def test_a_batch_whose_claims_run_out_is_set_aside_and_the_next_one_goes(engine, two):
    held = die_after_claim(engine, two, CLAIMS_LIMIT)
    assert len(set(held)) == 1
    assert claim(engine, two).id == held[0] + 1
    seen = row(engine, held[0])
    assert (seen.status, seen.swept) == ("pending", CLAIMS_LIMIT)
    assert "died 5 times" in seen.set_aside


def test_a_batch_that_ran_out_less_often_goes_on(engine, two):
    held = die_after_claim(engine, two, CLAIMS_LIMIT - 1)
    assert claim(engine, two).id == held[0]
    assert row(engine, held[0]).set_aside is None


def test_the_mailing_says_which_batch_how_many_readers_and_what_to_do(engine, two):
    (batch_id, *_) = die_after_claim(engine, two, CLAIMS_LIMIT)
    said = mailing(engine, two).needs_attention
    assert f"batch {batch_id} (3 readers)" in said
    assert f"`broadsheet reconcile {two}`" in said


def test_a_mailing_with_a_batch_set_aside_is_not_finished_and_nothing_of_it_is_due(engine, two):
    (batch_id, *_) = die_after_claim(engine, two, CLAIMS_LIMIT)
    started = claim_and_start(engine, two)
    with writing(engine) as connection:
        settle.settle_accepted(connection, started, NOW, message_id="m")
    sweep_now(engine)
    assert statuses(engine, two) == ["pending", "submitted"]
    assert mailing(engine, two).status is MailingStatus.SENDING
    with reading(engine) as connection:
        assert not has_claimable(connection, two)
        assert due_for_submitting(connection) == []
        assert count_set_aside(connection, two) == 1
    assert claim(engine, two) is None
    assert row(engine, batch_id).set_aside
    check_invariants(engine)


def test_a_batch_set_aside_is_cancelled_with_its_mailing(engine, two):
    die_after_claim(engine, two, CLAIMS_LIMIT)
    with writing(engine) as connection:
        cancel_mailing(connection, two, NOW)
    assert statuses(engine, two) == ["cancelled", "cancelled"]


def test_claims_that_break_off_are_counted_and_wait_between_two_tries(engine, two):
    for number in range(1, CLAIMS_LIMIT + 1):
        batch = claim(engine, two)
        with writing(engine) as connection:
            assert count_broken_claim(connection, batch, "ValueError at merge.py:9") is (number == CLAIMS_LIMIT)
        other = claim(engine, two)
        assert other.id != batch.id, "it was taken again at once"
        with writing(engine) as connection:
            connection.execute(update(batches).where(batches.c.id == other.id).values(status="pending"))
        let_pauses_pass(engine)
    assert "ValueError at merge.py:9" in row(engine, batch.id).set_aside


def test_a_claim_that_was_rolled_back_is_counted_and_one_of_somebody_else_is_not(engine, two):
    batch = claim(engine, two)
    with writing(engine) as connection:
        connection.execute(update(batches).where(batches.c.id == batch.id).values(status="pending", claim_token=None))
        count_broken_claim(connection, batch, "rolled back")
    assert row(engine, batch.id).swept == 1
    let_pauses_pass(engine)
    again = claim(engine, two)
    with writing(engine) as connection:
        assert count_broken_claim(connection, batch, "not mine any more") is False
    assert again.id == batch.id
    assert (row(engine, batch.id).status, row(engine, batch.id).swept) == ("claimed", 1)


def test_why_a_mailing_is_paused_is_not_written_over(engine, two):
    with writing(engine) as connection:
        batch = connection.execute(select(batches.c.id)).scalars().first()
        connection.execute(update(batches).where(batches.c.id == batch).values(swept=CLAIMS_LIMIT - 1))
    claim(engine, two)
    with writing(engine) as connection:
        pause_mailing(connection, two, "refused (401): key")
    let_leases_run_out(engine)
    sweep_now(engine)
    assert row(engine, batch).set_aside
    assert mailing(engine, two).needs_attention == "refused (401): key"


def unreached(engine, mailing_id):
    started = claim_and_start(engine, mailing_id)
    with writing(engine) as connection:
        settle.settle_pending(connection, started, "unavailable", NOW, not_before=None, problem="broke off")
        return started.batch.id, set_aside_if_unreached(connection, started.batch.id, "broke off")


def test_a_batch_nobody_takes_while_others_are_answered_is_set_aside(engine, two):
    first, _ = unreached(engine, two)
    with writing(engine) as connection:
        connection.execute(update(batches).where(batches.c.id == first).values(not_before=NOW + timedelta(days=999)))
    other = claim_and_start(engine, two)
    with writing(engine) as connection:
        settle.settle_accepted(connection, other, NOW, message_id="m")
    let_pauses_pass(engine)
    seen = [unreached(engine, two) for _ in range(UNREACHED_LIMIT - 1)]
    assert seen == [(first, False)] * (UNREACHED_LIMIT - 2) + [(first, True)]
    assert claim(engine, two) is None


def test_an_outage_is_no_batchs_fault(engine, two):
    for _ in range(UNREACHED_LIMIT + 5):
        _, aside = unreached(engine, two)
        assert not aside
    assert claim(engine, two) is not None


def test_planning_that_never_ends_is_given_up_after_five_times_and_resume_gives_five_more(engine):
    with writing(engine) as connection:
        mailing_id = make_mailing(connection)

    def begin():
        with writing(engine) as connection:
            return begin_planning(connection, mailing_id)

    assert [begin() for _ in range(PLANNING_LIMIT)] == list(range(1, PLANNING_LIMIT + 1))
    assert mailing(engine, mailing_id).status is MailingStatus.PLANNING
    assert begin() == 0
    seen = mailing(engine, mailing_id)
    assert (seen.status, seen.needs_attention) == (MailingStatus.PAUSED, PLANNING_GIVEN_UP)
    assert begin() == 0
    with writing(engine) as connection:
        resume_mailing(connection, mailing_id)
    assert [begin() for _ in range(PLANNING_LIMIT + 1)] == [*range(PLANNING_LIMIT + 1, 2 * PLANNING_LIMIT + 1), 0]


def test_planning_that_ends_at_the_last_try_is_a_plan_like_any_other(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 2)
        mailing_id = make_mailing(connection)
    for _ in range(PLANNING_LIMIT):
        with writing(engine) as connection:
            begin_planning(connection, mailing_id)
    with snapshot(engine) as connection:
        frozen = freeze_audience(connection, get_mailing(connection, mailing_id), EVERYONE, EDITIONS, NOW)
    assert frozen.audience == 2
    with writing(engine) as connection:
        assert begin_planning(connection, mailing_id) == 0
    assert mailing(engine, mailing_id).status is MailingStatus.SENDING


def test_a_kind_that_is_sent_again_in_doubt_is_not_sent_for_ever(engine):
    outsider = [NewAddressee(None, Plan.FREE, "ops@example.com")]
    alert = planned_mailing(engine, kind=MailingKind.ALERT, addressees=outsider)
    calls = 0
    while claim_and_start_if_any(engine, alert):
        calls += 1
        let_leases_run_out(engine)
        sweep_now(engine)
        with writing(engine) as connection:
            resume_mailing(connection, alert)  # three in a row have paused it
        assert calls <= RESENDS + 1
    assert calls == RESENDS + 1
    assert statuses(engine, alert) == ["uncertain"]


def claim_and_start_if_any(engine, mailing_id):
    from tests.support.ledger import start

    batch = claim(engine, mailing_id)
    return None if batch is None else start(engine, batch)

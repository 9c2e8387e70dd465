"""Limits, warm-up and rate-limit headers, with real calls to the mailroom. No test waits: the rows' time is turned."""

import collections
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from tests.support.followups import PUBLICATION
from tests.support.ledger import check_invariants, counts, planned_mailing, statuses
from tests.support.mailroom import messages
from tests.support.makers import NOW, make_subscriber, make_subscribers
from tests.support.pace import blocks, let_pass, messages_left
from tests.support.sending import answers, mailing_for, submit
from worker.domain.delivery import DeliveryState
from worker.domain.mailing import MailingKind
from worker.domain.pace import UNLIMITED, pace_of
from worker.domain.subscriber import SubscriberStatus
from worker.domain.warm_up import WarmUp
from worker.mailroom import faults
from worker.store.engine import writing
from worker.store.ledger.mailings import NewAddressee
from worker.store.subscribers import set_status
from worker.usecases.submit_batches import submit_batches
from worker.usecases.tick import Content, tick

QUIET = Content(PUBLICATION, {}, {})


def never_rest(seconds):
    raise AssertionError("nothing here waits for tokens")


def job(context, mailing_id, pace, rest=never_rest, monotonic=None, **terms):
    """One job at a pace; what it asks to be enqueued."""
    more = {} if monotonic is None else {"monotonic": monotonic}
    at_pace = replace(context.terms, pace=pace, **terms)
    return submit_batches(context.engine, context.provider, mailing_id, at_pace, rest=rest, **more)


def offered(context, pace, batch_size=10):
    """The mailings the clock offers to submit now."""
    due = tick(context.engine, QUIET, now=NOW, batch_size=batch_size, lanes=1, pace=pace)
    return [one.mailing_id for one in due if one.job == "submit_batches"]


def submitted(context, mailing_id):
    return counts(context.engine, mailing_id).by_state[DeliveryState.SUBMITTED]


def one_reader(context, kind=MailingKind.STEP):
    """A prompt mailing for one reader, planned."""
    with writing(context.engine) as connection:
        reader = make_subscriber(connection)
    return planned_mailing(context.engine, kind=kind, batch_size=1, addressees=[NewAddressee(reader.id, reader.plan)])


def test_a_job_without_tokens_ends_and_the_clock_offers_the_mailing_when_there_are_some(context, mailroom):
    hourly = pace_of(None, 25, None)
    mailing_id = mailing_for(context, 60, batch_size=10)
    assert job(context, mailing_id, hourly) == []
    assert submitted(context, mailing_id) == 20
    assert statuses(context.engine, mailing_id).count("pending") == 4, "the batch that found none is pending again"
    assert timedelta(minutes=55) < blocks(context.engine)["bulk"] - datetime.now(UTC) < timedelta(minutes=61)
    assert offered(context, hourly) == []
    assert job(context, mailing_id, hourly) == [], "a job that was in the queue already finds nothing to claim"
    let_pass(context.engine, 3_601)
    assert offered(context, hourly) == [mailing_id]
    job(context, mailing_id, hourly)
    let_pass(context.engine, 3_601)
    job(context, mailing_id, hourly)
    assert submitted(context, mailing_id) == 60
    assert set(collections.Counter(one["to"] for one in messages(mailroom)).values()) == {1}
    check_invariants(context.engine)


def test_tokens_that_come_soon_are_waited_for_with_the_batch_in_hand(context):
    mailing_id = mailing_for(context, 50, batch_size=10)
    waited = []

    def rest(seconds):
        waited.append(seconds)
        let_pass(context.engine, seconds)

    assert job(context, mailing_id, pace_of(10, None, None), rest) == []
    assert submitted(context, mailing_id) == 50
    assert 2.5 < sum(waited) < 4.5, "a second between two batches, less what passed meanwhile"
    assert "bulk" not in blocks(context.engine)


def test_a_limit_smaller_than_a_batch_lets_it_go_and_makes_the_next_wait_longer(context):
    mailing_id = mailing_for(context, 30, batch_size=10)
    small = pace_of(None, 4, None)
    job(context, mailing_id, small)
    assert submitted(context, mailing_id) == 10
    assert messages_left(context.engine) == {"hour": -6}
    let_pass(context.engine, 3_601)
    assert offered(context, small) == [], "what was lent is paid back first"
    let_pass(context.engine, 2 * 3_600)
    assert offered(context, small) == [mailing_id]
    job(context, mailing_id, small)
    assert submitted(context, mailing_id) == 20


def test_a_batch_that_does_not_start_gives_its_tokens_back(context):
    hourly = pace_of(None, 100, None)
    with writing(context.engine) as connection:
        readers = make_subscribers(connection, 10)
        make_subscriber(connection, address="stays@example.com")
    mailing_id = planned_mailing(context.engine, batch_size=11)
    with writing(context.engine) as connection:
        for reader in readers[:4]:
            set_status(connection, reader.id, SubscriberStatus.UNSUBSCRIBED, NOW)
    job(context, mailing_id, hourly)
    assert submitted(context, mailing_id) == 7
    assert messages_left(context.engine) == {"hour": 93}, "the four who left cost nothing"


@pytest.mark.parametrize(
    "fault", [faults.status(401), faults.rate_limited(5), faults.too_large(), faults.rows_refused([3])]
)
def test_what_sendgrid_does_not_take_gives_its_tokens_back(context, mailroom, fault):
    mailing_id = mailing_for(context, 20, batch_size=20)
    mailroom.script_faults(fault, faults.status(401))
    job(context, mailing_id, pace_of(None, 100, None))
    assert submitted(context, mailing_id) == 0
    assert messages_left(context.engine) == {"hour": 100}


def test_what_is_uncertain_keeps_its_tokens(context, mailroom):
    mailing_id = mailing_for(context, 20, batch_size=20)
    mailroom.script_faults(faults.status(502))
    job(context, mailing_id, pace_of(None, 100, None))
    assert messages_left(context.engine) == {"hour": 80}


def test_two_broadcasts_without_a_limit_go_side_by_side_slice_by_slice(context):
    first = mailing_for(context, 60, batch_size=10)
    other = planned_mailing(context.engine, batch_size=10)
    queue, order, seconds = collections.deque([first, other]), [], iter(range(100_000))
    while queue:
        mailing_id = queue.popleft()
        due = job(context, mailing_id, UNLIMITED, monotonic=lambda: next(seconds), slice_seconds=6)
        order.append(mailing_id)
        queue.extend(one.mailing_id for one in due)
        assert len(order) < 50
    assert order[:4] == [first, other, first, other]
    assert submitted(context, first) == submitted(context, other) == 60


def test_without_a_limit_no_statement_more_is_made(context):
    seen = []
    mailing_id = mailing_for(context, 30, batch_size=10)
    event.listen(context.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    job(context, mailing_id, UNLIMITED)
    assert submitted(context, mailing_id) == 30
    assert not [
        one for one in seen if "FROM rate_buckets" in one and one.lstrip().startswith(("SELECT rate", "INSERT"))
    ]
    assert not [one for one in seen if "SAVEPOINT" in one or "UPDATE rate_buckets" in one]


def test_a_warm_up_sends_a_days_maximum_and_not_one_more(context, mailroom):
    today = datetime.now(UTC).date()
    warming = pace_of(None, None, None, WarmUp(today - timedelta(days=1), (1, 7, 12)), "Pacific/Kiritimati")
    maximum = warming.warm_up.capacity(datetime.now(UTC))
    mailing_id = mailing_for(context, 30, batch_size=10)
    assert job(context, mailing_id, warming) == []
    assert len(messages(mailroom)) == maximum
    assert offered(context, warming) == []
    assert counts(context.engine, mailing_id).by_state[DeliveryState.PENDING] == 30 - maximum
    let_pass(context.engine, 24 * 3_600)
    assert offered(context, warming) == [mailing_id]
    job(context, mailing_id, warming)
    assert len(messages(mailroom)) == 2 * maximum
    job(context, mailing_id, UNLIMITED)
    assert blocks(context.engine)
    let_pass(context.engine, 24 * 3_600)
    submit(context, mailing_id)
    assert set(collections.Counter(one["to"] for one in messages(mailroom)).values()) == {1}
    assert len(messages(mailroom)) == 30
    check_invariants(context.engine)


def test_two_broadcasts_under_a_limit_go_side_by_side(context):
    """One worker, a queue as it is in Redis: what a job asks for goes to its end. Every reading of the clock is a second."""
    second = pace_of(10, None, None)
    first = mailing_for(context, 60, batch_size=10)
    other = planned_mailing(context.engine, batch_size=10)
    queue, order, ticks = collections.deque([first, other]), [], iter(range(100_000))
    while queue:
        mailing_id = queue.popleft()
        due = job(
            context,
            mailing_id,
            second,
            rest=lambda seconds: let_pass(context.engine, seconds),
            monotonic=lambda: next(ticks),
        )
        order.append((mailing_id, submitted(context, mailing_id)))
        queue.extend(one.mailing_id for one in due)
        assert len(order) < 50
    assert submitted(context, first) == submitted(context, other) == 60
    halfway = next(done for mailing_id, done in order if mailing_id == other)
    assert 0 < halfway < 60
    assert [mailing_id for mailing_id, _ in order[:4]] == [first, other, first, other]


def test_after_a_wait_the_clock_offers_first_whoever_was_served_longest_ago(context):
    hourly = pace_of(None, 10, None)
    first = mailing_for(context, 30, batch_size=10)
    other = planned_mailing(context.engine, batch_size=10)
    served = []
    for _ in range(4):
        let_pass(context.engine, 3_601)
        before = {one: submitted(context, one) for one in (first, other)}
        for mailing_id in offered(context, hourly):
            job(context, mailing_id, hourly)
        served += [one for one in (first, other) if submitted(context, one) > before[one]]
    assert served == [first, other, first, other]


def test_prompt_mail_goes_although_a_broadcast_has_spent_the_hour(context, mailroom):
    hourly = pace_of(None, 20, None)
    broadcast, prompt = mailing_for(context, 60, batch_size=10), one_reader(context)
    job(context, broadcast, hourly)
    assert "bulk" in blocks(context.engine)
    assert offered(context, hourly) == [prompt]
    job(context, prompt, hourly)
    assert submitted(context, prompt) == 1
    assert messages_left(context.engine) == {"hour": -1, "hour reserve": 1}
    more = [one_reader(context) for _ in range(3)]
    for mailing_id in more:
        job(context, mailing_id, hourly)
    assert [submitted(context, one) for one in more] == [1, 0, 0], "the reserve is two, a tenth of the limit"
    assert "prompt" in blocks(context.engine)
    let_pass(context.engine, 3_601)
    assert set(offered(context, hourly)) == {broadcast, *more[1:]}


def test_a_limit_that_is_taken_away_ends_the_wait_at_the_next_tick(context):
    hourly = pace_of(None, 10, None)
    mailing_id = mailing_for(context, 30, batch_size=10)
    job(context, mailing_id, hourly)
    assert offered(context, hourly) == []
    assert offered(context, UNLIMITED) == [mailing_id]
    job(context, mailing_id, UNLIMITED)
    assert submitted(context, mailing_id) == 30


def test_a_429_is_the_accounts_and_stops_every_mailing_prompt_mail_too(context, mailroom):
    first = mailing_for(context, 20, batch_size=10)
    other, prompt = planned_mailing(context.engine), one_reader(context)
    mailroom.script_faults(faults.rate_limited(90))
    for mailing_id in (first, other, prompt):
        submit(context, mailing_id)
    assert mailroom.tally.counts()["requests"] == 1
    assert answers(context.engine, other) == answers(context.engine, prompt) == []
    assert offered(context, UNLIMITED) == []
    let_pass(context.engine, 100)
    assert set(offered(context, UNLIMITED)) == {first, other, prompt}
    for mailing_id in (first, other, prompt):
        submit(context, mailing_id)
    assert submitted(context, first) == 20
    assert submitted(context, prompt) == 1


def test_the_last_call_a_rate_limit_allows_blocks_the_account_until_its_reset(context, mailroom):
    mailing_id = mailing_for(context, 30, batch_size=10)
    mailroom.script_faults(faults.last_allowed(120).on(2))
    submit(context, mailing_id)
    assert answers(context.engine, mailing_id) == ["accepted", "accepted"]
    assert statuses(context.engine, mailing_id) == ["submitted", "submitted", "pending"]
    left = blocks(context.engine)["account"] - datetime.now(UTC)
    assert timedelta(seconds=110) < left < timedelta(seconds=125)
    let_pass(context.engine, 130)
    submit(context, mailing_id)
    assert submitted(context, mailing_id) == 30


def test_a_reset_far_away_stops_the_account_for_an_hour_at_most(context, mailroom):
    mailing_id = mailing_for(context, 2)
    mailroom.script_faults(faults.rate_limited(20 * 3_600))
    submit(context, mailing_id)
    assert blocks(context.engine)["account"] - datetime.now(UTC) < timedelta(minutes=61)

"""Recording events against the real ledger: proof, outcomes and suppressions, in any order and any number of copies."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.support.ledger import check_invariants, claim, claim_and_start, planned_mailing, statuses
from tests.support.makers import NOW, make_subscribers
from worker.domain.event import DropReason, Event, EventType
from worker.domain.mailing import MailingStatus
from worker.store.engine import reading, writing
from worker.store.ledger.mailings import get_mailing
from worker.store.ledger.settle import settle_uncertain
from worker.store.suppressions import reasons_for
from worker.store.tables import deliveries, events, subscribers, suppressions
from worker.usecases.record_events import record_events


def started(engine, count=4):
    """A broadcast in mid-call: the mailing's id and its StartedBatch."""
    with writing(engine) as connection:
        make_subscribers(connection, count)
    mailing_id = planned_mailing(engine)
    return mailing_id, claim_and_start(engine, mailing_id)


def about(batch, kind, place=0, minutes=0, **changes):
    """An event of the place-th recipient of a started batch."""
    recipient = batch.recipients[place]
    event = Event(
        type=kind,
        at=NOW + timedelta(minutes=minutes),
        address=recipient.address,
        dedupe_key=f"{kind}-{recipient.delivery_id}-{minutes}",
        sg_event_id=f"sg-{kind}-{recipient.delivery_id}",
        delivery_id=recipient.delivery_id,
        submission_key=batch.submission_key,
    )
    return replace(event, **changes)


def outcomes(engine):
    with reading(engine) as connection:
        return list(connection.execute(select(deliveries.c.outcome).order_by(deliveries.c.id)).scalars())


def suppressed(engine, batch):
    with reading(engine) as connection:
        found = reasons_for(connection, [one.address for one in batch.recipients])
    return [found.get(one.address) for one in batch.recipients]


@pytest.mark.parametrize("kind", [kind for kind in EventType if kind is not EventType.UNKNOWN])
def test_any_event_of_a_submission_settles_its_uncertain_batch(sqlite_engine, kind):
    mailing_id, batch = started(sqlite_engine)
    with writing(sqlite_engine) as connection:
        settle_uncertain(connection, batch, NOW, problem="no answer in time", status_code=None)
    assert statuses(sqlite_engine, mailing_id) == ["uncertain"]
    recorded = record_events(sqlite_engine, [about(batch, kind)], NOW)
    assert recorded.settled_batches == (batch.batch.id,)
    assert statuses(sqlite_engine, mailing_id) == ["submitted"]
    check_invariants(sqlite_engine)


def test_an_event_that_comes_before_the_answer_settles_the_batch_in_flight(engine):
    mailing_id, batch = started(engine)
    record_events(engine, [about(batch, EventType.PROCESSED)], NOW)
    assert statuses(engine, mailing_id) == ["submitted"]


def test_an_event_of_somebody_elses_submission_settles_nothing(engine):
    mailing_id, batch = started(engine)
    recorded = record_events(engine, [about(batch, EventType.DELIVERED, submission_key="another")], NOW)
    assert recorded.settled_batches == ()
    assert statuses(engine, mailing_id) == ["submitting"]
    assert outcomes(engine)[0] is None


def test_each_kind_suppresses_exactly_what_it_should(engine):
    _, batch = started(engine, 12)
    kinds = [
        about(batch, EventType.BOUNCED, 0),
        about(batch, EventType.BLOCKED, 1),
        about(batch, EventType.COMPLAINED, 2),
        about(batch, EventType.UNSUBSCRIBED, 3),
        about(batch, EventType.DEFERRED, 4),
        about(batch, EventType.OPENED, 5),
        about(batch, EventType.CLICKED, 5),
        *(about(batch, EventType.DROPPED, 6 + n, drop_reason=why) for n, why in enumerate(list(DropReason)[:6])),
    ]
    record_events(engine, kinds, NOW)
    assert suppressed(engine, batch) == [
        "bounced",
        None,
        "complained",
        "unsubscribed",
        None,
        None,
        "bounced",
        "unsubscribed",
        "complained",
        "invalid",
        None,
        None,
    ]
    assert outcomes(engine) == [
        "bounced",
        "blocked",
        "complained",
        None,
        "deferred",
        None,
        *["dropped"] * 6,
    ]


def test_opens_clicks_and_resubscriptions_leave_everything_but_the_record_alone(engine):
    _, batch = started(engine, 1)
    with writing(engine) as connection:
        before = connection.execute(select(subscribers)).all(), connection.execute(select(deliveries)).all()
    kinds = [EventType.OPENED, EventType.CLICKED, EventType.RESUBSCRIBED, EventType.UNKNOWN]
    assert record_events(engine, [about(batch, kind) for kind in kinds], NOW).new == 4
    with reading(engine) as connection:
        assert (connection.execute(select(subscribers)).all(), connection.execute(select(deliveries)).all()) == before
        assert connection.execute(select(suppressions)).all() == []
        assert sorted(connection.execute(select(events.c.type)).scalars()) == sorted(kinds)


def test_a_complaint_about_mail_we_do_not_know_suppresses_by_address(engine):
    foreign = Event(EventType.COMPLAINED, NOW, " Cai@Example.ORG ", "k", "sg", None, None)
    assert record_events(engine, [foreign], NOW).suppressions == 1
    with reading(engine) as connection:
        assert reasons_for(connection, ["cai@example.org"]) == {"cai@example.org": "complained"}


def test_a_complaint_without_a_usable_address_is_traced_through_its_delivery(engine):
    _, batch = started(engine, 2)
    record_events(engine, [about(batch, EventType.COMPLAINED, 1, address="")], NOW)
    assert suppressed(engine, batch) == [None, "complained"]


def test_a_used_up_quota_pauses_the_mailing_and_says_why(engine):
    mailing_id, batch = started(engine)
    event = about(batch, EventType.DROPPED, drop_reason=DropReason.QUOTA)
    assert record_events(engine, [event], NOW).over_quota == (mailing_id,)
    with reading(engine) as connection:
        mailing = get_mailing(connection, mailing_id)
    assert mailing.status is MailingStatus.PAUSED
    assert "quota" in mailing.needs_attention
    assert suppressed(engine, batch)[0] is None
    assert claim(engine, mailing_id) is None


def test_a_copy_of_a_known_event_does_not_suppress_again_what_was_lifted(engine):
    _, batch = started(engine, 1)
    bounce = about(batch, EventType.BOUNCED)
    record_events(engine, [bounce], NOW)
    with writing(engine) as connection:
        connection.execute(suppressions.delete())
    assert record_events(engine, [replace(bounce, sg_event_id="retried")], NOW).new == 0
    assert suppressed(engine, batch) == [None]


def whole_state(engine):
    """All that events may change, without the ids and times of receipt that order itself gives."""
    with reading(engine) as connection:
        parts = (
            select(deliveries.c.id, deliveries.c.outcome),
            select(*(column for column in suppressions.c if column.name != "pushed_at")),
            select(subscribers.c.id, subscribers.c.status, subscribers.c.unsubscribed_at),
            select(events.c.dedupe_key, events.c.type),
        )
        return [sorted(map(tuple, connection.execute(part))) for part in parts]


@pytest.mark.parametrize("seed", range(12))
def test_every_order_cut_and_number_of_copies_ends_in_the_same_state(sqlite_engine, seed):
    mailing_id, batch = started(sqlite_engine, 3)
    story = [
        about(batch, EventType.PROCESSED, 0),
        about(batch, EventType.DEFERRED, 0, 1),
        about(batch, EventType.DELIVERED, 0, 2),
        about(batch, EventType.OPENED, 0, 3),
        about(batch, EventType.UNSUBSCRIBED, 0, 4),
        about(batch, EventType.COMPLAINED, 0, 5),
        about(batch, EventType.COMPLAINED, 0, 9),
        about(batch, EventType.DEFERRED, 1, 1),
        about(batch, EventType.BLOCKED, 1, 2),
        about(batch, EventType.BOUNCED, 1, 3),
        about(batch, EventType.DELIVERED, 2, 2),
        about(batch, EventType.BOUNCED, 2, 7),
        about(batch, EventType.CLICKED, 2, 8),
    ]
    chance = random.Random(seed)
    told = story + chance.choices(story, k=9)
    chance.shuffle(told)
    while told:
        cut = chance.randint(1, len(told))
        record_events(sqlite_engine, told[:cut], NOW)
        told = told[cut:]
    assert statuses(sqlite_engine, mailing_id) == ["submitted"]
    first, second, third = (one.address for one in batch.recipients)
    assert whole_state(sqlite_engine) == [
        [
            (batch.recipients[0].delivery_id, "complained"),
            (batch.recipients[1].delivery_id, "bounced"),
            (batch.recipients[2].delivery_id, "bounced"),
        ],
        sorted(
            [
                (first, "complained", NOW + timedelta(minutes=5), f"event:{story[5].dedupe_key}"),
                (second, "bounced", NOW + timedelta(minutes=3), f"event:{story[9].dedupe_key}"),
                (third, "bounced", NOW + timedelta(minutes=7), f"event:{story[11].dedupe_key}"),
            ]
        ),
        [
            (batch.recipients[0].subscriber_id, "unsubscribed", NOW + timedelta(minutes=4)),
            (batch.recipients[1].subscriber_id, "confirmed", None),
            (batch.recipients[2].subscriber_id, "confirmed", None),
        ],
        sorted((event.dedupe_key, event.type) for event in story),
    ]

"""Any order, any cut into calls and any copies of the same events end in the same state, on both databases."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from tests.integration.web.test_record_events import about, started
from tests.support.makers import NOW
from worker.domain.event import BounceClass, DropReason, EventType
from worker.store.engine import reading, writing
from worker.store.tables import batches, deliveries, events, mailings, subscribers, suppressions
from worker.usecases.record_events import record_events

READERS = 24


def story(batch):
    """Something of everything, twenty-one blocks within one hour among it."""
    told = [about(batch, kind, 0, minute) for minute, kind in enumerate(EventType)]
    told += [
        about(batch, EventType.DEFERRED, 1, minute, bounce_class=None, status="4.2.1", reason=f"try {minute}")
        for minute in (9, 3, 6)
    ]
    told += [about(batch, EventType.UNSUBSCRIBED, 1, 4), about(batch, EventType.COMPLAINED, 1, 8)]
    told += [
        about(batch, EventType.BOUNCED, 2, minute, bounce_class=kind, dedupe_key=f"bounce-{kind}")
        for minute, kind in enumerate(BounceClass)
    ]
    told += [about(batch, EventType.DELIVERED, 2, 50), about(batch, EventType.DELIVERED, 2, 49)]
    told += [about(batch, EventType.BLOCKED, 3 + n, 2 * n, bounce_class=BounceClass.REPUTATION) for n in range(21)]
    told += [
        about(batch, EventType.DROPPED, 4 + n, 55, drop_reason=why, dedupe_key=f"drop-{why}")
        for n, why in enumerate(DropReason)
        if why in (DropReason.BOUNCED, DropReason.UNSUBSCRIBED, DropReason.INVALID, DropReason.OTHER)
    ]
    return told


def state(engine):
    """All that events may change, but for what order itself gives: ids, and which copy was the first."""
    parts = (
        select(deliveries.c.id, deliveries.c.outcome, deliveries.c.outcome_at),
        select(
            suppressions.c.address_key, suppressions.c.reason, suppressions.c.suppressed_at, suppressions.c.evidence
        ),
        select(subscribers.c.id, subscribers.c.status, subscribers.c.unsubscribed_at),
        select(events.c.dedupe_key, events.c.type, events.c.status, events.c.classification),
        select(batches.c.id, batches.c.status),
        select(mailings.c.id, mailings.c.status, mailings.c.needs_attention),
    )
    with reading(engine) as connection:
        return [sorted(map(tuple, connection.execute(part)), key=repr) for part in parts]


@pytest.fixture
def told(engine):
    """A broadcast in mid-call, what is told of it, what that ends in, and `forget()`, which takes it all back."""
    mailing_id, batch = started(engine, READERS)

    def forget():
        with writing(engine) as connection:
            connection.execute(delete(events))
            connection.execute(delete(suppressions))
            connection.execute(update(deliveries).values(outcome=None, outcome_at=None))
            connection.execute(update(subscribers).values(status="confirmed", unsubscribed_at=None))
            connection.execute(update(mailings).values(needs_attention=None))
            connection.execute(update(batches).values(status="submitting", claim_token=batch.batch.token))

    whole = story(batch)
    record_events(engine, whole, NOW)
    ended = state(engine)
    assert next(row for row in ended[5] if row[0] == mailing_id)[2].startswith("Many messages were blocked")
    return whole, ended, forget


@given(chance=st.randoms(use_true_random=False), calls=st.integers(1, 12))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_order_ends_in_the_same_state(engine, told, chance, calls):
    whole, ended, forget = told
    forget()
    mixed = whole + [replace(one, sg_event_id="a copy") for one in chance.sample(whole, 9)]
    chance.shuffle(mixed)
    cuts = sorted(chance.sample(range(1, len(mixed)), calls - 1)) if calls > 1 else []
    for first, last in zip([0, *cuts], [*cuts, len(mixed)], strict=True):
        record_events(engine, mixed[first:last], NOW + timedelta(hours=chance.randint(0, 24)))
    assert state(engine) == ended


def test_class_and_status_code_of_a_bounce_are_kept(context, client, sender):
    told = [
        {"event": "bounce", "type": kind, "email": f"{n}@example.com", "timestamp": n + 1, "status": code} | more
        for n, (kind, code, more) in enumerate(
            [
                ("bounce", "5.1.1", {"bounce_classification": "Invalid Address"}),
                ("bounce", "5.2.2", {"bounce_classification": "Mailbox Unavailable"}),
                ("bounce", "5.7.1", {}),
                ("bounce", "", {"bounce_classification": "Something new"}),
                ("blocked", "4.7.1", {"bounce_classification": "Frequency or Volume Too High"}),
            ]
        )
    ]
    body = json.dumps(told).encode()
    assert client.post("/webhooks/sendgrid", data=body, headers=sender.headers(body)).status_code == 204
    with reading(context.engine) as connection:
        query = select(events.c.status, events.c.classification).order_by(events.c.happened_at)
        found = [tuple(row) for row in connection.execute(query)]
        suppressed = set(connection.execute(select(suppressions.c.address_key)).scalars())
    assert found == [
        ("5.1.1", "invalid address"),
        ("5.2.2", "mailbox unavailable"),
        ("5.7.1", "reputation"),
        ("", "unclassified"),
        ("4.7.1", "volume"),
    ]
    assert suppressed == {"0@example.com", "1@example.com", "3@example.com"}

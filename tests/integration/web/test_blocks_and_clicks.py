"""Blocks tell of our reputation and suppress nobody; opens and clicks tell of scanners and move nothing at all."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests.integration.web.test_record_events import about, started, suppressed
from tests.support.ledger import make_mailing
from tests.support.makers import NOW, make_subscriber, make_subscribers
from worker.domain.event import BounceClass, DropReason, EventType
from worker.domain.mailing import MailingStatus
from worker.domain.segment import EVERYONE
from worker.providers.sendgrid_payload import DELIVERY_ARG, SUBMISSION_ARG
from worker.store.engine import reading, writing
from worker.store.ledger.mailings import get_mailing
from worker.store.ledger.settle import settle_accepted
from worker.store.referrals import add_referral
from worker.store.segments import where
from worker.store.tables import metadata, submissions, subscribers
from worker.usecases.record_events import record_events


def blocks(batch, count, minutes_apart=1, **changes):
    kind = changes.pop("kind", EventType.BLOCKED)
    return [
        about(batch, kind, n, n * minutes_apart, bounce_class=BounceClass.REPUTATION, **changes) for n in range(count)
    ]


def attention(engine, mailing_id):
    with reading(engine) as connection:
        mailing = get_mailing(connection, mailing_id)
    return mailing.status, mailing.needs_attention


@pytest.mark.parametrize("kind", [EventType.BLOCKED, EventType.BOUNCED])
def test_many_blocks_within_an_hour_need_attention_and_suppress_nobody(engine, kind):
    mailing_id, batch = started(engine, 30)
    assert record_events(engine, blocks(batch, 19, kind=kind), NOW).need_attention == ()
    recorded = record_events(engine, blocks(batch, 20, kind=kind), NOW)
    assert recorded.need_attention == (mailing_id,)
    status, why = attention(engine, mailing_id)
    assert status is MailingStatus.SENDING
    assert "blocked within an hour" in why
    assert set(suppressed(engine, batch)) == {None}


def test_blocks_far_apart_need_nobody(engine):
    mailing_id, batch = started(engine, 30)
    record_events(engine, blocks(batch, 30, minutes_apart=10), NOW)
    assert attention(engine, mailing_id)[1] is None


def test_a_few_blocks_among_many_submitted_messages_need_nobody(engine):
    mailing_id, batch = started(engine, 30)
    with writing(engine) as connection:
        settle_accepted(connection, batch, NOW)
        connection.execute(update(submissions).values(size=2_000))
    record_events(engine, blocks(batch, 30), NOW)
    assert attention(engine, mailing_id)[1] is None


def test_technical_trouble_elsewhere_is_no_matter_of_reputation(engine):
    mailing_id, batch = started(engine, 30)
    told = [about(batch, EventType.BLOCKED, n, bounce_class=BounceClass.TECHNICAL) for n in range(30)]
    record_events(engine, told, NOW)
    assert attention(engine, mailing_id)[1] is None


def test_spam_content_asks_for_attention_and_lets_the_mailing_go_on(engine):
    mailing_id, batch = started(engine, 2)
    drop = about(batch, EventType.DROPPED, drop_reason=DropReason.CONTENT)
    assert record_events(engine, [drop], NOW).need_attention == (mailing_id,)
    status, why = attention(engine, mailing_id)
    assert (status, "spam" in why) == (MailingStatus.SENDING, True)
    later = about(batch, EventType.DROPPED, 1, drop_reason=DropReason.HEADER)
    assert record_events(engine, [later], NOW).need_attention == ()
    assert attention(engine, mailing_id)[1] == why


def everything(engine):
    """Every table but the events themselves."""
    with reading(engine) as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
            if table.name != "events"
        }


def picked(engine):
    with reading(engine) as connection:
        return sorted(connection.execute(select(subscribers.c.id).where(where(EVERYONE, NOW))).scalars())


def test_opens_and_clicks_change_no_segment_no_plan_no_reward_and_no_other_row(context, client, sender):
    with writing(context.engine) as connection:
        friend = make_subscriber(connection, status="pending")
        referrer = make_subscriber(connection, tags=["early"])
        add_referral(connection, referrer.id, friend.id, NOW)
        make_subscribers(connection, 3, plan="paid")
        make_mailing(connection)
    _, batch = started(context.engine, 4)
    with writing(context.engine) as connection:  # an event proves a batch; this one is proven already
        settle_accepted(connection, batch, NOW)
    before, segment = everything(context.engine), picked(context.engine)
    told = [
        {
            "event": kind,
            "email": one.address,
            "timestamp": int((NOW + timedelta(seconds=n)).timestamp()),
            "url": "https://example.com/a/apply",
            "sg_machine_open": n % 2 == 0,
            DELIVERY_ARG: str(one.delivery_id),
            SUBMISSION_ARG: batch.submission_key,
        }
        for kind in ("open", "click")
        for one in batch.recipients
        for n in range(5)
    ]
    body = json.dumps(told).encode()
    assert client.post("/webhooks/sendgrid", data=body, headers=sender.headers(body)).status_code == 204
    assert everything(context.engine) == before
    assert picked(context.engine) == segment

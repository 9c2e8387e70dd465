"""What is going on when the process dies: one short piece of the product's life each, through its use cases."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import update

from tests.support.crash_bench import BATCH_SIZE, NOTHING_WRITTEN, recover
from tests.support.followups import PUBLICATION, make_launch, make_step
from tests.support.ledger import EDITIONS, make_mailing
from tests.support.makers import NOW, make_subscriber, make_suppression
from worker.domain.mailing import MailingKind
from worker.domain.segment import Any as AnyOf
from worker.domain.segment import HasPlan, HasTag
from worker.domain.subscriber import Plan, SubscriberStatus
from worker.mailroom import faults
from worker.mailroom.outcomes import event_body, events_of
from worker.providers.sendgrid_events import parse
from worker.store.engine import reading, writing
from worker.store.ledger.claim import claim_batch
from worker.store.ledger.mailings import (
    NewAddressee,
    cancel_mailing,
    get_mailing,
    pause_mailing,
    resume_mailing,
)
from worker.store.ledger.start import start_batch
from worker.store.ledger.sweep import sweep
from worker.store.referrals import add_referral, confirm_referral
from worker.store.subscribers import by_address_key, set_status
from worker.store.tables import subscribers
from worker.usecases.record_events import record_events
from worker.usecases.tick import Content
from worker.usecases.unsubscribe import unsubscribe

SEGMENT = AnyOf((HasPlan(Plan.PAID), HasTag("producer")))


@dataclass(frozen=True)
class Scenario:
    """`prepare(bench)` writes what was there before and returns ids (JSON); `run(bench, ids)` is what is interrupted;
    `again(bench, ids)` is what a healthy installation does afterwards. `before` and `faults` are the
    mailroom's during `prepare` and `run`. `ids["left"]` are addresses that must not get anything.
    """

    prepare: Callable
    run: Callable
    again: Callable
    faults: tuple = ()
    before: tuple = ()


def again(bench, _ids, content=NOTHING_WRITTEN):
    recover(bench, EDITIONS, NOW, content)


def people(connection):
    """Seven free and four paid readers who may be mailed, and three who may not; returns the addresses of the latter."""
    for number in range(7):
        make_subscriber(connection, address=f"free{number}@example.com", tags=["producer"] if number < 5 else [])
    for number in range(4):
        make_subscriber(connection, "paid", address=f"paid{number}@example.com")
    make_subscriber(connection, "paid", address="gone@example.com", status="unsubscribed")
    make_subscriber(connection, "paid", address="pending@example.com", status="pending")
    make_subscriber(connection, "paid", address="dead@example.com", suppressed="bounced")
    return ["gone@example.com", "pending@example.com", "dead@example.com"]


def scheduled(bench, **rest):
    with writing(bench.engine) as connection:
        left = people(connection)
        return {"mailing": make_mailing(connection, batch_size=BATCH_SIZE, key="crash:1", **rest), "left": left}


def _planned(bench, **rest):
    ids = scheduled(bench, **rest)
    bench.plan(ids["mailing"], EDITIONS, NOW)
    return ids


def _planned_with_changes(bench):
    """Since planning one has left, one complained, and two have moved."""
    ids = _planned(bench)
    with writing(bench.engine) as connection:
        set_status(connection, by_address_key(connection, "free0@example.com").id, SubscriberStatus.UNSUBSCRIBED, NOW)
        make_suppression(connection, "paid1@example.com", "complained")
        for old, new in (("free2", "moved"), ("paid2", "paid-moved")):
            address = f"{new}@example.com"
            moving = update(subscribers).where(subscribers.c.address_key == f"{old}@example.com")
            connection.execute(moving.values(address=address, address_key=address))
    return ids | {
        "left": [*ids["left"], "free0@example.com", "paid1@example.com", "free2@example.com", "paid2@example.com"]
    }


def _plan_segment(bench, ids):
    bench.plan(ids["mailing"], EDITIONS, NOW, SEGMENT)


def _plan_segment_again(bench, ids):
    bench.plan(ids["mailing"], EDITIONS, NOW, SEGMENT)
    again(bench, ids)


def _submit(bench, ids):
    bench.submit(ids["mailing"])


def _submit_in_rounds(bench, ids):
    for _round in range(4):
        bench.submit(ids["mailing"])
        bench.let_time_pass(leases=False)
    bench.submit(ids["mailing"])


def _submit_to_nobody_first(bench, ids):
    bench.submit(ids["mailing"], bench.nowhere())
    bench.let_time_pass(leases=False)
    bench.submit(ids["mailing"])


def _half_done(bench):
    """Three mailings: one with a claim and a call whose process died, one to be paused, one to be cancelled."""
    ids = _planned(bench)
    with writing(bench.engine) as connection:
        others = [make_mailing(connection, batch_size=4, key=f"crash:{number}") for number in (2, 3, 4)]
    for mailing_id in others:
        bench.plan(mailing_id, EDITIONS, NOW)
    for mailing_id in (ids["mailing"], others[1], others[2]):
        with writing(bench.engine) as connection:
            claimed = claim_batch(connection, mailing_id, 60_000)
            start_batch(connection, claimed, get_mailing(connection, mailing_id), 60_000, NOW)
        with writing(bench.engine) as connection:
            claim_batch(connection, mailing_id, 60_000)
    bench.submit(others[2])
    bench.let_time_pass()
    return ids | {"paused": others[0], "cancelled": others[1], "third": others[2]}


def _sweep_pause_cancel(bench, ids):
    with writing(bench.engine) as connection:
        pause_mailing(connection, ids["paused"])
    with writing(bench.engine) as connection:
        cancel_mailing(connection, ids["cancelled"], NOW)
    with writing(bench.engine) as connection:
        sweep(connection, NOW)
    bench.submit(ids["paused"])
    bench.submit(ids["cancelled"])
    with writing(bench.engine) as connection:
        resume_mailing(connection, ids["paused"])
    bench.submit(ids["third"])
    bench.tick(NOW, NOTHING_WRITTEN)


def _cancelled_again(bench, ids):
    with writing(bench.engine) as connection:
        cancel_mailing(connection, ids["cancelled"], NOW)
    again(bench, ids)


def _answers_lost(bench):
    """Everything was accepted; of two batches the answer never came. What became of the mail is told by events."""
    ids = _planned(bench)
    bench.submit(ids["mailing"])
    return ids


def _record(bench, ids):
    record_events(bench.engine, parse(events_about(bench.messages())), NOW)
    bench.tick(NOW, NOTHING_WRITTEN)


def _record_again(bench, ids):
    _record(bench, ids)
    again(bench, ids)


def _leave(bench, ids):
    with reading(bench.engine) as connection:
        reader = by_address_key(connection, "free1@example.com").id
    unsubscribe(bench.engine, reader, NOW)
    bench.submit(ids["mailing"])


def _leave_again(bench, ids):
    """Whoever sees an error page clicks again. Mail that was out already stays out."""
    with reading(bench.engine) as connection:
        reader = by_address_key(connection, "free1@example.com").id
    unsubscribe(bench.engine, reader, NOW)
    again(bench, ids)


LAUNCH_CONTENT = Content(
    PUBLICATION,
    {"producer-groups": make_launch()},
    {
        "launch": [make_step(step_id="opening", when="at opens")],
        "referral": [make_step("referral", "thanks", "at once after verified")],
    },
)
LAUNCH_NOW = NOW + timedelta(hours=2)


def _referred(bench):
    with writing(bench.engine) as connection:
        left = people(connection)
        for number in (0, 1):
            referrer = by_address_key(connection, f"paid{number}@example.com").id
            friend = by_address_key(connection, f"free{number}@example.com").id
            add_referral(connection, referrer, friend, NOW)
            confirm_referral(connection, friend, NOW)
    return {"left": left}


def _follow_up(bench, _ids):
    for _round in range(2):
        for due in bench.tick(LAUNCH_NOW, LAUNCH_CONTENT):
            if due.job == "plan_mailing":
                bench.plan(due.mailing_id, EDITIONS, LAUNCH_NOW)
                bench.submit(due.mailing_id)


def _follow_up_again(bench, _ids):
    recover(bench, EDITIONS, LAUNCH_NOW, LAUNCH_CONTENT)


def _whole_life(bench, ids):
    bench.tick(NOW, NOTHING_WRITTEN)
    bench.plan(ids["mailing"], EDITIONS, NOW)
    bench.submit(ids["mailing"])
    bench.tick(NOW, NOTHING_WRITTEN)


def _confirmation(bench):
    with writing(bench.engine) as connection:
        reader = make_subscriber(connection, address="new@example.com", status="pending")
        only = [NewAddressee(reader.id, reader.plan)]
        mailing_id = make_mailing(
            connection, kind=MailingKind.CONFIRMATION, key="crash:1", batch_size=1, addressees=only
        )
    return {"mailing": mailing_id, "left": []}


def _planned_confirmation(bench):
    ids = _confirmation(bench)
    bench.plan(ids["mailing"], EDITIONS, NOW)
    return ids


def events_about(messages):
    """The body of the event calls SendGrid would make about these messages. Ids are the same each time."""
    return event_body(
        [
            event
            | {"sg_event_id": f"{one['message_id']}-{one['number']}-{event['event']}", "smtp-id": one["message_id"]}
            for one in messages
            for event in events_of(
                one["to"], one["custom_args"], one["message_id"], one["number"], int(one["accepted_at"])
            )
        ]
    )


_NAMING_NOTHING = faults.refused()
SCENARIOS = {
    "planning a segment in two editions": Scenario(scheduled, _plan_segment, _plan_segment_again),
    "submitting after people have changed": Scenario(_planned_with_changes, _submit, again),
    "refusals that name rows, nothing, or the size": Scenario(
        _planned,
        _submit,
        again,
        (faults.rows_refused([1]), faults.rows_refused([0]), _NAMING_NOTHING, faults.too_large(), _NAMING_NOTHING),
    ),
    "a rate limit, a broken server, a dropped answer": Scenario(
        _planned,
        _submit_in_rounds,
        again,
        (faults.rate_limited(1), faults.status(500, accepted=True), faults.dropped("after_accepting")),
    ),
    "three unknown answers in a row": Scenario(
        _planned, _submit, again, (faults.dropped(), faults.dropped("after_reading"), faults.status(502))
    ),
    "nobody listens, then an account refusal": Scenario(
        _planned, _submit_to_nobody_first, again, (faults.status(401),)
    ),
    "sweeping, pausing, cancelling, finishing": Scenario(_half_done, _sweep_pause_cancel, _cancelled_again),
    "events about mail whose answer was lost": Scenario(
        _answers_lost, _record, _record_again, before=(faults.dropped("after_accepting").times(2),)
    ),
    "a reader who leaves": Scenario(_planned, _leave, _leave_again),
    "follow-ups of a launch and of a referral": Scenario(_referred, _follow_up, _follow_up_again),
    "a whole life from schedule to finish": Scenario(scheduled, _whole_life, again),
    "a confirmation, which may come twice": Scenario(_confirmation, _whole_life, again),
}
FREEZING = {
    "submitting a broadcast": Scenario(_planned, _submit, again),
    "submitting a confirmation": Scenario(_planned_confirmation, _submit, again),
}

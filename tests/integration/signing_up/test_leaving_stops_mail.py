"""Leaving stops what is owed: a broadcast and a step in the queue, and mail that waits at SendGrid for its hour."""

from datetime import UTC, datetime, timedelta

from tests.support.ledger import make_mailing, plan, planned_mailing
from tests.support.makers import make_subscribers
from tests.support.sending import submit
from worker.domain.mailing import MailingKind
from worker.store.engine import reading, writing
from worker.usecases.push_suppressions import push_due, push_suppressions
from worker.usecases.stage_mailing import stage_mailing


def test_who_leaves_gets_neither_what_is_queued_nor_what_waits_at_sendgrid(post):
    context, now = post.context, datetime.now(UTC)
    post.now, hour = now, (now + timedelta(minutes=90)).replace(microsecond=0)
    with writing(context.engine) as connection:
        leaves, stays = make_subscribers(connection, 2)
        staged = make_mailing(connection, send_at=hour, stage_at=hour - timedelta(minutes=45))
    plan(context.engine, staged)
    stage_mailing(context.engine, context.scheduler, staged)
    submit(context, staged)
    queued = planned_mailing(context.engine)
    step = planned_mailing(context.engine, kind=MailingKind.STEP, launch_id="groups")

    assert post.client.post(context.signer.unsubscribe_path(leaves.id, staged)).status_code == 200
    for mailing_id in (queued, step):
        submit(context, mailing_id)
    with reading(context.engine) as connection:
        assert [one.job for one in push_due(connection, now)] == ["push_suppressions"]
    push_suppressions(context.engine, context.lists, now)
    post.room.turn_clock(hour.timestamp() + 1)
    assert [len(post.mail(one.address)) for one in (leaves, stays)] == [0, 3]

"""Mailings for tests, planned through the ledger itself, and the invariants every test may ask for."""

import itertools
from datetime import UTC, datetime

from sqlalchemy import select, text, update

from tests.support.makers import NOW
from worker.domain.edition import Edition, MergeName, MergeTag, Place
from worker.domain.late import Late
from worker.domain.mailing import MailingKind
from worker.domain.segment import EVERYONE
from worker.domain.subscriber import Plan
from worker.store.engine import reading, snapshot, writing
from worker.store.ledger.claim import claim_batch
from worker.store.ledger.counts import broken_promises, count_deliveries, total
from worker.store.ledger.mailings import NewMailing, create_mailing, get_mailing
from worker.store.ledger.plan import begin_planning, freeze_audience
from worker.store.ledger.start import start_batch
from worker.store.tables import batches

_keys = itertools.count(1)
LEASE = 30_000
TAGS = (
    MergeTag("-bs00h-", MergeName.FIRST_NAME, "there", Place.HTML),
    MergeTag("-bs01t-", MergeName.FIRST_NAME, "there", Place.TEXT),
    MergeTag("-bs02h-", MergeName.UNSUBSCRIBE_LINK, "", Place.HTML),
    MergeTag("-bs03t-", MergeName.UNSUBSCRIBE_LINK, "", Place.TEXT),
)


def make_edition(plan="free", subject="Hello", tags=TAGS):
    return Edition(
        plan=Plan(plan),
        subject=subject,
        preheader=f"For {plan} readers",
        html=f"<p>Hi -bs00h-, this is the {plan} edition \u2192 <a href='-bs02h-'>leave</a></p>",
        text=f"Hi -bs01t-, this is the {plan} edition \u2192 -bs03t-",
        merge_tags=tags,
    )


EDITIONS = {plan: make_edition(plan) for plan in Plan}


def make_mailing(connection, *, kind=MailingKind.BROADCAST, key=None, batch_size=1_000, send_at=NOW, **rest):
    """The id of a scheduled mailing. Where no hour is named it is never late, whenever the test runs."""
    late = {"late": Late.SEND} if send_at == NOW else {}
    return create_mailing(
        connection,
        NewMailing(
            key=key or f"test-mailing:{next(_keys)}",
            kind=kind,
            source="issue:hello",
            send_at=send_at,
            wall_time=send_at.replace(tzinfo=None).isoformat(),
            zone="UTC",
            batch_size=batch_size,
            **(late | rest),
        ),
        NOW,
    )


def plan(engine, mailing_id, rule=EVERYONE, editions=EDITIONS):
    """Plan it; returns what planning froze, or None where it had been planned before."""
    with writing(engine) as connection:
        begin_planning(connection, mailing_id)
    with snapshot(engine) as connection:
        return freeze_audience(connection, get_mailing(connection, mailing_id), rule, editions, NOW)


def planned_mailing(engine, **rest):
    """The id of a mailing planned for everybody in the database."""
    with writing(engine) as connection:
        mailing_id = make_mailing(connection, **rest)
    plan(engine, mailing_id)
    return mailing_id


def claim(engine, mailing_id, lease=LEASE):
    with writing(engine) as connection:
        return claim_batch(connection, mailing_id, lease)


def start(engine, batch, **rest):
    with writing(engine) as connection:
        mailing = get_mailing(connection, batch.mailing_id)
        return start_batch(connection, batch, mailing, LEASE, datetime.now(UTC), **rest)


def claim_and_start(engine, mailing_id):
    return start(engine, claim(engine, mailing_id))


def let_leases_run_out(engine):
    """As if time had passed: every lease now ended a second ago on the database's clock."""
    with writing(engine) as connection:
        connection.execute(
            update(batches)
            .where(batches.c.lease_until.is_not(None))
            .values(lease_until=datetime(2020, 1, 1, tzinfo=UTC))
        )


def statuses(engine, mailing_id):
    """The statuses of a mailing's batches, by id."""
    with reading(engine) as connection:
        query = select(batches.c.status).where(batches.c.mailing_id == mailing_id).order_by(batches.c.id)
        return list(connection.execute(query).scalars())


def counts(engine, mailing_id):
    """All editions together; the invariant that states add up to the audience is checked on the way."""
    with reading(engine) as connection:
        mailing = get_mailing(connection, mailing_id)
        found = total(count_deliveries(connection, mailing_id), mailing.audience)
    assert found.conserved
    return found


def check_invariants(engine):
    """What must hold at every moment, for the whole database."""
    with reading(engine) as connection:
        assert broken_promises(connection) == []
        doubled = text(
            "SELECT b.id FROM submissions s JOIN batches b ON b.id = s.batch_id LEFT JOIN generations g"
            " ON g.mailing_id = b.mailing_id AND g.generation = s.generation WHERE s.answer = 'accepted'"
            # What SendGrid confirmed to be cancelled, it throws away at the hour.
            " AND (g.state IS NULL OR g.state NOT IN ('cancelled', 'freed')) GROUP BY b.id HAVING count(*) > 1"
        )
        assert connection.execute(doubled).all() == []
        unproven = text(
            "SELECT b.id FROM batches b WHERE b.status = 'submitted' AND NOT EXISTS (SELECT 1 FROM submissions s WHERE"
            " s.batch_id = b.id OR s.batch_id = b.parent_id)"  # a child may be proven by a call of its parent
        )
        assert connection.execute(unproven).all() == []

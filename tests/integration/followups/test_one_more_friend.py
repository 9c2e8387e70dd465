"""One more friend, says the mail, and it is yours. It must be so when the mail goes, not only two days or a week before."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.support.makers import make_subscriber, make_subscribers
from tests.support.referring import bring, verify
from worker import sources
from worker.domain.delivery import Recipient
from worker.domain.segment import EVERYONE
from worker.render.edition import Facts, render_editions
from worker.render.layout import Templates
from worker.render.links import Signer
from worker.render.merge import MergeWriter
from worker.store.engine import reading, writing
from worker.store.ledger.mailings import list_mailings
from worker.store.milestones import rewards_of
from worker.store.referrals import count_verified
from worker.store.tables import deliveries
from worker.usecases.advance_followups import advance_followups
from worker.usecases.plan_mailing import plan_mailing
from worker.usecases.read_content import read_content

PROJECT = Path(__file__).parents[3]
CAME = datetime.now(UTC).replace(hour=20, minute=0, second=0, microsecond=0) + timedelta(days=1)


@pytest.mark.parametrize("apart", [timedelta(minutes=1), timedelta(hours=20)])
def test_nobody_is_told_that_one_friend_more_brings_what_takes_seven(sqlite_engine, apart):
    """This repository's own content: guide at 1, month at 3, call at 10. Three friends come; none is one short of 10."""
    engine, written = sqlite_engine, read_content(PROJECT)
    rules = written.publication.referral
    templates = Templates(sources.read_templates(PROJECT), sources.read_theme(PROJECT))
    with writing(engine) as connection:
        reader = make_subscriber(connection)
        for number, friend in enumerate(make_subscribers(connection, 3)):
            bring(connection, reader, friend, CAME + apart * number)
    promised = []
    for hours in range(24 * 16):
        now = CAME + timedelta(hours=hours)
        verify(engine, rules, now)
        for mailing_id in advance_followups(engine, written, now, 500):
            with reading(engine) as connection:
                [mailing] = [one for one in list_mailings(connection) if one.id == mailing_id]
            if mailing.step_id != "one-more":
                continue
            [step] = written.steps["one-more-friend"]
            facts = Facts(subscribers=4, now=now, base_url="https://x.example", launches=written.launches)
            made = render_editions(step.text, written.publication, templates, facts, "step")
            plan_mailing(engine, mailing_id, lambda _mailing, made=made: (made, EVERYONE), now, at=now)
            with reading(engine) as connection:
                owed = connection.execute(
                    select(deliveries).where(
                        deliveries.c.mailing_id == mailing_id, deliveries.c.skipped_reason.is_(None)
                    )
                ).all()
                count = count_verified(connection, reader.id)
                earned = ",".join(one.milestone_id for one in rewards_of(connection, [reader.id]))
            for row in owed:
                edition = next(iter(made.values()))
                writer = MergeWriter(
                    edition.merge_tags, "https://x.example", Signer("s" * 32), mailing_id, None, rules.milestones
                )
                told = json.loads(
                    writer.write(Recipient(row.id, reader.id, "", "", reader.referral_code, count, earned))[0]
                )
                text = edition.text
                for tag in edition.merge_tags:
                    text = text.replace(tag.tag, told[tag.tag])
                promised.append((now, count, " ".join(text.split())[:330]))
    assert promised == []

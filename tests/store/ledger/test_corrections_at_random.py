"""Corrections among everything else that can happen to a batch, in random order: the ledger always names the text a
reader has, whatever was lost, opened again, split, corrected and proven in between."""

import random
from dataclasses import replace

import pytest
from sqlalchemy import select

from tests.support.ledger import (
    EDITIONS,
    check_invariants,
    claim,
    counts,
    let_leases_run_out,
    make_mailing,
    plan,
    start,
)
from tests.support.makers import NOW, make_subscribers
from worker.domain.verdict import Doubt, Verdict
from worker.store.engine import reading, writing
from worker.store.ledger import settle
from worker.store.ledger.claim import release_claim
from worker.store.ledger.correct import correct_pending
from worker.store.ledger.decide import decide_batch
from worker.store.ledger.evidence import accept_on_evidence
from worker.store.ledger.mailings import pause_mailing, resume_mailing
from worker.store.ledger.split import split_batch
from worker.store.ledger.sweep import sweep
from worker.store.tables import batches, deliveries, editions, subscribers

STEPS = 80


def text(number):
    return {one: replace(edition, source_hash=f"{one} text {number}") for one, edition in EDITIONS.items()}


class Walk:
    """`reached` is the truth: which texts SendGrid took for each delivery. `taken` are the calls that it can prove."""

    def __init__(self, engine, seed):
        self.engine, self.random = engine, random.Random(seed)
        with writing(engine) as connection:
            make_subscribers(connection, 7)
            make_subscribers(connection, 4, "paid")
            self.mailing_id = make_mailing(connection, batch_size=3)
        plan(engine, self.mailing_id, editions=text(0))
        self.number, self.reached, self.taken, self.lost, self.claims = 0, {}, [], [], []

    def step(self):
        often = [self.claim, self.call, self.correct, self.open_again, self.prove]
        self.random.choice([*often, *often, self.give_back, self.pause_and_resume, self.sweep])()

    def claim(self):
        if batch := claim(self.engine, self.mailing_id):
            self.claims.append(batch)

    def call(self):
        if not self.claims:
            self.claim()
        if not self.claims:
            return
        started = start(self.engine, self.claims.pop())
        if started is None:
            return
        fate = self.random.choice(["202", "lost and taken", "lost and taken", "lost", "429", "split"])
        if fate in ("202", "lost and taken"):
            for one in started.recipients:
                self.reached.setdefault(one.delivery_id, set()).add(self.name(started.batch.edition_id))
            self.taken.append(started)
        with writing(self.engine) as connection:
            match fate:
                case "202":
                    settle.settle_accepted(connection, started, NOW, message_id="m")
                case "429":
                    settle.settle_pending(connection, started, "rate_limited", NOW, not_before=None, problem="429")
                case "split":
                    split_batch(connection, started, NOW, problem="bad request", status_code=400)
                case _:
                    settle.settle_uncertain(connection, started, NOW, problem="time-out", status_code=None)
                    self.lost.append(started)

    def correct(self):
        self.number += self.random.choice([0, 1, 1])
        with writing(self.engine) as connection:
            correct_pending(connection, self.mailing_id, text(self.number))
            assert correct_pending(connection, self.mailing_id, text(self.number)) == 0
        with reading(self.engine) as connection:
            query = select(editions.c.source_hash).join(batches, batches.c.edition_id == editions.c.id)
            waiting = set(connection.execute(query.where(batches.c.status == "pending")).scalars())
        assert waiting <= {one.source_hash for one in text(self.number).values()}

    def open_again(self):
        """An operator says of a lost call that it did not go out, and may be wrong."""
        if self.lost:
            lost = self.lost.pop(self.random.randrange(len(self.lost)))
            with writing(self.engine) as connection:
                decide_batch(connection, lost.batch.id, Doubt.UNCERTAIN, Verdict.AGAIN, NOW)

    def prove(self):
        if self.taken:
            with writing(self.engine) as connection:
                accept_on_evidence(connection, [self.random.choice(self.taken).submission_key])

    def give_back(self):
        if self.claims:
            with writing(self.engine) as connection:
                release_claim(connection, self.claims.pop())

    def pause_and_resume(self):
        with writing(self.engine) as connection:
            pause_mailing(connection, self.mailing_id)
        self.correct()
        with writing(self.engine) as connection:
            resume_mailing(connection, self.mailing_id)

    def sweep(self):
        let_leases_run_out(self.engine)
        with writing(self.engine) as connection:
            sweep(connection, NOW)

    def name(self, edition_id):
        with reading(self.engine) as connection:
            query = select(editions.c.source_hash).where(editions.c.id == edition_id)
            return connection.execute(query).scalar_one()

    def check(self):
        query = (
            select(deliveries.c.id, deliveries.c.edition_id, batches.c.edition_id.label("of_batch"), batches.c.status)
            .add_columns(editions.c.plan, editions.c.source_hash, subscribers.c.plan.label("readers"))
            .join(batches, batches.c.id == deliveries.c.batch_id)
            .join(editions, editions.c.id == deliveries.c.edition_id)
            .join(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
            .where(deliveries.c.refused_reason.is_(None))
        )
        with reading(self.engine) as connection:
            rows = connection.execute(query).all()
        for row in rows:
            assert row.edition_id == row.of_batch
            assert row.plan == row.readers
            if row.status == "submitted":
                assert row.source_hash in self.reached[row.id], "the ledger names a text this reader never got"
        assert counts(self.engine, self.mailing_id).conserved


@pytest.mark.parametrize("seed", range(12))
def test_the_ledger_always_names_a_text_the_reader_got(sqlite_engine, seed):
    walk = Walk(sqlite_engine, seed)
    for _ in range(STEPS):
        walk.step()
        walk.check()
    assert walk.reached
    if all(len(texts) == 1 for texts in walk.reached.values()):
        check_invariants(sqlite_engine)

"""How fast one bulk worker submits, beside a straight-line script (benchmarks/straight_line.py) and a bare loop of POSTs."""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import urllib3

from benchmarks.setting import add_readers, context_for, database, mailroom, plan_broadcast
from benchmarks.straight_line import straight_line
from worker.context import Context
from worker.domain.delivery import ClaimedBatch, StartedBatch
from worker.domain.edition import Edition, MergeName, MergeTag, Place
from worker.domain.mailing import MailingKind
from worker.domain.segment import EVERYONE
from worker.domain.subscriber import Plan
from worker.providers.sendgrid_payload import build_payload
from worker.store.engine import snapshot, writing
from worker.store.ledger.mailings import NewMailing, create_mailing, get_mailing
from worker.store.ledger.plan import begin_planning, freeze_audience
from worker.store.ledger.start import read_owed
from worker.usecases.desk import open_desk
from worker.usecases.ready_batch import write_addressees
from worker.usecases.submit_batch import build_submission
from worker.usecases.submit_batches import submit_batches

RECIPIENTS = 50_000
ROUNDS = 3
SLOW = 0.08  # seconds before each answer, in the second part


def main() -> None:
    """Print recipients per second and their ratios; medians of three rounds."""
    print(f"submitting {RECIPIENTS:,} recipients, 1,000 a batch, to a count-only mailroom on loopback")
    for kind in ("sqlite", "postgresql"):
        with database(kind) as engine, mailroom() as url, tempfile.TemporaryDirectory() as folder:
            add_readers(engine, RECIPIENTS)
            context = context_for(engine, url, Path(folder))
            for letter in ("plain letter", "sample issue"):
                worker, bare, script = [], [], []
                for number in range(ROUNDS):
                    mailing_id = plan(context, f"{kind}:{letter}:{number}", letter)
                    bodies, rate = collect(context, mailing_id)
                    worker.append(rate)
                    bare.append(post_all(url, bodies))
                    again = plan(context, f"{kind}:{letter}:{number}:script", letter)
                    script.append(straight_line(engine, url, again, bodies_of(context, again)))
                mine, loop, line = (statistics.median(one) for one in (worker, bare, script))
                print(
                    f"  {kind:10} {letter:12}  one worker {mine:9,.0f}/s   straight-line script {line:9,.0f}/s"
                    f" (ratio {mine / line:.2f})   posting ready requests only {loop:9,.0f}/s (ratio {mine / loop:.2f})"
                )
    slow()


def slow() -> None:
    """With a mailroom that takes its time, as the internet does."""
    with database("sqlite") as engine, mailroom(SLOW) as url, tempfile.TemporaryDirectory() as folder:
        add_readers(engine, 30_000)
        context = context_for(engine, url, Path(folder))
        ratios = []
        for number in range(ROUNDS):
            bodies, rate = collect(context, plan(context, f"slow:{number}", "sample issue"))
            ratios.append(rate / post_all(url, bodies))
        print(
            f"  an answer after {SLOW * 1000:.0f} ms: {statistics.median(ratios):.0%} of posting ready requests in a bare loop"
        )


def collect(context: Context, mailing_id: int) -> tuple[list[bytes], float]:
    """Submit a whole mailing with one worker; the request bodies it sent, and recipients per second."""
    provider = context.provider
    terms = replace(context.terms, slice_seconds=1e9)
    began = time.perf_counter()
    submit_batches(context.engine, provider, mailing_id, terms)
    spent = time.perf_counter() - began
    with context.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            f"SELECT count(*) FROM deliveries WHERE mailing_id = {mailing_id}"
        ).scalar_one()
    return bodies_of(context, mailing_id), rows / spent


def bodies_of(context: Context, mailing_id: int) -> list[bytes]:
    """The requests a mailing is made of, built again: same recipients, same values, same size."""

    desk = open_desk(context.engine, context.provider, mailing_id, context.terms)
    assert desk is not None
    bodies = []
    with context.engine.connect() as connection:
        batches = connection.exec_driver_sql(
            f"SELECT id, edition_id FROM batches WHERE mailing_id = {mailing_id}"
        ).all()
    for batch_id, edition_id in batches:
        batch = ClaimedBatch(batch_id, mailing_id, edition_id, "", 0, 0, desk.mailing.created_at)
        with writing(context.engine) as connection:
            owed = read_owed(connection, batch, desk.mailing, friends=desk.friends)
        addressees = [one for one in write_addressees(desk.writers[edition_id], owed) if one is not None]
        bodies.append(
            build_payload(build_submission(desk, StartedBatch(batch, 1, "benchmark-key-16", owed), addressees))
        )
    return bodies


def post_all(url: str, bodies: list[bytes]) -> float:
    """A bare loop over one keep-alive connection; recipients per second."""
    pool = urllib3.connectionpool.connection_from_url(url, maxsize=1)
    headers = {"Authorization": "Bearer SG.benchmark", "Content-Type": "application/json"}
    recipients = sum(body.count(b'"to":') for body in bodies)
    began = time.perf_counter()
    for body in bodies:
        answer = pool.request("POST", "/v3/mail/send", body=body, headers=headers, retries=False)
        assert answer.status == 202, answer.data
    return recipients / (time.perf_counter() - began)


def plan(context: Context, key: str, letter: str) -> int:
    """A broadcast to everybody, of the sample issue or of a plain letter (a greeting by name and the footer's links)."""
    if letter == "sample issue":
        return plan_broadcast(context, key)
    tags = (
        MergeTag("-bs00h-", MergeName.FIRST_NAME, "there", Place.HTML),
        MergeTag("-bs01t-", MergeName.FIRST_NAME, "there", Place.TEXT),
        MergeTag("-bs02u-", MergeName.MANAGE_LINK, "", Place.URL),
        MergeTag("-bs03u-", MergeName.UNSUBSCRIBE_LINK, "", Place.URL),
    )
    html = "<p>Hi -bs00h-,</p>" + "<p>A paragraph of an ordinary letter, with some words in it.</p>" * 300
    links = "https://letters.example.com/m/-bs02u- https://letters.example.com/u/-bs03u-"
    editions = {
        plan: Edition(plan, f"The {plan} letter", "Preview", html + links, "Hi -bs01t-,\n\n" + links, tags)
        for plan in Plan
    }
    now = datetime.now(UTC)
    with writing(context.engine) as connection:
        new = NewMailing(key, MailingKind.BROADCAST, "issue:plain", now, "2026-11-23T07:00", "UTC", 1_000)
        mailing_id = create_mailing(connection, new, now)
        assert mailing_id is not None
        begin_planning(connection, mailing_id)
        mailing = get_mailing(connection, mailing_id)
    assert mailing is not None
    with snapshot(context.engine) as connection:
        freeze_audience(connection, mailing, EVERYONE, editions, now)
    return mailing_id

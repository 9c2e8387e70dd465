"""What came of a launch, held against a model that counts the same in plain Python."""

import itertools
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.followups import PUBLICATION, make_launch
from tests.support.ledger import EDITIONS, claim, make_mailing, plan, start
from tests.support.makers import NOW, make_subscriber
from worker.domain.delivery import DeliveryState
from worker.domain.edition import Card
from worker.domain.event import Event, EventType
from worker.domain.launch_report import People
from worker.domain.mailing import MailingKind
from worker.domain.segment import HasTag
from worker.domain.subscriber import Plan
from worker.render.launch_page import launch_page
from worker.store.engine import reading, writing
from worker.store.events import add_events
from worker.store.launches import convert, mute
from worker.store.ledger.settle import settle_accepted
from worker.store.subscribers import add_tags
from worker.store.tables import deliveries, submissions
from worker.usecases.note_launches import note_launches
from worker.usecases.report_launch import report_launch

LAUNCH = make_launch(converted_by="in", closes=datetime(2099, 1, 1, 12))  # noqa: DTZ001 - a wall time
PUB = replace(PUBLICATION, segments={"producers": HasTag("producer")})
_numbers = itertools.count(1)


def report(engine):
    found = report_launch(engine, LAUNCH, PUB, NOW)
    assert found.adds_up
    return found


def send(
    engine, *, kind=MailingKind.STEP, launch_id=LAUNCH.id, source="step:launch/reminder", cards=(), batch_size=3, at=NOW
):
    """Planned, and each batch accepted; the mailing's id and its deliveries by reader."""
    with writing(engine) as connection:
        mailing_id = make_mailing(connection, kind=kind, launch_id=launch_id, batch_size=batch_size)
        connection.exec_driver_sql(f"UPDATE mailings SET source = '{source}' WHERE id = {mailing_id}")
    editions = {one: replace(edition, cards=tuple(cards)) for one, edition in EDITIONS.items()}
    plan(engine, mailing_id, editions=editions)
    while (batch := claim(engine, mailing_id)) is not None:
        started = start(engine, batch)
        if started.recipients:
            with writing(engine) as connection:
                settle_accepted(connection, started, NOW)
                connection.execute(
                    submissions.update().where(submissions.c.id == started.submission_id).values(started_at=at)
                )
    with reading(engine) as connection:
        query = deliveries.select().where(deliveries.c.mailing_id == mailing_id)
        return mailing_id, {row.subscriber_id: row for row in connection.execute(query)}


def click(engine, delivery, url="https://example.com/groups?utm_source=letter"):
    event = Event(
        EventType.CLICKED, NOW, delivery.address_key, f"click {next(_numbers)}", "sg", delivery.id, None, url=url
    )
    with writing(engine) as connection:
        add_events(connection, [event], NOW)


def test_a_launch_nobody_was_told_of_counts_nothing(engine):
    found = report(engine)
    assert (found.people, found.rows, found.how, found.days) == (People(), [], {}, [])


def test_each_reader_counts_once_in_all_and_once_for_each_mail(engine):
    with writing(engine) as connection:
        free, paid = make_subscriber(connection), make_subscriber(connection, "paid", tags=["producer"])
    _, first = send(engine, at=NOW)
    _, second = send(engine, source="step:launch/last-call", at=NOW + timedelta(days=2))
    for _ in range(3):
        click(engine, first[paid.id])
    click(engine, second[paid.id])
    with writing(engine) as connection:
        convert(connection, LAUNCH.id, paid.id, "applied", NOW + timedelta(days=1))
        convert(connection, LAUNCH.id, free.id, "bought", NOW + timedelta(days=3))
    found = report(engine)
    assert found.people == People(2, 1, 2)
    assert found.by_plan == {Plan.FREE: People(1, 0, 1), Plan.PAID: People(1, 1, 1)}
    assert found.by_segment == {"producers": People(1, 1, 1)}
    assert {(row.name, row.plan): (row.announced, row.clicked, row.applied) for row in found.rows} == {
        ("last-call", Plan.FREE): (1, 0, 1),
        ("last-call", Plan.PAID): (1, 1, 0),
        ("reminder", Plan.FREE): (1, 0, 0),
        ("reminder", Plan.PAID): (1, 1, 1),
    }
    assert found.how == {"applied": 1, "bought": 1}


def test_who_converts_before_any_mail_is_credited_to_none(engine):
    with writing(engine) as connection:
        reader = make_subscriber(connection)
    send(engine, at=NOW)
    with writing(engine) as connection:
        convert(connection, LAUNCH.id, reader.id, "csv", NOW - timedelta(minutes=1))
    found = report(engine)
    assert (found.unprompted, sum(row.applied for row in found.rows)) == (1, 0)


def test_a_letter_counts_where_its_edition_shows_the_card_and_only_its_links_to_the_launch(engine):
    with writing(engine) as connection:
        reader, other = make_subscriber(connection), make_subscriber(connection)
    card = Card(LAUNCH.id, LAUNCH.closes_at)
    letter = {"kind": MailingKind.BROADCAST, "launch_id": None}
    _, shown = send(engine, source="issue:letter-7", cards=[card], **letter)
    send(engine, source="issue:letter-8", **letter)
    click(engine, shown[reader.id], "https://example.com/groups")
    click(engine, shown[other.id], "https://example.com/groups-of-others")
    click(engine, shown[other.id], "https://example.com/")
    found = report(engine)
    assert found.people == People(2, 1, 0)
    assert [(row.kind, row.name, row.announced, row.clicked) for row in found.rows] == [("card", "letter-7", 2, 1)]


def test_a_scanner_that_follows_every_link_of_every_mail_is_no_applicant(engine):
    with writing(engine) as connection:
        for _ in range(4):
            make_subscriber(connection)
    _, sent = send(engine)
    for delivery in sent.values():
        for url in ("https://example.com/groups", "https://letters.example.com/a/token", LAUNCH.leads_to):
            click(engine, delivery, url)
    assert report(engine).people == People(4, 4, 0)


def test_whoever_is_left_out_or_skipped_was_not_told(engine):
    with writing(engine) as connection:
        make_subscriber(connection)
        make_subscriber(connection, status="pending")
        muted, applied = make_subscriber(connection), make_subscriber(connection)
        mute(connection, LAUNCH.id, muted.id, NOW)
        mailing_id = make_mailing(connection, kind=MailingKind.STEP, launch_id=LAUNCH.id)
        connection.exec_driver_sql(f"UPDATE mailings SET source = 'step:launch/reminder' WHERE id = {mailing_id}")
    plan(engine, mailing_id)
    with writing(engine) as connection:
        convert(connection, LAUNCH.id, applied.id, "applied", NOW)
    assert [(one.owed, one.waiting) for one in report(engine).rows] == [(2, 2)]
    start(engine, claim(engine, mailing_id))
    found = report(engine)
    assert [(one.owed, one.announced, one.skipped, one.waiting) for one in found.rows] == [(2, 0, 1, 1)]
    assert found.excluded == {"reminder": {"muted": 1, "unconfirmed": 1}}
    assert (found.people, found.muted) == (People(0, 0, 1), 1)


@pytest.mark.parametrize("seed", range(3))
def test_counts_agree_with_a_model_whatever_happened(engine, seed):
    draw = random.Random(seed)
    note_launches(engine, [LAUNCH])
    with writing(engine) as connection:
        readers = [
            make_subscriber(
                connection, draw.choice(["free", "paid"]), tags=draw.sample(["producer", "x"], draw.randrange(3))
            )
            for _ in range(40)
        ]
    told, followed, applied, last = set(), set(), {}, {}
    by_tag = set()
    for hour in range(5):
        _, sent = send(engine, source=f"step:launch/step-{hour}", at=NOW + timedelta(hours=hour), batch_size=7)
        for reader in readers:
            if reader.id in sent and sent[reader.id].skipped_reason is None:
                told.add(reader.id)
                last[reader.id] = hour
                if draw.random() < 0.2:
                    followed.add(reader.id)
                    click(engine, sent[reader.id])
        for reader in draw.sample(readers, 4):
            with writing(engine) as connection:
                how = draw.choice(["applied", "bought", "csv", "tag"])
                if how == "tag":
                    add_tags(connection, [(reader.id, "in")])
                    by_tag.add(reader.id)
                elif convert(connection, LAUNCH.id, reader.id, how, NOW + timedelta(hours=hour, minutes=30)):
                    applied[reader.id] = (how, last.get(reader.id))
    found = report(engine)

    def people(ids):
        return People(len(told & ids), len(followed & ids), len((applied.keys() | by_tag) & ids))

    everybody = {one.id for one in readers}
    assert found.people == people(everybody)
    assert found.by_plan == {each: people({one.id for one in readers if one.plan is each}) for each in Plan}
    assert found.by_segment["producers"] == people({one.id for one in readers if "producer" in one.tags})
    how = Counter(way for way, _ in applied.values()) + Counter(tag=len(by_tag - applied.keys()))
    assert found.how == dict(+how)
    credited = Counter(hour for _, hour in applied.values())
    steps = Counter()
    for row in found.rows:
        steps[int(row.name.removeprefix("step-"))] += row.applied
    assert +steps == Counter({hour: number for hour, number in credited.items() if hour is not None})
    assert found.unprompted == credited[None]


def test_the_page_shows_every_number_and_nothing_a_name_could_break(engine):
    with writing(engine) as connection:
        for number in range(3):
            make_subscriber(connection, ["free", "paid"][number % 2])
    _, sent = send(engine)
    with writing(engine) as connection:
        convert(connection, LAUNCH.id, next(iter(sent)), "applied", datetime(2026, 11, 17, tzinfo=UTC))
    odd = replace(LAUNCH, name='<script>alert(1)</script> & "more"')
    page = launch_page(odd, report(engine), datetime(2026, 11, 20, 9), "A <Letter>")  # noqa: DTZ001
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<svg") == 2
    assert "2026-11-17" in page
    assert "http" not in page.replace("http-equiv", "")


def test_states_of_a_delivery_that_a_report_does_not_know_would_be_seen():
    known = {"submitted", "skipped", "refused", "uncertain", "cancelled", "pending", "claimed", "submitting"}
    assert {state.value for state in DeliveryState} == known

"""Whoever applied, bought, muted, left or complained after a launch's mail was planned gets nothing of it, whatever said so."""

import csv
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.support.commands import copy_project
from tests.support.launches import HOOK_SECRET, tell
from tests.support.ledger import check_invariants, claim
from tests.support.mailroom import messages
from tests.support.makers import make_subscriber, make_suppression
from tests.support.sending import open_context, submit
from worker import sources
from worker.domain.calendar import wall_time
from worker.domain.late import Late
from worker.domain.mailing import MailingKind
from worker.store.engine import reading, writing
from worker.store.launches import convert, count_converted
from worker.store.ledger.mailings import NewMailing, create_mailing, get_mailing
from worker.store.ledger.start import read_owed, start_batch
from worker.store.subscribers import add_tags
from worker.store.tables import deliveries, launch_conversions, subscriber_tags
from worker.usecases.convert_from_file import convert_from_file
from worker.usecases.note_launches import note_launches
from worker.usecases.plan_mailing import plan_mailing
from worker.usecases.unsubscribe import unsubscribe
from worker.web.app import create_app

LAUNCH = "producer-groups"
NOW = datetime.now(UTC)


@pytest.fixture
def context(mailroom, database_url, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    project = copy_project(folder)
    path = project / "content" / "launches" / f"{LAUNCH}.toml"
    opens, closes = (wall_time(NOW + timedelta(days=n), "America/Denver").replace(tzinfo=None) for n in (-7, 9))
    text = path.read_text(encoding="utf-8")
    text = text.replace("2026-11-16T09:00", opens.isoformat(timespec="seconds"))
    text = text.replace("2026-12-18T18:00", closes.isoformat(timespec="seconds"))
    path.write_text(text + '\nconverted_by = "in-the-room"\n', encoding="utf-8")
    one = open_context(
        database_url, mailroom.url, tmp_path / "state", project=project, launch_hook_secrets=f"{LAUNCH}:{HOOK_SECRET}"
    )
    note_launches(one.engine, sources.read_launches(project).values())
    yield one
    one.engine.dispose()


@pytest.fixture
def client(context):
    return create_app(context, now=lambda: NOW).test_client()


@pytest.fixture
def reader(context):
    with writing(context.engine) as connection:
        make_subscriber(connection, address="stays@example.com")
        return make_subscriber(connection, "paid", address="goes@example.com")


def planned(context, **more):
    new = NewMailing(
        key=f"a reminder {more}",
        kind=MailingKind.STEP,
        source="step:launch/reminder",
        send_at=NOW,
        wall_time=NOW.replace(tzinfo=None).isoformat(),
        zone="UTC",
        batch_size=10,
        late=Late.SEND,
        **({"launch_id": LAUNCH} | more),
    )
    with writing(context.engine) as connection:
        mailing_id = create_mailing(connection, new, NOW)
    plan_mailing(context.engine, mailing_id, context.prepare, NOW)
    return mailing_id


def by_the_page(context, client, reader):
    assert client.post(context.signer.apply_path(reader.id, LAUNCH)).status_code == 303


def by_the_shop(context, client, reader):
    assert tell(client, {"address": reader.address}, NOW, launch=LAUNCH).status_code == 204


def by_a_file(context, client, reader):
    path = context.settings.project / "applicants.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["Name", "Email"], ["Ada", reader.address.upper()]])
    assert convert_from_file(context.engine, LAUNCH, path, NOW).converted == 1


def by_a_tag(context, client, reader):
    with writing(context.engine) as connection:
        add_tags(connection, [(reader.id, "in-the-room")])


def by_muting(context, client, reader):
    assert client.post(context.signer.mute_path(reader.id, LAUNCH)).status_code == 200


def by_leaving(context, client, reader):
    unsubscribe(context.engine, reader.id, NOW, "link")


def by_complaining(context, client, reader):
    with writing(context.engine) as connection:
        make_suppression(connection, reader.address, "complained")


WAYS = {
    by_the_page: "converted",
    by_the_shop: "converted",
    by_a_file: "converted",
    by_a_tag: "converted",
    by_muting: "muted",
    by_leaving: "unsubscribed",
    by_complaining: "complained",
}


@pytest.mark.parametrize("drop_out", WAYS, ids=lambda way: way.__name__)
def test_between_planning_and_the_call_a_reader_drops_out_at_once(context, client, reader, mailroom, drop_out):
    mailing_id = planned(context)
    batches = [
        claim(context.engine, mailing_id),
        claim(context.engine, mailing_id),
    ]  # free and paid, in a worker's hands
    mailing, owed = _read(context, batches[1])
    assert [one.subscriber_id for one in owed] == [reader.id]
    drop_out(context, client, reader)
    with writing(context.engine) as connection:
        assert start_batch(connection, batches[1], mailing, 30_000, NOW, owed=owed).recipients == ()
    with reading(context.engine) as connection:
        row = connection.execute(select(deliveries).where(deliveries.c.subscriber_id == reader.id)).one()
    assert row.skipped_reason == WAYS[drop_out]
    check_invariants(context.engine)


@pytest.mark.parametrize("drop_out", [by_the_page, by_a_tag, by_muting], ids=lambda way: way.__name__)
def test_and_nothing_reaches_their_inbox(context, client, reader, mailroom, drop_out):
    mailing_id = planned(context)
    drop_out(context, client, reader)
    submit(context, mailing_id)
    assert [one["to"] for one in messages(mailroom)] == ["stays@example.com"]


@pytest.mark.parametrize(
    "drop_out", [by_the_page, by_the_shop, by_a_file, by_a_tag, by_muting], ids=lambda way: way.__name__
)
def test_the_letter_and_other_launches_still_come(context, client, reader, mailroom, drop_out):
    drop_out(context, client, reader)
    submit(context, planned(context, launch_id="another"))
    assert sorted(one["to"] for one in messages(mailroom)) == ["goes@example.com", "stays@example.com"]


def test_a_tag_that_is_taken_away_converts_nobody_any_more_and_none_was_copied(context, client, reader):
    by_a_tag(context, client, reader)
    with reading(context.engine) as connection:
        assert count_converted(connection, LAUNCH) == 1
        assert connection.execute(select(launch_conversions)).all() == []
    with writing(context.engine) as connection:
        connection.execute(subscriber_tags.delete())
        assert count_converted(connection, LAUNCH) == 0
        convert(connection, LAUNCH, reader.id, "bought", NOW)
        add_tags(connection, [(reader.id, "in-the-room")])
        assert count_converted(connection, LAUNCH) == 1  # once, however many ways they did


def _read(context, batch):
    with reading(context.engine) as connection:
        mailing = get_mailing(connection, batch.mailing_id)
        return mailing, read_owed(connection, batch, mailing)

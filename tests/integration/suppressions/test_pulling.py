"""What stands on SendGrid's lists becomes a suppression here: page by page, once, and never for a block."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.integration.suppressions.conftest import DAY, NOW, UNIX
from tests.support.makers import make_subscriber, make_suppression
from worker.domain.subscriber import SubscriberStatus
from worker.mailroom import faults
from worker.store.engine import reading, writing
from worker.store.subscribers import by_id
from worker.store.suppressions import lift
from worker.store.sync_cursors import read_cursor
from worker.store.tables import sync_cursors
from worker.usecases.sync_suppressions import sync_due, sync_suppressions, sync_suppressions_daily


def sync(context, now=NOW, **how):
    return sync_suppressions(context.engine, context.lists, now, **how)


def test_each_list_suppresses_with_its_reason_and_evidence_and_blocks_suppress_nobody(context, mailroom, rows):
    lists = mailroom.suppressions
    lists.add("bounces", "gone@example.com", UNIX - 90, status="5.1.1", reason="550 5.1.1 no such user")
    lists.add("blocks", "blocked@example.com", UNIX - 90, status="4.7.1", reason="421 too much mail")
    lists.add("invalid_emails", "nowhere@example.com", UNIX - 90, reason="Mail domain mentioned is unknown")
    lists.add("spam_reports", "Angry@Example.com", UNIX - 90, ip="192.0.2.7")
    lists.add("unsubscribes", "left@example.com", UNIX - 90)
    synced = sync(context)
    assert rows() == {
        "gone@example.com": ("bounced", "sendgrid:bounces", False),
        "nowhere@example.com": ("invalid", "sendgrid:invalid_emails", False),
        "angry@example.com": ("complained", "sendgrid:spam_reports", True),
        "left@example.com": ("unsubscribed", "sendgrid:unsubscribes", True),
    }
    assert (sum(synced.read.values()), sum(synced.new.values()), synced.problem) == (4, 4, "")


@pytest.mark.parametrize("status", ["5.7.1", "4.4.2"])
def test_a_bounce_that_is_about_the_sender_or_the_moment_suppresses_nobody(context, mailroom, rows, status):
    mailroom.suppressions.add("bounces", "there@example.com", UNIX - 90, status=status, reason="550 policy")
    assert sync(context).unusable == 1
    assert rows() == {}


def test_somebody_who_left_on_sendgrids_page_is_unsubscribed_here(context, mailroom):
    with writing(context.engine) as connection:
        reader = make_subscriber(connection, address="left@example.com", joined_at=NOW - timedelta(days=9))
    mailroom.suppressions.add("unsubscribes", "left@example.com", UNIX - 90)
    sync(context)
    with reading(context.engine) as connection:
        assert by_id(connection, reader.id).status is SubscriberStatus.UNSUBSCRIBED


def test_lists_of_many_pages_are_read_to_their_end_and_a_second_run_changes_nothing(context, mailroom, rows):
    for number in range(1_203):
        mailroom.suppressions.add("bounces", f"r{number}@example.com", UNIX - number, status="5.1.1")
    assert sync(context).new["bounces"] == 1_203
    before = rows()
    again = sync(context, NOW + timedelta(hours=2))
    assert (sum(again.new.values()), rows()) == (0, before)
    assert len(before) == 1_203


def test_a_run_that_broke_off_goes_on_at_the_page_it_had_reached(context, mailroom, rows):
    for number in range(1_203):
        mailroom.suppressions.add("unsubscribes", f"r{number}@example.com", UNIX - number)
    path = "/v3/suppression/unsubscribes"
    mailroom.script_faults(*[faults.late(0).calling(path)] * 2, faults.dropped().calling(path))
    broken = sync(context)
    assert "unsubscribes: " in broken.problem
    assert len(rows()) == 1_000
    assert sync(context, NOW + timedelta(minutes=5)).read["unsubscribes"] == 203
    assert len(rows()) == 1_203


def test_a_run_that_broke_off_long_ago_begins_again(context, mailroom):
    for number in range(700):
        mailroom.suppressions.add("unsubscribes", f"r{number}@example.com", UNIX - number)
    path = "/v3/suppression/unsubscribes"
    mailroom.script_faults(faults.late(0).calling(path), faults.dropped().calling(path))
    assert sync(context).problem
    assert sync(context, NOW + timedelta(hours=3)).read["unsubscribes"] == 700


def test_a_later_run_reads_from_a_day_before_the_last_one(context, mailroom):
    mailroom.suppressions.add("unsubscribes", "long-ago@example.com", UNIX - 9 * DAY)
    mailroom.suppressions.add("unsubscribes", "lately@example.com", UNIX - DAY // 2)
    assert sync(context).read["unsubscribes"] == 2
    mailroom.suppressions.add("unsubscribes", "today@example.com", UNIX + DAY // 2)
    assert sync(context, NOW + timedelta(days=1)).read["unsubscribes"] == 2
    with reading(context.engine) as connection:
        assert read_cursor(connection, "sendgrid:unsubscribes") == f"{UNIX} 0 0"


def test_a_reader_who_came_back_is_not_suppressed_by_what_remains_of_their_leaving(context, mailroom, rows):
    with writing(context.engine) as connection:
        make_subscriber(connection, address="back@example.com", joined_at=NOW - timedelta(days=1), source="form")
    mailroom.suppressions.add("unsubscribes", "back@example.com", UNIX - 3 * DAY)
    assert sync(context).came_back == 1
    assert rows() == {}
    mailroom.suppressions.remove("unsubscribes")
    mailroom.suppressions.add("unsubscribes", "back@example.com", UNIX - 3_600)
    sync(context, NOW + timedelta(hours=2))
    assert rows() == {"back@example.com": ("unsubscribed", "sendgrid:unsubscribes", True)}


def test_an_import_is_no_way_back(context, mailroom, rows):
    with writing(context.engine) as connection:
        make_subscriber(connection, address="left@example.com", joined_at=NOW, source="import:old.csv")
    mailroom.suppressions.add("unsubscribes", "left@example.com", UNIX - 300 * DAY)
    assert sync(context).came_back == 0
    assert list(rows()) == ["left@example.com"]


def test_a_suppression_that_was_lifted_here_after_new_consent_stays_lifted(context, mailroom, rows):
    with writing(context.engine) as connection:
        make_subscriber(connection, address="back@example.com", joined_at=NOW - timedelta(days=1), source="form")
        make_suppression(connection, "back@example.com", "bounced", at=NOW - timedelta(days=5))
        lift(connection, ["back@example.com"])
    mailroom.suppressions.add("bounces", "back@example.com", UNIX - 5 * DAY, status="5.1.1")
    sync(context)
    assert rows() == {}


def test_rows_that_cannot_be_read_do_not_cost_the_others(context, mailroom, rows):
    lists = mailroom.suppressions
    lists.add("unsubscribes", "not an address", UNIX - 5)
    lists.add("unsubscribes", "ada@example.com", UNIX - 6)
    synced = sync(context)
    assert (synced.unusable, list(rows())) == (1, ["ada@example.com"])


def test_a_dry_run_counts_and_changes_nothing(context, mailroom, rows):
    mailroom.suppressions.add("unsubscribes", "left@example.com", UNIX - 90)
    with writing(context.engine) as connection:
        make_suppression(connection, "mine@example.com", "unsubscribed")
    before = rows()
    synced = sync(context, dry_run=True)
    assert (synced.new["unsubscribes"], synced.pushed) == (1, 1)
    assert rows() == before
    assert mailroom.suppressions.addresses("unsubscribes") == ["left@example.com"]
    with reading(context.engine) as connection:
        assert connection.execute(select(sync_cursors)).all() == []


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_sendgrid_that_does_not_answer_as_asked_is_named_and_tried_again_later(context, mailroom, status):
    mailroom.script_faults(faults.status(status).calling("/v3/suppression/unsubscribes"))
    synced = sync_suppressions_daily(context.engine, context.lists, NOW)
    assert str(status) in synced.problem
    with reading(context.engine) as connection:
        assert sync_due(connection, NOW + timedelta(minutes=5)) == []
        assert len(sync_due(connection, NOW + timedelta(minutes=16))) == 1


def test_the_daily_run_is_taken_by_one_process_and_is_due_again_after_a_day(context):
    with reading(context.engine) as connection:
        assert len(sync_due(connection, NOW)) == 1
    assert sync_suppressions_daily(context.engine, context.lists, NOW) is not None
    assert sync_suppressions_daily(context.engine, context.lists, NOW + timedelta(seconds=1)) is None
    with reading(context.engine) as connection:
        assert sync_due(connection, NOW + timedelta(hours=23)) == []
        assert len(sync_due(connection, NOW + timedelta(hours=24))) == 1


def test_a_row_without_a_usable_time_suppresses_even_who_consented_lately(context, mailroom, rows):
    with writing(context.engine) as connection:
        make_subscriber(
            connection, address="r@example.com", joined_at=datetime(2026, 11, 15, tzinfo=UTC), source="form"
        )
    mailroom.suppressions.add("unsubscribes", "r@example.com", 0)
    sync(context)
    assert list(rows()) == ["r@example.com"]

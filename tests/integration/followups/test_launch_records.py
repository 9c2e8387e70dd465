"""Merged and erased readers: what they did in a launch stays as it was, and nobody converts twice."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.support.everything import everything, where_it_stands
from tests.support.followups import PUBLICATION, make_launch
from tests.support.launches import HOOK_SECRET
from tests.support.makers import NOW, make_subscriber
from worker.domain.signed_call import sign
from worker.providers.scheduled import Done
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.launch_report import stream_applicants
from worker.store.launches import convert, count_converted, count_muted, has_converted, has_muted, mute
from worker.store.tables import launch_conversions
from worker.usecases.apply_to_launch import apply_to_launch
from worker.usecases.change_address import change_address
from worker.usecases.convert_from_file import convert_from_file
from worker.usecases.erase_subscriber import erase_subscriber
from worker.usecases.merge_subscribers import merge_subscribers
from worker.usecases.mute_launch import hear_launch, mute_launch
from worker.usecases.note_launches import note_launches
from worker.usecases.report_launch import report_launch
from worker.usecases.take_conversion import Taken, take_conversion

LAUNCH = make_launch(converted_by="in-the-room")
ID = LAUNCH.id


class Lists:
    def add(self, addresses):
        return Done()


@pytest.fixture
def engine(engine):
    hash_addresses(engine, "the oldest secret of this installation")
    note_launches(engine, [LAUNCH])
    return engine


@pytest.fixture
def two(engine):
    with writing(engine) as connection:
        ends = make_subscriber(connection, address="old@example.com", tags=["in-the-room"])
        return ends, make_subscriber(connection, address="new@example.com")


def merge(engine):
    merge_subscribers(engine, "old@example.com", "new@example.com", "UTC", NOW, Lists())


def erase(engine, address):
    erase_subscriber(engine, address, NOW, Lists())


def call(engine, address, at=NOW):
    return take_conversion(engine, ID, address, "bought", sign(HOOK_SECRET, str(at.timestamp()), address.encode()), at)


def rows(engine):
    with reading(engine) as connection:
        return [tuple(row) for row in connection.execute(select(launch_conversions))]


def test_two_records_that_both_converted_have_converted_once_when_they_first_did(engine, two):
    ends, stays = two
    with writing(engine) as connection:
        convert(connection, ID, ends.id, "csv", NOW - timedelta(days=1))
        convert(connection, ID, stays.id, "bought", NOW)
    merge(engine)
    assert rows(engine) == [(ID, stays.id, "csv", NOW - timedelta(days=1))]
    found = report_launch(engine, LAUNCH, PUBLICATION, NOW)
    assert (found.people.applied, found.adds_up) == (1, True)


def test_the_tag_of_one_converts_the_other(engine, two):
    merge(engine)
    with reading(engine) as connection:
        assert has_converted(connection, ID, two[1].id)
        assert count_converted(connection, ID) == 1
    assert rows(engine) == []


def test_links_in_the_mail_of_a_merged_record_act_on_the_one_that_goes_on(engine, two):
    ends, stays = two
    merge(engine)
    assert mute_launch(engine, ID, ends.id, NOW)
    with reading(engine) as connection:
        assert has_muted(connection, ID, stays.id)
        assert count_muted(connection, ID) == 1
    assert hear_launch(engine, ID, ends.id)
    assert apply_to_launch(engine, ID, ends.id, NOW)
    assert not apply_to_launch(engine, ID, stays.id, NOW)
    assert rows(engine) == [(ID, stays.id, "applied", NOW)]


@pytest.fixture(params=["merged", "merged twice", "moved"])
def reader(request, engine, two):
    """Somebody who had old@example.com and has another address now."""
    if request.param == "moved":
        change_address(engine, "old@example.com", "newer@example.com", NOW, Lists())
        return two[0]
    merge(engine)
    if request.param == "merged":
        return two[1]
    with writing(engine) as connection:
        last = make_subscriber(connection, address="last@example.com")
    merge_subscribers(engine, "new@example.com", "last@example.com", "UTC", NOW, Lists())
    return last


def test_a_shop_that_names_a_buyer_by_a_former_address_converts_them(engine, reader):
    assert call(engine, "old@example.com") is Taken.CONVERTED
    assert call(engine, "old@example.com", NOW + timedelta(seconds=1)) is Taken.ALREADY
    assert rows(engine) == [(ID, reader.id, "bought", NOW)]


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_file_that_names_an_applicant_by_a_former_address_converts_them(engine, reader, tmp_path, dry_run):
    file = tmp_path / "applicants.csv"
    file.write_text("Email\nold@example.com\nOLD@example.com\nstranger@example.com\n")
    seen = convert_from_file(engine, ID, file, NOW, dry_run=dry_run)
    assert (seen.converted, seen.already, seen.unknown) == (1, 1, 1)
    assert seen.unknown_lines == [4]
    assert rows(engine) == ([] if dry_run else [(ID, reader.id, "csv", NOW)])


def test_a_former_address_that_somebody_else_has_now_is_theirs(engine, reader):
    with writing(engine) as connection:
        other = make_subscriber(connection, address="old@example.com")
    assert call(engine, "old@example.com") is Taken.CONVERTED
    assert rows(engine) == [(ID, other.id, "bought", NOW)]


def test_a_former_address_of_somebody_erased_is_nobodys(engine, two):
    merge(engine)
    erase(engine, "new@example.com")
    assert call(engine, "old@example.com") is Taken.UNKNOWN


def test_under_another_secret_a_former_address_is_nobodys_and_the_call_is_answered(engine, two):
    merge(engine)
    hash_addresses(engine, "another secret, by a mistake of whoever moved")
    assert call(engine, "old@example.com") is Taken.UNKNOWN
    assert call(engine, "new@example.com") is Taken.CONVERTED


def test_an_erased_reader_stays_a_number_among_the_applied_and_is_named_nowhere(engine, two):
    with writing(engine) as connection:
        convert(connection, ID, two[1].id, "bought", NOW)
        mute(connection, ID, two[1].id, NOW)
    erase(engine, "new@example.com")
    assert rows(engine) == [(ID, two[1].id, "bought", NOW)]
    with reading(engine) as connection:
        assert count_muted(connection, ID) == 0
        assert [row[0] for row in stream_applicants(connection, ID)] == ["old@example.com"]
    assert where_it_stands(engine, "new@example.com") == []
    assert report_launch(engine, LAUNCH, PUBLICATION, NOW).adds_up


def test_what_is_said_of_an_erased_reader_changes_nothing_and_is_answered_as_for_a_stranger(engine, two):
    erase(engine, "new@example.com")
    assert call(engine, "new@example.com") is call(engine, "stranger@example.com") is Taken.UNKNOWN
    before = everything(engine)
    assert not apply_to_launch(engine, ID, two[1].id, NOW)
    assert not mute_launch(engine, ID, two[1].id, NOW)
    assert not hear_launch(engine, ID, two[1].id)
    assert everything(engine) == before
    assert where_it_stands(engine, "new@example.com", "stranger") == []


def test_leaving_and_coming_back_converts_nobody_a_second_time(engine, two):
    assert call(engine, "new@example.com") is Taken.CONVERTED
    assert call(engine, "new@example.com", NOW + timedelta(seconds=1)) is Taken.ALREADY
    with writing(engine) as connection:
        assert not convert(connection, ID, two[1].id, "applied", NOW + timedelta(days=9))
    assert len(rows(engine)) == 1

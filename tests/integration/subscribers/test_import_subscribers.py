"""Imports: bad rows stop nothing, blank cells change nothing, and nobody is brought back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest

from tests.support.importing import load, load_file
from tests.support.makers import NOW, make_subscriber, make_suppression
from tests.support.referring import verify
from worker.domain.calendar import wall_time
from worker.domain.plan import day_after
from worker.domain.subscriber import Plan, SubscriberStatus
from worker.domain.suppression import SuppressionReason
from worker.errors import SourceError
from worker.store.engine import reading, writing
from worker.store.grants import NewGrant, give, read_grants
from worker.store.referrals import add_referral, count_verified
from worker.store.subscribers import by_address_key, by_id, count_confirmed
from worker.store.suppressions import reason_for
from worker.usecases.end_plans import end_due_plans
from worker.usecases.import_rows import RefusedRow
from worker.usecases.import_subscribers import import_subscribers


def find(engine, key):
    with reading(engine) as connection:
        return by_address_key(connection, key)


def reason(engine, key):
    with reading(engine) as connection:
        return reason_for(connection, key)


def test_a_full_row_becomes_a_subscriber(engine):
    report = load(
        engine,
        "Address,name,plan,status,tags,language,zone,country,joined,unknown",
        'Ines@Example.com,"Inês  Guimarães",Paid,confirmed,"one; two,three",pt-PT,Europe/Lisbon,pt,2024-02-29T10:00+01:00,?',
        name="list.csv",
    )
    assert report.counts == {"added": 1}
    found = find(engine, "ines@example.com")
    assert (found.address, found.name, found.plan) == ("Ines@Example.com", "Inês Guimarães", Plan.PAID)
    assert (found.status, found.tags) == (SubscriberStatus.CONFIRMED, {"one", "two", "three"})
    assert (found.language, found.zone, found.country) == ("pt-PT", "Europe/Lisbon", "PT")
    assert found.joined_at.isoformat() == "2024-02-29T09:00:00+00:00"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_file_is_read_whatever_its_delimiter_line_ends_or_mark(sqlite_engine, tmp_path, delimiter, encoding, end):
    path = tmp_path / "list.csv"
    text = end.join(
        delimiter.join(cells) for cells in [("name", "email"), ("Zoë", "zoe@example.com"), ("", "b@example.com")]
    )
    path.write_bytes(text.encode(encoding))
    assert load_file(sqlite_engine, path).counts == {"added": 2}
    assert find(sqlite_engine, "zoe@example.com").name == "Zoë"


def test_bad_rows_are_reported_by_line_and_the_rest_is_imported(engine):
    report = load(
        engine,
        "address,name,plan,status,language,zone,country,joined",
        "nobody,,,,,,,",
        "a@example.com,A,,,,,,",
        "",
        "b@example.com,B,gold,,,,,",
        "c@example.com,C,,gone,,,,",
        "d@example.com,D,,,english please,,,",
        "e@example.com,E,,,,Mars/Olympus,,",
        "f@example.com,F,,,,,Portugal,",
        "g@example.com,G,,,,,,yesterday",
        "h@example.com,Hall, Annie,,,,,,2024",
        ",I,,,,,,",
        "j@example.com\udcff,J,,,,,,",
        "z@example.com,Z",
    )
    assert (report.report.added, [row.line for row in report.refused]) == (2, [2, 5, 6, 7, 8, 9, 10, 11, 12, 13])
    reasons = [row.reason for row in report.refused]
    for said, word in zip(
        reasons,
        [
            "@-sign",
            "free or paid",
            "unsubscribed",
            "pt-BR",
            "Europe/Lisbon",
            "two letters",
            "2026-01-31",
            "unquoted",
            "no address",
            "UTF-8",
        ],
        strict=True,
    ):
        assert word in said
    assert find(engine, "a@example.com")
    assert find(engine, "z@example.com")


def test_a_forgotten_quotation_mark_costs_one_row(engine):
    others = [f"r{number}@example.com,R" for number in range(60)]
    report = load(engine, "address,name", 'a@example.com,"two', 'lines"', 'b@example.com,"open', *others)
    assert report.report.added == 61
    assert report.refused == (RefusedRow(4, "", "a quotation mark is opened and not closed"),)
    assert find(engine, "a@example.com").name == "two lines"


def test_inch_marks_in_two_rows_do_not_join_them(engine):
    assert load(engine, "address,name", 'a@example.com,Bo 5"', 'b@example.com,Mo 6"').counts == {"added": 2}
    assert find(engine, "a@example.com").name == 'Bo 5"'


@pytest.mark.parametrize("header", ["name,plan", "", "address,email"])
def test_a_file_without_one_address_column_is_refused_whole(engine, header):
    with pytest.raises(SourceError, match=r"list\.csv:1"):
        load(engine, header, "a@example.com,free", name="list.csv")


def test_a_file_that_is_not_there_is_named(engine, tmp_path):
    with pytest.raises(SourceError, match=r"nowhere\.csv"):
        import_subscribers(engine, tmp_path / "nowhere.csv", NOW)


def test_blank_cells_change_nothing_and_tags_are_only_added(engine):
    with writing(engine) as connection:
        made = make_subscriber(
            connection, "paid", name="Ada Moreno", tags={"old"}, language="en", zone="UTC", country="PT"
        )
    header = "address,name,plan,tags,language,zone,country,joined,status"
    assert load(engine, header, f"{made.address},,,,,,,,").counts == {"unchanged": 1}
    assert find(engine, made.address_key) == made
    assert load(engine, header, f"{made.address.upper()},Ada M.,free,new,,,,2020-01-01,pending").counts == {
        "changed": 1
    }
    found = find(engine, made.address_key)
    assert (found.name, found.plan, found.tags, found.language) == ("Ada M.", Plan.FREE, {"old", "new"}, "en")
    assert (found.joined_at, found.status, found.address) == (made.joined_at, made.status, made.address)


@pytest.mark.parametrize("status", ["", "confirmed", "pending"])
def test_nobody_who_left_bounced_or_complained_is_brought_back(engine, status):
    with writing(engine) as connection:
        left = make_subscriber(connection, status="unsubscribed")
        suppressed = [make_subscriber(connection, suppressed=reason) for reason in SuppressionReason]
        make_suppression(connection, "erased@example.com", "unsubscribed")
        before = [by_id(connection, one.id) for one in [left, *suppressed]]
    rows = [f"{one.address},New Name,paid,{status}" for one in before]
    report = load(engine, "address,name,plan,status", *rows, f"erased@example.com,Back,paid,{status}")
    assert report.counts == {"kept_back": 2 + len(SuppressionReason)}
    with reading(engine) as connection:
        assert [by_id(connection, one.id) for one in before] == before
        for one, kept in zip(suppressed, SuppressionReason, strict=True):
            assert reason_for(connection, one.address_key) is kept
    assert find(engine, "erased@example.com") is None


def test_a_row_that_says_somebody_left_is_obeyed(engine):
    with writing(engine) as connection:
        made = {word: make_subscriber(connection) for word in ("unsubscribed", "bounced", "complained", "manual")}
    rows = [f"{one.address},{word}" for word, one in made.items()]
    assert load(engine, "address,status", *rows, "new@example.com,Complained").counts == {
        "added": 1,
        "changed": 4,
        "suppressed": 5,
    }
    for word, one in made.items():
        assert reason(engine, one.address_key) == word
        gone = word in ("unsubscribed", "complained")
        assert find(engine, one.address_key).status == ("unsubscribed" if gone else "confirmed")
    assert reason(engine, "new@example.com") == "complained"
    assert find(engine, "new@example.com").status == "unsubscribed"


def test_a_pending_subscriber_is_confirmed_only_by_a_row_that_says_so(engine):
    with writing(engine) as connection:
        friend, referrer = make_subscriber(connection, status="pending"), make_subscriber(connection)
        add_referral(connection, referrer.id, friend.id, NOW)
    assert load(engine, "address,status", f"{friend.address},").counts == {"unchanged": 1}
    assert find(engine, friend.address_key).status == "pending"
    assert load(engine, "address,status", f"{friend.address},confirmed").counts == {"changed": 1}
    assert find(engine, friend.address_key).status == "confirmed"
    verify(engine)
    with reading(engine) as connection:
        assert count_verified(connection, referrer.id) == 1


def test_of_two_rows_for_one_address_the_later_finds_what_the_earlier_wrote(engine):
    report = load(engine, "address,name,status", "a@example.com,A,unsubscribed", "A@EXAMPLE.com,B,confirmed")
    assert report.counts == {"added": 1, "kept_back": 1, "suppressed": 1}
    assert find(engine, "a@example.com").name == "A"


def test_a_domain_that_is_one_by_the_newer_rules_alone_costs_its_row_and_no_other(engine):
    report = load(engine, "address", "a@\u05e9\u05dc\u05d5\u05dd1.test", "b@example.com")
    assert (report.counts, report.refused[0].line) == ({"added": 1, "refused": 1}, 2)


def test_a_code_that_is_no_code_costs_its_row_and_names_nobody(engine):
    header = "address,status,referral_code,suppressed,suppression_evidence,merged_into"
    load(engine, "address", "a@example.com", "b@example.com")
    rows = [",erased,a@example.com,,,b@example.com", ",erased,x@,,,b@example.com", "c@example.com,confirmed,../x,,,"]
    report = load(engine, header, *rows)
    assert [(row.line, "referral code" in row.reason) for row in report.refused] == [(2, True), (3, True), (4, True)]
    assert find(engine, "a@example.com").merged_into is None


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Pacific/Auckland"])
@pytest.mark.parametrize("cell", ["2026-11-{day}", "11/{day}/2026", "Nov {day}, 2026"])
def test_a_day_that_a_cell_names_is_paid_for_to_its_end_where_the_publication_is(engine, zone, cell):
    today = wall_time(NOW, zone).day
    rows = [f'r{day}@example.com,paid,"{cell.format(day=day)}"' for day in (today, today - 1, 28)]
    assert load(engine, "address,plan,plan_ends", *rows, zone=zone).counts == {"added": 3}
    plans = [find(engine, f"{name}@example.com").plan for name in (f"r{today}", f"r{today - 1}", "r28")]
    assert plans == [Plan.PAID, Plan.FREE, Plan.PAID]
    end = day_after(date(2026, 11, 28), zone)
    for now, plan in ((end - timedelta(milliseconds=1), Plan.PAID), (end, Plan.FREE)):
        end_due_plans(engine, zone, now)
        assert find(engine, "r28@example.com").plan is plan


def test_paid_time_that_ended_this_morning_lasts_until_tonight(engine):
    for _ in range(2):
        load(engine, "address,plan,plan_ends", "a@example.com,paid,2026-11-16T03:00:00Z")
        assert find(engine, "a@example.com").plan is Plan.PAID
        end_due_plans(engine, "UTC", NOW)


@pytest.mark.parametrize("ends", ["9999-12-31T23:59:59Z", "9999-12-31", "0001-01-01T00:00:00Z"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_an_end_at_the_end_of_the_calendar_stops_no_import(engine, ends, zone):
    load(engine, "address", "a@example.com")
    reader = find(engine, "a@example.com")
    with writing(engine) as connection:
        give(connection, reader.id, NewGrant("manual:1", "gifted", 1), zone, NOW)
    report = load(engine, "address,plan,plan_source,plan_ends", f"a@example.com,paid,stripe,{ends}", zone=zone)
    assert report.refused == ()
    assert find(engine, "a@example.com").plan is Plan.PAID


def test_paid_time_that_is_over_changes_nobody_a_second_time(engine):
    row = "a@example.com,paid,stripe,2024-01-31"
    assert load(engine, "address,plan,plan_source,plan_ends", row).counts == {"added": 1}
    end_due_plans(engine, "UTC", NOW)
    assert load(engine, "address,plan,plan_source,plan_ends", row).counts == {"unchanged": 1}


def test_progress_is_told_and_adds_up(engine):
    told = []
    rows = [f"r{number}@example.com" for number in range(2_500)]
    report = load(engine, "address", *rows, "broken", on_progress=lambda rows, share: told.append((rows, share)))
    assert (report.report.added, len(report.refused)) == (2_500, 1)
    assert [rows for rows, _share in told] == [1_000, 2_000, 2_501]
    assert [share for _rows, share in told] == sorted(share for _rows, share in told)
    assert told[-1][1] == 1


def test_two_imports_of_one_list_at_once_add_everybody_once(engine):
    header, rows = "address,name,status,tags", [f"r{number}@example.com,R,confirmed,a;b" for number in range(1_500)]
    rows += [f"left{number}@example.com,L,unsubscribed," for number in range(50)]
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda lines: load(engine, header, *lines), [rows, rows[::-1]]))
    assert sum(report.report.added for report in reports) == 1_550
    assert [(report.report.kept_back, report.refused) for report in reports] == [(0, ())] * 2
    with reading(engine) as connection:
        assert count_confirmed(connection) == 1_500


@pytest.mark.parametrize("row", ["ana@example.com,free,,", "ana@example.com,paid,2031-01-31,stripe"])
def test_what_was_given_here_stays_beside_what_a_list_says_was_bought(engine, row):
    header = "address,plan,plan ends at,plan source"
    load(engine, header, "ana@example.com,paid,2026-01-31,stripe")
    person = find(engine, "ana@example.com")
    with writing(engine) as connection:
        assert give(connection, person.id, NewGrant("manual:1", "comped"), "UTC", NOW)
    foretold = load(engine, header, row, dry_run=True)
    real = load(engine, header, row)
    assert foretold == real
    found = find(engine, "ana@example.com")
    assert (found.plan, found.plan_source, found.plan_ends_at) == (Plan.PAID, "comped", None)
    with reading(engine) as connection:
        bought = [
            one.ends_at for one in read_grants(connection, person.id) if one.source == "stripe" and not one.revoked_at
        ]
    assert [at.date().isoformat() for at in bought] == (
        [] if ",free," in row else ["2031-02-01"]
    )  # the end of that day

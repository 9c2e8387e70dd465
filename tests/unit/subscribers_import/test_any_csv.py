"""Any CSV: columns by their names or by a mapping, and nobody is taken for a reader on a guess."""

from datetime import UTC, datetime

import pytest

from tests.support.importing import read
from worker.domain.subscriber import Plan
from worker.errors import SourceError, UsageError
from worker.usecases.import_mapping import read_mapping
from worker.usecases.import_rows import RefusedRow
from worker.usecases.read_cells import read_address, read_moment, read_yes
from worker.usecases.read_consent import NOT_SUBSCRIBED, WORDS


def stands(row):
    return "refused" if isinstance(row, RefusedRow) else (row.reason or row.status)


def test_columns_are_mapped_by_the_author():
    mapping = read_mapping(["Who is it=name, Mail to=address", "Paid until=plan_ends,Kind=plan,Junk=ignore"])
    _form, [row] = read(
        "Junk,Who is it,Mail to,Kind,Paid until", "bounced,Ada,a@example.com,paid,2027-01-31", mapping=mapping
    )
    assert (row.address, row.name, row.plan) == ("a@example.com", "Ada", Plan.PAID)
    assert row.plan_ends_at == datetime(2027, 1, 31, tzinfo=UTC)


def test_a_mapping_may_be_in_a_file(tmp_path):
    path = tmp_path / "columns.txt"
    path.write_text("# ours\nE-Mail=of reader=address\n\nGone = unsubscribed\n", encoding="utf-8")
    assert read_mapping([str(path)]) == {"E-Mail=of reader": "address", "Gone": "unsubscribed"}


def test_a_mapping_of_many_columns_is_not_taken_for_the_name_of_a_file():
    given = ",".join([*(f"Some column {number}=ignore" for number in range(40)), "Mail=address"])
    assert len(read_mapping([given])) == 41


def test_a_mapped_column_wins_over_one_that_only_has_the_name():
    _form, [row] = read("email,Work mail", "home@example.com,work@example.com", mapping={"Work mail": "address"})
    assert row.address == "work@example.com"


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (["Mail"], "neither COLUMN=FIELD nor a file"),
        (["Mail=adress"], "no field adress"),
        (["=address"], "no COLUMN=FIELD"),
        (["A=address,B=address"], "two columns are mapped to address"),
    ],
)
def test_a_mapping_that_says_nothing_clear_is_refused(given, word):
    with pytest.raises(UsageError, match=word):
        read_mapping(given)


def test_a_mapping_to_a_column_that_is_not_there_is_named():
    with pytest.raises(SourceError, match="mail to, which is not in the header"):
        read("email,name", mapping={"Mail to": "name", "email": "address"})


@pytest.mark.parametrize(
    "column",
    [
        "Email status",
        "Opt-Out date",
        "is_active",
        "Bounced?",
        "GDPR",
        "unsub reason",
        "E-mail disabled at",
        "Blocklisted",
        "Spam",
        "Accepts Email Marketing",
        "isSubscribed",
        "emailOptOut",
        "EmailStatus",
        "doNotEmail",
        "Newsletter",
        "deleted_at",
    ],
)
def test_a_column_that_may_say_no_stops_the_file_until_it_is_explained(column):
    with pytest.raises(SourceError, match="may say who must not be mailed") as wrong:
        read(f"email,{column}", "a@example.com,x")
    assert "--map" in wrong.value.fix
    _form, [row] = read(f"email,{column}", "a@example.com,x", mapping={column: "ignore", "email": "address"})
    assert row.status is None


@pytest.mark.parametrize("column", ["state", "options", "subscriber id", "notes", "city", "adopted", "company"])
def test_a_column_that_says_nothing_of_it_stops_nothing(column):
    _form, [row] = read(f"email,{column}", "a@example.com,x")
    assert row.address == "a@example.com"


@pytest.mark.parametrize("word", sorted(NOT_SUBSCRIBED))
def test_a_cell_that_says_no_in_any_column_stops_its_row(word):
    _form, rows = read("email,state", f"a@example.com,{word}", f"b@example.com, {word.upper()} ", "c@example.com,OR")
    assert [stands(row) for row in rows] == ["refused", "refused", None]
    assert '"state"' in rows[0].reason


@pytest.mark.parametrize("header", ["email,,notes", "email,state,state", "email,state,STATE ", "email,,"])
@pytest.mark.parametrize("cells", ["Unsubscribed,", ",bounced", "opted out,Ada"])
def test_a_cell_that_says_no_is_seen_under_no_name_and_beside_a_column_of_the_same_name(header, cells):
    _form, [row, other] = read(header, f"a@example.com,{cells}", "b@example.com,x,y")
    assert (stands(row), stands(other)) == ("refused", None)


@pytest.mark.parametrize("column", ["status", "subscribed", "unsubscribed", "Opted out"])
def test_a_blank_cell_in_a_column_about_consent_is_no_consent(column):
    _form, [row] = read(f"email,{column}", "a@example.com,")
    assert (stands(row), row.unsaid) == ("pending", True)


def test_a_blank_date_of_leaving_says_that_they_have_not_left():
    _form, [row, gone] = read("email,unsubscribed_at", "a@example.com,", "b@example.com,2024-01-05")
    assert (stands(row), stands(gone)) == (None, "unsubscribed")


@pytest.mark.parametrize(
    ("column", "no"), [("unsubscribed_at", "2024-02-01"), ("opted_out", "true"), ("subscribed", "no")]
)
def test_a_list_with_a_second_word_on_consent_is_not_taken_for_kit_s_where_nobody_reads_it(column, no):
    form, [row] = read(f"email,first_name,created_at,status,{column}", f"a@example.com,Ada,2024-01-05,active,{no}")
    assert (form.format, stands(row)) == ("csv", "unsubscribed")


def test_a_list_like_kit_s_with_a_column_that_may_say_no_is_stopped():
    with pytest.raises(SourceError, match="may say who must not be mailed"):
        read("email,first_name,created_at,status,is_active", "a@example.com,Ada,2024-01-05,active,no")


def test_an_object_with_a_column_in_two_spellings_is_refused():
    _form, rows = read(
        '{"email": "a@example.com", "status": "active"}',
        '{"email": "b@example.com", "status": "unsubscribed", "Status": "active"}',
    )
    assert [stands(row) for row in rows] == ["confirmed", "refused"]


@pytest.mark.parametrize(
    ("column", "cell", "stood"),
    [
        ("status", " Unsubscribed", "unsubscribed"),
        ("status", "opted-out", "unsubscribed"),
        ("status", "INACTIVE", "unsubscribed"),
        ("status", "cleaned", "bounced"),
        ("status", "not_confirmed", "pending"),
        ("status", "Active", "confirmed"),
        ("status", "proactive", "refused"),
        ("status", "in active", "refused"),
        ("subscribed", "FALSCH", "unsubscribed"),
        ("subscribed", "0", "unsubscribed"),
        ("subscribed", "yes", "confirmed"),
        ("subscribed", "maybe", "refused"),
        ("unsubscribed", "TRUE", "unsubscribed"),
        ("unsubscribed", "no", "confirmed"),
        ("email disabled", "wahr", "unsubscribed"),
        ("opted out", "x", "unsubscribed"),
        ("unsubscribed at", "2024-01-05", "unsubscribed"),
    ],
)
def test_no_is_understood_in_any_case_padded_or_inverted(column, cell, stood):
    _form, [row] = read(f"email,{column}", f"a@example.com,{cell}")
    assert stands(row) == stood


def test_of_two_columns_the_worse_counts():
    header = "email,status,subscribed,unsubscribed at"
    _form, rows = read(
        header, "a@example.com,active,no,", "b@example.com,pending,yes,", "c@example.com,active,yes,2024-01-05"
    )
    assert [stands(row) for row in rows] == ["unsubscribed", "pending", "unsubscribed"]


def test_every_word_that_says_no_says_so_in_the_table_of_words():
    assert {word for word, said in WORDS.items() if said.status == "confirmed"} == {
        *("confirmed", "active", "subscribed", "enabled", "regular", "opted in", "opt in"),
    }


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2024-01-31", "2024-01-31T00:00:00+00:00"),
        ("2024-01-31T09:00Z", "2024-01-31T09:00:00+00:00"),
        ("2024-01-31 09:00:00 UTC", "2024-01-31T09:00:00+00:00"),
        ("2024-01-31 9:00", "2024-01-31T09:00:00+00:00"),
        ("2024-01-31T09:00:00.123+02:00", "2024-01-31T07:00:00.123000+00:00"),
        ("2024-01-31 09:00:00 +0100", "2024-01-31T08:00:00+00:00"),
        ("2024-01-31 09:00:00.1234567 +0000 UTC", "2024-01-31T09:00:00.123456+00:00"),
        ("2024-01-31 09:00:00 +0530 IST", "2024-01-31T03:30:00+00:00"),
        ("2024-01-31 09:00:00 +0000 +0000", "2024-01-31T09:00:00+00:00"),
        ("1706691600", "2024-01-31T09:00:00+00:00"),
        ("1706691600000", "2024-01-31T09:00:00+00:00"),
        ("1512112010123", "2017-12-01T07:06:50.123000+00:00"),
        ("Jan 31, 2024", "2024-01-31T00:00:00+00:00"),
        ("31 January 2024", "2024-01-31T00:00:00+00:00"),
        ("31/01/2024", "2024-01-31T00:00:00+00:00"),
        ("1/31/2024 9:05", "2024-01-31T09:05:00+00:00"),
        ("5/5/2024", "2024-05-05T00:00:00+00:00"),
    ],
)
def test_dates_are_read_in_the_forms_that_occur(text, iso):
    assert read_moment(text, "joined").isoformat() == iso


@pytest.mark.parametrize(
    "text",
    ["yesterday", "2024-01-31 09:00:00 IST", "2024-13-01", "32/01/2024", "0001-01-01T00:00+14:00", "2024", "12345"],
)
def test_what_is_no_date_is_refused(text):
    with pytest.raises(ValueError, match="joined"):
        read_moment(text, "joined")


def test_a_date_that_can_be_read_two_ways_is_refused_unless_the_platform_says_which():
    with pytest.raises(ValueError, match="two ways"):
        read_moment("3/4/2024", "joined")
    assert read_moment("3/4/2024", "joined", month_first=True).month == 3
    assert read_moment("13/4/2024", "joined", month_first=True).month == 4


def test_neither_true_nor_false_is_an_error():
    assert (read_yes(""), read_yes("Sí"), read_yes("OFF")) == (None, True, False)
    with pytest.raises(ValueError, match="neither"):
        read_yes("perhaps")


@pytest.mark.parametrize(
    "text",
    [
        "a@example.com",
        "a.b+c@mail.example.org",
        "zoë@example.com",
        "ann@bücher.test",
        "o'hara@example.com",
        "A_B-c@EXAMPLE.com",
    ],
)
def test_an_address_is_taken_as_written(text):
    assert read_address(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a@",
        "@example.com",
        "a@example",
        "a b@example.com",
        "a..b@example.com",
        ".a@example.com",
        "a.@example.com",
        "a@@example.com",
        "a@exa_mple.com",
        "a@example.com, b@example.com",
        "Ada <a@example.com>",
        "a@-example.com",
        "a@\u05e9\u05dc\u05d5\u05dd1.test",
        "a@1.2.3.4",
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match="address"):
        read_address(text)

"""Files as Excel, Numbers and old tools save them: read right, or refused with the line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.importing import read
from worker.errors import SourceError
from worker.usecases.import_rows import RefusedRow, SubscriberRow
from worker.usecases.read_text_file import LINE_LIMIT

TABLE = (("Email", "Name"), ("zoe@example.com", "Zoë Müller – née Ng"), ("bo@example.com", 'Bo "B", jr.'))


def table(delimiter, end, quote=True):
    def cell(text):
        return '"' + text.replace('"', '""') + '"' if quote or '"' in text else text

    return end.join(delimiter.join(cell(text) for text in row) for row in TABLE)


def people(rows):
    return [(row.address, row.name) for row in rows]


@pytest.mark.parametrize(
    ("encoding", "called"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-16", "utf-16-le"),
        ("cp1252", "cp1252"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(("end", "ends"), [("\n", "LF"), ("\r\n", "CRLF"), ("\r", "CR")])
@pytest.mark.parametrize("last_end", [True, False])
def test_encoding_delimiter_and_line_ends_are_found_out(encoding, called, delimiter, end, ends, last_end):
    form, rows = read((table(delimiter, end) + end * last_end).encode(encoding))
    assert (form.encoding, form.delimiter, form.line_ends, form.format) == (called, delimiter, ends, "csv")
    assert form.header == ("Email", "Name")
    assert people(rows) == [(address, name) for address, name in TABLE[1:]]
    assert [row.line for row in rows] == [2, 3]


def test_utf_16_with_its_mark_in_either_order_is_read():
    text = table("\t", "\r\n")
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        form, rows = read(mark + text.encode(encoding))
        assert (form.encoding, form.header[0], len(rows)) == (encoding, "Email", 2)


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "\n\nsep=;"])
def test_excel_s_own_first_line_says_the_delimiter(first):
    form, [row] = read(f"{first}\nEmail;Name\na@example.com;Moreno, Ada\n".encode())
    assert (form.delimiter, row.name, row.line) == (";", "Moreno, Ada", 3 + first.count("\n"))


def test_blank_lines_before_the_header_and_blank_rows_are_passed_over():
    _form, rows = read(b"\n  \nemail,name\n\n,\na@example.com,A\n \t,\nb@example.com,B\n")
    assert [(row.line, row.address) for row in rows] == [(6, "a@example.com"), (8, "b@example.com")]


def test_padding_nobody_sees_is_taken_off():
    _form, [row] = read("\ufeff\xa0E-Mail ,\u200bName\n\xa0 a@example.com\u200b,\u3000Ada\xa0\n".encode())
    assert (row.address, row.name) == ("a@example.com", "Ada")


def test_an_empty_column_at_the_end_costs_nothing():
    _form, rows = read(b"email,name,\na@example.com,A,\nb@example.com,B\nc@example.com,C,,,\n")
    assert people(rows) == [("a@example.com", "A"), ("b@example.com", "B"), ("c@example.com", "C")]


def test_a_cell_under_no_column_is_refused():
    _form, [bad, good] = read(b"email,name,\na@example.com,Moreno, Ada, x\nb@example.com,B\n")
    assert (bad.line, bad.address, good.address) == (2, "a@example.com", "b@example.com")
    assert "4 cells under 3 columns" in bad.reason


def test_bytes_that_are_not_the_file_s_encoding_cost_their_row():
    _form, rows = read("email,name\na@example.com,Zoë\n".encode() + b"b@example.com,Zo\xeb\n" + b"c@example.com,C\n")
    assert [row.line for row in rows if isinstance(row, RefusedRow)] == [3]
    assert "is not UTF-8" in rows[1].reason


def test_an_address_beyond_ascii_in_an_old_encoding_is_refused():
    _form, [row, good] = read("email,name\nzoë@example.com,Zoë\nb@example.com,Bö\n".encode("cp1252"))
    assert "save the file as UTF-8" in row.reason
    assert good.name == "Bö"


def test_a_byte_the_old_encoding_does_not_have_costs_its_row():
    _form, [row, good] = read(b"email,name\na@example.com,\x81\nb@example.com,B\xf6\n")
    assert "is not cp1252" in row.reason
    assert good.name == "Bö"


def test_a_nul_costs_its_row_and_no_other():
    form, [row, good] = read(b"email,name\na@example.com,A\0da\nb@example.com,B\n")
    assert (form.encoding, row.reason, good.address) == ("utf-8", "holds a NUL character", "b@example.com")


def test_half_a_character_at_the_end_of_utf_16_costs_its_row():
    raw = "email\tname\na@example.com\tA\nb@example.com\tB\n".encode("utf-16-le")
    _form, [good, row] = read(b"\xff\xfe" + raw[:-3])
    assert (good.address, "half a character" in row.reason) == ("a@example.com", True)


def test_a_line_without_end_costs_itself_alone():
    _form, [long, good] = read(b"email,name\na@example.com," + b"x" * (3 * LINE_LIMIT) + b"\nb@example.com,B\n")
    assert (long.line, "longer than" in long.reason, good.line, good.address) == (2, True, 3, "b@example.com")


def test_a_cell_too_long_for_csv_costs_its_row():
    long = b"x" * 70_000
    _form, [row, *others] = read(b'email,name\na@example.com,"' + long + b"\n" + long + b'"\nb@example.com,B\n')
    assert ("field larger" in row.reason, others[-1].address) == (True, "b@example.com")


def test_quotes_over_several_lines_are_one_record_and_a_forgotten_one_is_not():
    _form, rows = read(
        b'email,name\na@example.com,"Ada\nMoreno"\nb@example.com,"open\nc@example.com,C\nd@example.com,5"\ne@example.com,E\n'
    )
    assert [(row.line, isinstance(row, SubscriberRow)) for row in rows] == [
        (2, True),
        (4, False),
        (5, True),
        (6, False),
        (7, True),
    ]


def test_an_inch_mark_in_the_header_takes_no_row_with_it():
    _form, rows = read(b'email,height 5"\na@example.com,A\nb@example.com,5"\nc@example.com,C\n')
    assert [(row.line, isinstance(row, SubscriberRow)) for row in rows] == [(2, True), (3, False), (4, True)]


@pytest.mark.parametrize(
    "rows", [["a@example.com,A"], ["a@example.com,A", 'b@example.com,"B'], ["x@example.com,X"] * 30]
)
def test_a_quotation_mark_left_open_in_the_header_stops_the_file_before_it_swallows_anybody(rows):
    with pytest.raises(SourceError, match="quotation mark") as wrong:
        read("", 'email,"name', *rows)
    assert wrong.value.line == 2


def test_a_heading_may_ask_for_a_handle():
    form, [row] = read(b'email,"What is your\n@handle?"\na@example.com,@ada\n')
    assert (form.header[1], row.line, row.address) == ("What is your\n@handle?", 3, "a@example.com")
    with pytest.raises(SourceError, match="names no column address"):
        read(b"Where?,What is your @handle?\na@example.com,@ada\n")


def test_a_delimiter_that_is_none_is_told():
    with pytest.raises(SourceError, match="one sign alone") as wrong:
        read(b"sep=||\nemail||name\na@example.com||Ada\n")
    assert wrong.value.line == 1


def test_a_header_over_several_lines_is_one():
    form, [row] = read(b'"E-mail","Full\nname"\na@example.com,Ada\n')
    assert (form.header, row.line, row.name) == (("E-mail", "Full\nname"), 3, "Ada")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\n\n", "is empty"),
        (b"PK\x03\x04rest", "zip archive or a workbook"),
        ("email\n".encode("utf-32"), "UTF-32"),
        (b"a@example.com,Ada\nb@example.com,Bo\n", "begins with an address"),
        (b"who,when\nAda,2020\n", "names no column address or email; it names who, when"),
        (b'[{"address": "a@example.com"}]', "one JSON list"),
        (b'{"address": "a@example.com"\n', "not one JSON object"),
    ],
)
def test_what_is_no_list_is_refused_whole_with_the_fix(content, word):
    with pytest.raises(SourceError, match=r"list\.csv") as wrong:
        read(content)
    assert word in wrong.value.what
    assert wrong.value.fix


def test_json_lines_are_read_object_by_object():
    form, rows = read(
        '{"email": "a@example.com", "name": "Ada", "tags": ["one, two", "three"], "joined": "2020-01-05"}',
        "",
        '{"email": "b@example.com", "name": null, "extra": ""}',
        '{"email": "c@example.com", "name": "x\\u0000"}',
        "not json",
        '{"email": "d@example.com", "status": "inactive"}',
        "[1]",
    )
    assert (form.format, form.delimiter, form.header) == ("csv", "", ())
    assert [(row.line, isinstance(row, SubscriberRow)) for row in rows] == [
        (1, True),
        (3, True),
        (4, False),
        (5, False),
        (6, False),
        (7, False),
    ]
    assert rows[0].tags == {"one, two", "three"}
    assert "status" in rows[4].reason


@given(st.binary(max_size=400))
def test_no_bytes_whatever_end_in_anything_but_rows_or_a_source_error(content):
    for head in (b"", b"email,name,status\n", b"\xff\xfee\0m\0a\0i\0l\0\n\0"):
        try:
            _form, rows = read(head + content)
        except SourceError:
            continue
        assert all(row.line >= 1 for row in rows)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12), min_size=1, max_size=6))
def test_any_text_in_any_cell_is_read_back_as_it_was_or_refused(names):
    import csv
    import io

    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(
        [("email", "name"), *((f"r{n}@example.com", name) for n, name in enumerate(names))]
    )
    _form, rows = read(out.getvalue().encode())
    assert [row.address for row in rows] == [f"r{number}@example.com" for number in range(len(names))]
    for row, name in zip(rows, names, strict=True):
        assert row.name.strip() in name

"""A file of applicants: whoever is a subscriber has converted, bad rows are told by line, and reading it again changes nothing."""

import csv
import random
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests.support.everything import everything
from tests.support.makers import NOW, make_subscriber, make_subscribers
from worker.errors import SourceError
from worker.store.engine import reading, writing
from worker.store.tables import launch_conversions
from worker.usecases.convert_from_file import Applicants, convert_from_file

LAUNCH = "producer-groups"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "applicants.csv"


@pytest.fixture
def reader(engine):
    with writing(engine) as connection:
        return make_subscriber(connection, address="ada@example.com")


def read(engine, file, now=NOW, **more):
    return convert_from_file(engine, LAUNCH, file, now, **more)


def tally(seen):
    assert seen.rows == seen.converted + seen.already + seen.unknown + seen.bad
    return seen.converted, seen.already, seen.unknown, seen.bad


def rows(engine):
    with reading(engine) as connection:
        return [tuple(row) for row in connection.execute(select(launch_conversions))]


def test_good_bad_unknown_and_repeated_rows_are_told_apart(engine, reader, file):
    file.write_text(
        "Submitted,Email,What brings you?\n"
        'yesterday,ADA@example.com,"a, quoted\nanswer"\n'
        "\n"
        "today,ada@example.com,\n"
        "today,nobody@example.com,x\n"
        "today,,x\n"
        "today,no address,x\n"
    )
    seen = read(engine, file)
    assert tally(seen) == (1, 1, 1, 2)
    assert seen.column == "Email"
    assert seen.unknown_lines == [6]
    assert [line for line, _ in seen.bad_lines] == [7, 8]
    assert rows(engine) == [(LAUNCH, reader.id, "csv", NOW)]


def test_reading_it_again_changes_nothing(engine, reader, file):
    file.write_text("email\nada@example.com\n")
    read(engine, file)
    before = everything(engine)
    assert tally(read(engine, file, NOW + timedelta(days=1))) == (0, 1, 0, 0)
    assert everything(engine) == before


def test_a_dry_run_says_the_same_and_writes_nothing(engine, reader, file):
    file.write_text("email\n" + "ada@example.com\n" * 2_500 + "nobody@example.com\n")
    before = everything(engine)
    dry = read(engine, file, dry_run=True)
    assert everything(engine) == before
    assert tally(dry) == tally(read(engine, file)) == (1, 2_499, 1, 0)


@pytest.mark.parametrize(
    "content",
    [
        b"ada@example.com\nbob@example.com\n",  # a bare list
        b"E-Mail;Name\r\nada@example.com;Ada\r\nbob@example.com;Bob\r\n",
        "\ufeffname\temail\nAdä\tada@example.com\nB\tbob@example.com".encode(),
        "name,email\nAd\xe4,ada@example.com\nB,bob@example.com\n".encode("cp1252"),
        "email\nada@example.com\nbob@example.com\n".encode("utf-16"),
        b"sep=;\nmail;name\nada@example.com;a\nbob@example.com;b\n",
        b"email\rada@example.com\rbob@example.com\r",
        b"Email,What is your @handle?\nada@example.com,@ada\nbob@example.com,@bob\n",
        b'Email,"What brings\nyou here?",Name\nada@example.com,x,Ada\nbob@example.com,y,Bob\n',
        b'Name,"Your\nemail"\nAda,ada@example.com\nBob,bob@example.com\n',
        b'email,height 5"\nada@example.com,A\nbob@example.com,B\n',
    ],
)
def test_files_are_read_as_spreadsheets_and_forms_write_them(engine, reader, file, content):
    file.write_bytes(content)
    assert tally(read(engine, file)) == (1, 0, 1, 0)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"name,answer\nAda,yes\n", "no column email"),
        (b"email,e-mail\na@example.com,b@example.com\n", "more than one column"),
        (b"ada@example.com,Ada\n", "begins with an address"),
        (b"PK\x03\x04 a workbook", "zip archive"),
        (b"sep=||\nemail||name\nada@example.com||Ada\n", "one sign alone"),
        (b"sep=;\n", "empty"),
        (b'email,"name\nada@example.com,Ada\nbob@example.com,"Bob\n', "quotation mark"),
        (b"What is your @handle?,Name\n@ada,Ada\n", "no column email"),
        (b"email," + b"x" * 140_000 + b"\nada@example.com,1\n", "no column email"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_what_to_do(engine, reader, file, content, problem):
    file.write_bytes(content)
    with pytest.raises(SourceError, match=problem) as told:
        read(engine, file)
    assert told.value.fix
    assert rows(engine) == []


def test_a_missing_file_is_told(engine, file):
    with pytest.raises(SourceError, match="No such file"):
        read(engine, file)


def test_a_column_may_be_named(engine, reader, file):
    file.write_text("email,Where do we write?\nx,ada@example.com\n")
    assert tally(read(engine, file, column="where do we write?")) == (1, 0, 0, 0)
    file.write_text('"Where do we write, like you@example.com?",Your @handle\nada@example.com,@ada\n')
    seen = read(engine, file, column="Where do we write, like you@example.com?")
    assert (tally(seen), seen.bad_lines) == ((0, 1, 0, 0), [])
    file.write_text("email,Where do we write?\nx,ada@example.com\n")
    with pytest.raises(SourceError, match="no column Address 2"):
        read(engine, file, column="Address 2")


def test_a_row_that_is_broken_keeps_no_other_from_being_read(engine, reader, file):
    broken = ['"never closed', "a,b,c,d,e", "\x00@example.com", "x" * 120_000, "é@é@é", "@", "=cmd()"]
    with file.open("w") as out:
        out.write("email\n" + "\n".join(broken) + "\nada@example.com\n")
    seen = read(engine, file)
    assert seen.converted == 1
    assert seen.bad >= 5
    assert all(why for _, why in seen.bad_lines)


def test_a_long_file_converts_each_reader_once_whatever_the_order(engine, file):
    with writing(engine) as connection:
        readers = make_subscribers(connection, 1_500)
    addresses = [one.address for one in readers] * 2 + [f"stranger{n}@example.org" for n in range(700)]
    random.Random(7).shuffle(addresses)
    with file.open("w", newline="") as out:
        csv.writer(out).writerows([["email"], *([one] for one in addresses)])
    assert tally(read(engine, file)) == (1_500, 1_500, 700, 0)
    with reading(engine) as connection:
        assert connection.execute(select(func.count()).select_from(launch_conversions)).scalar_one() == 1_500


def test_only_so_many_lines_are_named_however_many_there_are(engine, file):
    file.write_text("email\n" + "nobody\n" * 900 + "nobody@example.com\n" * 900)
    seen = read(engine, file)
    assert (seen.bad, seen.unknown) == (900, 900)
    assert len(seen.bad_lines) == len(seen.unknown_lines) == 200
    assert isinstance(seen, Applicants)

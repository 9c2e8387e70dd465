"""`subscribers import` and `subscribers export`: what they print, what they write, and what they leave alone."""

import csv
import io
import json
import os
import sys

import pytest

from tests.support.lists import exact_list
from worker.usecases.import_report import refused_file
from worker.usecases.import_rows import RefusedRow
from worker.usecases.read_list import ListForm

LIST = "Email;Name;Status\nada@example.com;Ada;active\nnonsense;Nobody;\nbo@example.com;Bo;unsubscribed\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "readers.csv"
    path.write_bytes(LIST.encode("utf-8-sig"))
    return path


def test_json_says_what_the_file_was_and_how_each_row_ended(on, file):
    ended = on("subscribers", "import", file, "--json")
    assert ended.code == 1
    said = ended.json
    assert (said["format"], said["encoding"], said["delimiter"], said["line_ends"]) == ("csv", "utf-8-sig", ";", "LF")
    assert (said["rows"], said["dry_run"]) == (3, False)
    assert said["added"] == [
        {"line": 2, "address": "ada@example.com", "reason": "confirmed, free"},
        {"line": 4, "address": "bo@example.com", "reason": "unsubscribed, not to be mailed"},
    ]
    assert (said["changed"], said["kept_back"]) == ([], [])
    assert [(row["line"], row["address"]) for row in said["refused"]] == [(3, "nonsense")]
    assert said["counts"] == {
        **{"added": 2, "changed": 0, "unchanged": 0, "kept_back": 0, "refused": 1, "suppressed": 1, "unsaid": 0},
    }
    again = on("subscribers", "import", file, "--json").json
    assert (again["counts"]["unchanged"], again["added"]) == (2, [])


def test_a_dry_run_prints_the_same_and_writes_nothing(on, file, context):
    before = exact_list(context.engine)
    foretold = on("subscribers", "import", file, "--dry-run", "--json").json
    assert exact_list(context.engine) == before
    assert sorted(one.name for one in file.parent.glob("readers*")) == ["readers.csv"]
    real = on("subscribers", "import", file, "--json").json
    same = ("format", "encoding", "delimiter", "rows", "counts", "added", "changed", "kept_back", "refused")
    assert {name: foretold[name] for name in same} == {name: real[name] for name in same}
    assert (foretold["dry_run"], foretold["refused_file"]) == (True, None)


def test_a_dry_run_on_a_screen_names_lines_and_reasons(on, file):
    ended = on("subscribers", "import", file, "--dry-run")
    assert "readers.csv: csv, utf-8-sig, semicolons, lines end with LF" in ended.out
    assert "would be added 2" in ended.out
    assert "Nothing was written." in ended.out
    assert "readers.csv:2: added: ada@example.com confirmed, free" in ended.err
    assert "readers.csv:3: refused: nonsense the address" in ended.err


def test_refused_rows_are_mended_in_their_file_and_imported_as_it_is(on, file):
    ended = on("subscribers", "import", file)
    refused = file.with_name("readers.refused.csv")
    assert str(refused) in ended.out
    header, row = csv.reader(io.StringIO(refused.read_text(encoding="utf-8")), delimiter=";")
    assert header == ["refused_because", "Email", "Name", "Status"]
    assert (row[1:], "@-sign" in row[0]) == (["nonsense", "Nobody", ""], True)
    assert refused.stat().st_mode & 0o077 == 0
    again = on("subscribers", "import", refused, "--json").json
    assert (again["format"], again["counts"]["refused"], again["rows"]) == ("csv", 1, 1)
    refused.write_text(refused.read_text(encoding="utf-8").replace(";nonsense;", ";no@example.com;"), encoding="utf-8")
    mended = on("subscribers", "import", refused, "--json")
    assert (mended.code, [row["address"] for row in mended.json["added"]]) == (0, ["no@example.com"])


def test_a_file_that_is_being_mended_is_not_written_over(on, file):
    names = [on("subscribers", "import", file, "--json").json["refused_file"] for _ in range(2)]
    assert [name.rpartition("/")[2] for name in names] == ["readers.refused.csv", "readers.refused-2.csv"]


def test_an_import_that_ends_meanwhile_does_not_lose_its_refused_rows_to_another(on, file):
    target = file.with_name("readers.refused.csv")
    form = ListForm("csv", "utf-8", ",", "LF", ("Email",))
    with refused_file(target) as slower:
        slower.add(RefusedRow(2, "slow", "there is no @-sign", ("slow",)), form)
        assert on("subscribers", "import", file, "--json").json["refused_file"] == str(target)
        assert slower.finish() == target.with_name("readers.refused-2.csv")
    assert "nonsense" in target.read_text(encoding="utf-8")
    assert "slow" in target.with_name("readers.refused-2.csv").read_text(encoding="utf-8")


def test_refused_rows_never_take_the_place_of_a_file_that_is_there(on, file, tmp_path):
    mended = tmp_path / "mended.csv"
    mended.write_text("Email\nada@example.com\nnonsense\n", encoding="utf-8")
    for there in (mended, tmp_path):
        ended = on("subscribers", "import", mended, "--refused", there)
        assert (ended.code, "is there already" in ended.err) == (2, True)
    assert mended.read_text(encoding="utf-8").endswith("nonsense\n")


def test_an_export_takes_no_pipe_s_and_no_folder_s_place(on, file, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for there in (pipe, tmp_path):
        ended = on("subscribers", "export", "--out", there)
        assert (ended.code, "is no file" in ended.err) == (2, True)
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    "rows",
    [
        b'a@example.com;"open;\nb@example.com;B;\n',
        b"a@example.com;Moreno; Ada; x\n",
        b"a@example.com;Zo\xeb;\nb@example.com;Zo\xc3\xab;\nx\xc3\xab;;\n",
        b"a@example.com;x\0y;\n",
        b"a@example.com;A;perhaps\n",
    ],
)
def test_refused_rows_of_every_kind_are_refused_again_until_mended(on, tmp_path, rows):
    path = tmp_path / "odd.csv"
    path.write_bytes(b"email;name;status\n" + rows)
    first = on("subscribers", "import", path, "--refused", tmp_path / "bad.csv", "--json").json
    assert first["refused"]
    again = on("subscribers", "import", tmp_path / "bad.csv", "--json").json
    assert (again["rows"], again["counts"]["refused"]) == (len(first["refused"]), len(first["refused"]))


def test_refused_rows_that_could_be_written_nowhere_stop_the_import_before_it_begins(on, file, tmp_path, context):
    before = exact_list(context.engine)
    ended = on("subscribers", "import", file, "--refused", tmp_path / "nowhere" / "bad.csv")
    assert (ended.code, "nowhere cannot be written to" in ended.err, "--refused" in ended.err) == (2, True, True)
    assert exact_list(context.engine) == before


def test_refused_json_lines_stay_json_lines(on, tmp_path):
    path = tmp_path / "odd.jsonl"
    path.write_text('{"email": "a@example.com", "status": "perhaps"}\nnot json\n', encoding="utf-8")
    said = on("subscribers", "import", path, "--json").json
    assert [row["line"] for row in said["refused"]] == [1, 2]
    first, second = (tmp_path / "odd.refused.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(first)["email"] == "a@example.com"
    assert ("perhaps" in json.loads(first)["refused_because"], second) == (True, "not json")


def test_columns_are_mapped_on_the_command_line(on, tmp_path):
    path = tmp_path / "their.csv"
    path.write_text(
        "Reader,Mail to,Opted out at\nAda,ada@example.com,\nBo,bo@example.com,2024-01-05\n", encoding="utf-8"
    )
    refused = on("subscribers", "import", path)
    assert (refused.code, "names no column address" in refused.err, "--map" in refused.err) == (1, True, True)
    said = on(
        "subscribers",
        "import",
        path,
        "--json",
        "--map",
        "Reader=name,Mail to=address",
        "--map",
        "Opted out at=unsubscribed_at",
    )
    assert [row["reason"] for row in said.json["added"]] == ["confirmed, free", "unsubscribed, not to be mailed"]
    assert on("subscribers", "import", path, "--map", "Reader=who").code == 2


def test_standard_input_is_a_list_too(on, monkeypatch):
    class Piped:
        buffer = io.BytesIO(LIST.encode())

    monkeypatch.setattr(sys, "stdin", Piped)
    said = on("subscribers", "import", "-", "--json", "--dry-run").json
    assert (said["rows"], said["counts"]["added"]) == (3, 2)


def test_a_list_goes_out_and_comes_back_by_commands(on, file, tmp_path):
    on("subscribers", "import", file)
    out = tmp_path / "out.csv"
    ended = on("subscribers", "export", "--out", out)
    assert (ended.code, f"2 rows are in {out}." in ended.out) == (0, True)
    assert on("subscribers", "import", out, "--dry-run", "--json").json["counts"]["unchanged"] == 2
    lines = on("subscribers", "export", "--out", "-", "--json-lines").out.splitlines()
    assert [json.loads(line)["address"] for line in lines] == ["ada@example.com", "bo@example.com"]
    assert on("subscribers", "export", "--out", "-").out.encode() == out.read_bytes()
    on("subscribers", "export", "--out", tmp_path / "paid.jsonl", "--segment", "paid")
    assert (tmp_path / "paid.jsonl").read_text(encoding="utf-8") == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--out", "nowhere/list.csv"), "no folder nowhere"),
        (("--out", "-", "--segment", "odd"), 'no audience is called "odd"'),
        ((), "--out"),
    ],
)
def test_an_export_to_nowhere_says_so(on, words, said):
    ended = on("subscribers", "export", *words)
    assert (ended.code, said in ended.err, ended.out) == (2, True, "")

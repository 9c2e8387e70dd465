"""What `broadsheet launches` shows and does, and how it ends where something is wrong."""

import csv
import io
import re
from datetime import UTC, datetime

import pytest

from tests.support.makers import NOW, make_subscriber, make_subscribers
from worker.store.engine import reading, writing
from worker.store.launches import convert, count_converted, mute
from worker.store.subscribers import add_tags

LAUNCH = "producer-groups"


@pytest.fixture
def people(context):
    with writing(context.engine) as connection:
        ana = make_subscriber(connection, "paid", address="ana@example.com", name="=cmd()")
        rui = make_subscriber(connection, address="rui@example.com", name="Rui")
        convert(connection, LAUNCH, ana.id, "bought", NOW)
        mute(connection, LAUNCH, rui.id, NOW)
    return ana, rui


def tagged(project, tag):
    path = project / "content" / "launches" / f"{LAUNCH}.toml"
    path.write_text(path.read_text(encoding="utf-8") + f'\nconverted_by = "{tag}"\n', encoding="utf-8")


def test_list_and_show_say_how_a_launch_stands(broadsheet, project, people):
    [row] = broadsheet("launches", "list", "--project", project, "--json").json
    assert (row["id"], row["converted"], row["muted"]) == (LAUNCH, 1, 1)
    assert LAUNCH in broadsheet("launches", "list", "--project", project).out
    shown = broadsheet("launches", "show", LAUNCH, "--project", project)
    assert shown.code == 0
    assert "Converted by the button, a file: 1. Muted: 1." in shown.out
    seen = broadsheet("launches", "show", f"{LAUNCH}.toml", "--project", project, "--json").json
    assert (seen["signed_calls"], seen["mailings"]) == (False, [])
    env = {"LAUNCH_HOOK_SECRETS": f"{LAUNCH}:{'s' * 40}"}
    shown = broadsheet("launches", "show", LAUNCH, "--project", project, env=env)
    assert "signed calls" in shown.out
    assert "ssss" not in shown.out


def test_a_project_without_launches_is_told_where_to_write_one(broadsheet, project):
    (project / "content" / "launches" / f"{LAUNCH}.toml").unlink()
    listed = broadsheet("launches", "list", "--project", project)
    assert (listed.code, "no launch yet" in listed.out) == (0, True)
    assert broadsheet("launches", "list", "--project", project, "--json").json == []


@pytest.mark.parametrize("command", [["show"], ["report"], ["applicants"], ["convert"]])
def test_an_unknown_launch_is_wrong_use_and_names_those_there_are(broadsheet, project, command, tmp_path):
    more = [tmp_path / "x.csv"] if command == ["convert"] else []
    ended = broadsheet("launches", *command, "nothing", *more, "--project", project)
    assert ended.code == 2
    assert LAUNCH in ended.err


def test_convert_counts_and_names_lines_but_no_address(broadsheet, project, people, context, tmp_path):
    file = tmp_path / "applicants.csv"
    file.write_text("email\nrui@example.com\nana@example.com\nnobody@example.com\nno address\n")
    before = broadsheet("launches", "convert", LAUNCH, file, "--dry-run", "--project", project, "--json")
    with reading(context.engine) as connection:
        assert count_converted(connection, LAUNCH) == 1
    ended = broadsheet("launches", "convert", LAUNCH, file, "--project", project)
    assert ended.code == 1  # a line cannot be used
    assert "1 converted, 1 had converted before" in ended.out
    assert "Not on the list: line 4." in ended.out
    assert "line 5: " in ended.err
    assert "example.com" not in ended.out + ended.err
    assert before.json["converted"] == 1
    again = broadsheet("launches", "convert", LAUNCH, file, "--project", project, "--json").json
    assert (again["rows"], again["converted"], again["already"], again["unknown"], again["bad"]) == (4, 0, 2, 1, 1)


def test_a_file_that_is_none_is_told_in_one_sentence(broadsheet, project, tmp_path):
    ended = broadsheet("launches", "convert", LAUNCH, tmp_path / "missing.csv", "--project", project)
    assert (ended.code, "No such file" in ended.err) == (1, True)


def test_applicants_are_a_csv_that_a_spreadsheet_does_not_run(broadsheet, project, people, context):
    tagged(project, "in-the-room")
    with writing(context.engine) as connection:
        add_tags(connection, [(people[1].id, "in-the-room")])
    rows = list(csv.DictReader(io.StringIO(broadsheet("launches", "applicants", LAUNCH, "--project", project).out)))
    assert [(row["address"], row["plan"], row["how"]) for row in rows] == [
        ("ana@example.com", "paid", "bought"),
        ("rui@example.com", "free", "tag"),
    ]
    assert not rows[0]["name"].startswith("=")
    assert rows[1]["converted_at"] == ""


def test_a_tag_counts_from_the_moment_it_stands_in_the_file(broadsheet, project, context):
    with writing(context.engine) as connection:
        make_subscribers(connection, 3, tags=["in-the-room"])
    assert broadsheet("launches", "show", LAUNCH, "--project", project, "--json").json["converted"] == 0
    tagged(project, "in-the-room")
    seen = broadsheet("launches", "show", LAUNCH, "--project", project, "--json").json
    assert (seen["converted"], seen["converted_by"]) == (3, "in-the-room")


def test_the_report_is_a_table_json_and_a_page_with_the_same_numbers(broadsheet, project, people, tmp_path):
    words = broadsheet("launches", "report", LAUNCH, "--project", project)
    assert (words.code, "0 announced, – clicked, 1 applied" in words.out) == (0, True)
    told = broadsheet("launches", "report", LAUNCH, "--project", project, "--json").json
    assert told["people"] == {"announced": 0, "clicked": 0, "applied": 1}
    assert (told["how"], told["unprompted"], told["muted"]) == ({"bought": 1}, 1, 1)
    assert told["days"] == {NOW.date().isoformat(): 1}
    file = tmp_path / "report.html"
    assert broadsheet("launches", "report", LAUNCH, "--html", file, "--project", project).code == 0
    page = file.read_text(encoding="utf-8")
    assert re.search(r"<strong>1</strong> <span>applied</span>", page)
    assert "example.com" not in page


def test_a_page_that_cannot_be_written_is_told(broadsheet, project, tmp_path):
    ended = broadsheet("launches", "report", LAUNCH, "--html", tmp_path / "no" / "x.html", "--project", project)
    assert (ended.code, "cannot be written" in ended.err) == (2, True)


def test_send_says_that_the_card_will_be_left_out_where_the_launch_closes_before_its_hour(broadsheet, project, people):
    path = project / "content" / "launches" / f"{LAUNCH}.toml"
    now = datetime.now(UTC)
    closes = f"{now.year + 1}-06-01T18:00"
    path.write_text(
        re.sub(r"^closes = .*$", f"closes = {closes}", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    for hour, told in ((f"{now.year + 1}-05-01 07:00", False), (f"{now.year + 1}-06-08 07:00", True)):
        ended = broadsheet("send", "the-quiet-weeks-count", "--at", hour, "--project", project)
        assert ("before this goes, so its card is left out" in ended.out) == told
        assert ended.code == 2  # nobody is here to be asked

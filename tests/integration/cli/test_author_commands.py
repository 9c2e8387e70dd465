"""The author's commands: new, render, check, test, send."""

import re
from pathlib import Path

import pytest

from tests.support.mailroom import messages
from tests.support.sending import SAMPLE
from worker.store.engine import reading
from worker.store.ledger.mailings import list_mailings


def issue_file(project):
    (path,) = (project / "content" / "issues").glob(f"*{SAMPLE}.md")
    return path


def test_a_new_issue_is_a_file_that_renders_and_is_never_overwritten(on, project):
    ended = on("new", 'Hello: it\'s "me" [draft] 👩🏽‍🌾', "--on", "2026-11-30")
    path = project / "content" / "issues" / "2026-11-30-hello-its-me-draft.md"
    assert (ended.code, ended.out.strip()) == (0, str(path))
    written = path.read_text()
    again = on("new", 'Hello: it\'s "me" [draft] 👩🏽‍🌾', "--on", "2026-11-30")
    assert (again.code, "there is such an issue already" in again.err) == (1, True)
    assert path.read_text() == written
    shown = on("render", "hello-its-me-draft", "--out", project / "out", "--json")
    assert [one["edition"] for one in shown.json] == ["free", "paid"]


def test_two_new_issues_have_two_ids(on, project):
    first, second = (on("new", title, "--json").json["file"] for title in ("One", "Two"))
    ids = [re.search(r"^id: (.+)$", Path(name).read_text(), re.MULTILINE)[1] for name in (first, second)]
    assert ids[0] != ids[1]


@pytest.mark.parametrize("day", ["2026-13-40", "tomorrow"])
def test_a_new_issue_on_no_day_is_refused(on, project, day):
    before = sorted(project.rglob("*.md"))
    ended = on("new", "A title", "--on", day)
    assert (ended.code, "is no date" in ended.err) == (2, True)
    assert sorted(project.rglob("*.md")) == before


def test_rendering_writes_four_files_an_edition(on, project):
    ended = on("render", SAMPLE, "--out", project / "out" / "deep")
    assert ended.code == 0
    names = {f"{plan}.{kind}" for plan in ("free", "paid") for kind in ("html", "txt", "mjml", "json")}
    assert {path.name for path in (project / "out" / "deep").iterdir()} == names
    assert "Good morning Ada" in (project / "out" / "deep" / "free.txt").read_text()
    assert "WARMHOUSE" not in (project / "out" / "deep" / "free.html").read_text()
    assert "WARMHOUSE" in (project / "out" / "deep" / "paid.html").read_text()


def test_rendering_as_a_subscriber_takes_their_values(on, project, context):
    from tests.support.makers import make_subscriber
    from worker.store.engine import writing

    with writing(context.engine) as connection:
        make_subscriber(connection, address="odell@example.net", name="Odell Carrow")
    assert on("render", SAMPLE, "--out", project / "out", "--as", "Odell@example.net").code == 0
    assert "Good morning Odell" in (project / "out" / "free.txt").read_text()
    ended = on("render", SAMPLE, "--out", project / "out", "--as", "nobody@example.net")
    assert (ended.code, "no subscriber has this address" in ended.err) == (2, True)


def test_the_sample_has_nothing_to_mend(on):
    ended = on("check")
    assert ended.code == 0
    assert "nothing to mend" in ended.out
    assert on("check", SAMPLE, "--json").json == []


def test_an_error_blocks_checking_and_sending_with_file_and_line(on, project, readers):
    path = issue_file(project)
    text = path.read_text().replace("friend}, it’s", "friend}, {nonsense_tag} it’s")
    path.write_text(text)
    line = next(n for n, words in enumerate(text.splitlines(), 1) if "nonsense_tag" in words)
    checked = on("check", SAMPLE)
    assert checked.code == 1
    assert f"{path.name}:{line}" in checked.out + checked.err
    sent = on("send", SAMPLE, "--yes")
    assert sent.code == 1
    assert f"{path.name}:{line}" in sent.out + sent.err
    assert on("status", "--json").json == []


def test_a_warning_blocks_neither(on, project, readers):
    path = issue_file(project)
    path.write_text(re.sub(r"^preview:.*\n", "", path.read_text(), flags=re.MULTILINE))
    checked = on("check", SAMPLE)
    assert checked.code == 0
    assert "warning" in checked.out
    by_the_day = {
        "issue-date",
        "launch-closed",
        "past-date",
    }  # the sample grows old, and `check` goes by the real clock
    assert {one["rule"] for one in on("check", SAMPLE, "--json").json} - by_the_day == {"preview"}
    assert on("send", SAMPLE, "--yes").code == 0


def test_sending_shows_whom_it_will_reach_before_it_plans(on, readers, work, mailroom):
    ended = on("send", SAMPLE, "--yes")
    assert ended.code == 0
    assert re.search(r"^free\s+8\s+bounced 1", ended.out, re.MULTILINE)
    assert re.search(r"^paid\s+4", ended.out, re.MULTILINE)
    assert re.search(r"^all\s+12", ended.out, re.MULTILINE)
    assert messages(mailroom) == []
    work(1)
    assert len(messages(mailroom)) == 12


def test_sending_without_an_answer_needs_yes(on, readers):
    ended = on("send", SAMPLE)
    assert (ended.code, "--yes" in ended.err) == (2, True)
    assert on("status", "--json").json == []


def test_the_json_of_sending_is_one_value_even_with_warnings(on, project, readers):
    path = issue_file(project)
    path.write_text(re.sub(r"^preview:.*\n", "", path.read_text(), flags=re.MULTILINE))
    ended = on("send", SAMPLE, "--yes", "--json")
    assert ended.json["key"] == "broadcast:20261123-quiet-weeks"
    assert ended.json["audience"]["free"]["audience"] == 8
    assert "preview" in ended.err


def test_an_hour_is_the_publications_wall_clock(on, readers):
    ended = on("send", SAMPLE, "--yes", "--at", "2099-07-06 07:00", "--json")
    assert ended.json["send_at"] == "2099-07-06T13:00:00+00:00"  # Denver's summer
    assert "Mon 06 Jul 2099 07:00 (America/Denver)" in on("status", SAMPLE).out


def test_an_issue_is_broadcast_once_even_under_another_name(on, project, readers, context):
    assert on("send", SAMPLE, "--yes").code == 0
    again = on("send", SAMPLE, "--yes")
    assert (again.code, "an issue is broadcast once" in again.err, again.out) == (2, True, "")
    path = issue_file(project)
    path.rename(path.with_name("2026-12-01-a-new-name.md"))
    renamed = on("send", "a-new-name", "--yes")
    assert (renamed.code, "an issue is broadcast once" in renamed.err) == (2, True)
    assert on("status", "a-new-name", "--json").json["id"] == 1
    with reading(context.engine) as connection:
        assert len(list_mailings(connection)) == 1


def test_a_title_with_brackets_is_shown_as_it_is(on, project, readers):
    path = issue_file(project)
    path.write_text(
        path.read_text().replace("title: The quiet weeks count", "title: 'The [bold red]quiet[/] :fire: weeks'")
    )
    assert "The [bold red]quiet[/] :fire: weeks" in on("send", SAMPLE, "--yes").out


def test_test_mail_goes_to_one_address_marked_as_a_test(on, work, mailroom):
    ended = on("test", SAMPLE, "--to", "me@example.org", "--json")
    for mailing_id in ended.json["mailings"]:
        work(mailing_id)
    assert [one["to"] for one in messages(mailroom)] == ["me@example.org"] * 2
    assert all(one["subject"].startswith("[TEST] ") for one in messages(mailroom))
    assert on("test", SAMPLE, "--to", "me@example.org", "--edition", "paid").out.startswith(
        "On its way as [TEST] mail: the paid"
    )

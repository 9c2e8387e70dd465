"""Reading content/ and emails/: what is accepted, and how each mistake is told."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from tests.support.rendering import PROJECT
from worker import sources
from worker.domain.late import Late, Lateness
from worker.domain.quiet import QuietRules
from worker.domain.segment import All, Converted, HasPlan, HasTag, ReferredAtLeast
from worker.domain.step_rules import StepRules
from worker.domain.subscriber import Plan
from worker.errors import SourceError
from worker.sources.media import find_picture

PUBLICATION = """\
name = "T"
author = "A"
sender = "a@letters.example.com"
postal_address = "1 Row"
list_id = "t.example.com"
home = "https://t.example.com"
[slot]
weekday = "monday"
at = "07:00"
zone = "America/Denver"
"""
FRONT = "---\nid: one\ntitle: A title\nsubject: S\npreview: P\n---\nBody.\n"


def write(project: Path, name: str, text: str | bytes) -> Path:
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def issue(project: Path, text: str | bytes, name: str = "2026-11-23-a-title.md") -> object:
    write(project, f"content/issues/{name}", text)
    return sources.read_issue(project, Path(name).stem)


def test_this_repository_reads_without_a_mistake() -> None:
    assert sources.read_publication(PROJECT).name
    assert sources.list_issues(PROJECT)
    assert "producer-groups" in sources.read_launches(PROJECT)
    assert "messages/issue.mjml.j2" in sources.read_templates(PROJECT)
    assert "light" in sources.read_theme(PROJECT)


def test_an_issue_is_read_with_the_line_its_body_begins_on(tmp_path: Path) -> None:
    read = issue(tmp_path, FRONT)
    assert (read.id, read.slug, read.title) == ("one", "a-title", "A title")
    assert read.file == "content/issues/2026-11-23-a-title.md"
    assert read.published_on == date(2026, 11, 23)
    assert (read.body, read.body_line) == ("Body.\n", 7)
    assert read.subject == {Plan.FREE: "S", Plan.PAID: "S"}


def test_subject_and_preview_may_differ_by_plan(tmp_path: Path) -> None:
    read = issue(tmp_path, FRONT.replace("subject: S", 'subject: {free: "F: 1", paid: P}'))
    assert read.subject == {Plan.FREE: "F: 1", Plan.PAID: "P"}


@pytest.mark.parametrize("title", ["2026-11-16", "yes", "09:00", "1e3", "null", "0x10"])
def test_yaml_makes_no_date_number_or_truth_of_a_title(tmp_path: Path, title: str) -> None:
    assert issue(tmp_path, FRONT.replace("A title", title)).title == title


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    plain = issue(tmp_path, FRONT)
    assert issue(tmp_path, b"\xef\xbb\xbf" + FRONT.replace("\n", "\r\n").encode()) == plain


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", None, "empty"),
        ("  \n", None, "empty"),
        ("Body only", 1, "no front matter"),
        ("---\nid: one\ntitle: x\n", 1, "does not end"),
        (FRONT.replace("title", "titel"), 3, "'titel' is no key"),
        (FRONT.replace("id: one\n", ""), 1, "id is missing"),
        (FRONT.replace("id: one", "id: a b"), 2, "not usable"),
        (FRONT.replace("title: A title\n", ""), 1, "title is missing"),
        (FRONT.replace("title: A title", "title: Why: a story"), 3, "cannot be read"),
        (FRONT.replace("title: A title", "title: [a]"), 3, "title is a list"),
        (FRONT.replace("title: A title", 'title: "a\\nb"'), 3, "on one line"),
        (FRONT.replace("subject: S", "subject: S\nsubject: T"), 5, "there twice"),
        (FRONT.replace("subject: S", "subject: {free: x}"), 4, "lacks paid"),
        (FRONT.replace("subject: S", "subject: {free: x, gold: y}"), 4, "has no 'gold'"),
        (FRONT.replace("subject: S", "subject: {free: {a: b}, paid: y}"), 4, "nested too deep"),
        (FRONT.replace("preview: P", "comments: http://x.example.com"), 5, "not an https address"),
        (FRONT.replace("preview: P", "comments: https://x.example.com["), 5, "not an https address"),
        (FRONT.replace("preview: P", "comments: https://x.example.com:port/"), 5, "not an https address"),
        (FRONT.replace("preview: P", "audio: {url: https://x.example.com/a.mp3}"), 5, "minutes"),
        (FRONT.replace("preview: P", "audio: {minutes: 7}"), 5, "lacks url"),
        (FRONT.replace("preview: P", "audio: {url: ftp://x, minutes: 7}"), 5, "no https address"),
        (FRONT.replace("preview: P", "audio: long"), 5, "mapping"),
        (b"---\nid: one\ntitle: caf\xe9\n---\n", 3, "0xE9 is not UTF-8"),
        ("---\n- a\n---\n", 2, "holds no keys"),
    ],
)
def test_a_mistake_names_file_line_and_fix(tmp_path: Path, text: str | bytes, line: int | None, problem: str) -> None:
    with pytest.raises(SourceError) as caught:
        issue(tmp_path, text)
    assert problem in caught.value.problem
    assert caught.value.line == line
    assert caught.value.file == "content/issues/2026-11-23-a-title.md"
    assert caught.value.fix


def test_two_issues_with_one_id_are_an_error_wherever_either_is_read(tmp_path: Path) -> None:
    write(tmp_path, "content/issues/2026-11-16-first.md", FRONT)
    write(tmp_path, "content/issues/2026-11-23-second.md", FRONT)
    for read in (lambda: sources.list_issues(tmp_path), lambda: sources.read_issue(tmp_path, "second")):
        with pytest.raises(SourceError, match="'one' is also in"):
            read()


def test_an_issue_is_found_by_id_slug_or_file_whatever_is_wrong_elsewhere(tmp_path: Path) -> None:
    write(tmp_path, "content/issues/2026-11-16-draft.md", "not ready")
    write(tmp_path, "content/issues/2026-11-23-a-title.md", FRONT)
    for name in ("one", "a-title", "2026-11-23-a-title", "2026-11-23-a-title.md"):
        assert sources.read_issue(tmp_path, name).id == "one"
    with pytest.raises(SourceError, match="no front matter"):
        sources.read_issue(tmp_path, "draft")


def test_an_unknown_issue_lists_those_there_are(tmp_path: Path) -> None:
    write(tmp_path, "content/issues/2026-11-23-a-title.md", FRONT)
    with pytest.raises(SourceError) as caught:
        sources.read_issue(tmp_path, "nope")
    assert "a-title" in caught.value.fix


def test_one_slug_on_two_days_asks_which(tmp_path: Path) -> None:
    write(tmp_path, "content/issues/2026-11-16-same.md", FRONT)
    write(tmp_path, "content/issues/2026-11-23-same.md", FRONT.replace("one", "two"))
    with pytest.raises(SourceError, match="more than one"):
        sources.read_issue(tmp_path, "same")
    assert sources.read_issue(tmp_path, "2026-11-23-same").id == "two"


@pytest.mark.parametrize(
    "title", ['It’s: a "test"', "Why? {because}", "日本語", "- dash", "#hash", "back\\slash", "a  b\n c"]
)
def test_a_new_issue_can_be_read_back_and_is_never_overwritten(tmp_path: Path, title: str) -> None:
    path = sources.new_issue(tmp_path, title, date(2026, 11, 23))
    read = sources.read_issue(tmp_path, path.stem)
    assert read.title == " ".join(title.split())
    assert read.published_on == date(2026, 11, 23)
    before = path.read_bytes()
    with pytest.raises(SourceError, match="already"):
        sources.new_issue(tmp_path, title, date(2026, 11, 23))
    assert path.read_bytes() == before


def test_new_issues_have_ids_of_their_own(tmp_path: Path) -> None:
    for title in ("One", "Two", "Three"):
        sources.new_issue(tmp_path, title, date(2026, 11, 23))
    assert len({read.id for read in sources.list_issues(tmp_path)}) == 3


def test_the_publication_is_read_with_its_segments(tmp_path: Path) -> None:
    more = '[segments]\nmakers = { all = [{ plan = "paid" }, { tag = "producer" }] }\n'
    write(tmp_path, "content/publication.toml", PUBLICATION + more)
    read = sources.read_publication(tmp_path)
    assert read.slot.at == time(7)
    assert read.reply_to == read.sender
    assert read.segments == {"makers": All((HasPlan(Plan.PAID), HasTag("producer")))}


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ('name = "T"', "name = T", 1, "not TOML"),
        ('name = "T"', "", None, "name is missing"),
        ('name = "T"', 'name = ""', 1, "must be text"),
        ('author = "A"', 'auhtor = "A"', 2, "no key"),
        ("a@letters.example.com", "letters.example.com", 3, "no mail address"),
        ("t.example.com", "t", 5, "no List-Id"),
        ("https://t.example.com", "http://t.example.com", 6, "not an https address"),
        ("monday", "funday", 8, "no weekday"),
        ("07:00", "7 am", 9, "no hour"),
        ("America/Denver", "Denver", 10, "no time zone"),
        ("[slot]", '[goal]\nsubscribers = 0\nlabel = "x"\n[slot]', 8, "above 0"),
        ("[slot]", '[segments]\nx = { plan = "gold" }\n[slot]', 8, "cannot be read"),
        ("[slot]", '[segments]\npaid = { plan = "paid" }\n[slot]', 8, "meaning of its own"),
        ("[slot]", '[links]\nshare = "nowhere"\n[slot]', 8, "not an https address"),
    ],
)
def test_a_mistake_in_the_publication_names_its_line(
    tmp_path: Path, old: str, new: str, line: int, problem: str
) -> None:
    assert old in PUBLICATION
    write(tmp_path, "content/publication.toml", PUBLICATION.replace(old, new, 1))
    with pytest.raises(SourceError) as caught:
        sources.read_publication(tmp_path)
    assert problem in caught.value.problem
    assert caught.value.line == line
    assert caught.value.fix


LAUNCH = """\
id = "groups"
name = "Groups"
page = "https://t.example.com/groups"
image = ""
opens = 2026-11-16T09:00
closes = "2026-12-18 18:00"
"""


@pytest.mark.parametrize(
    ("change", "line", "problem"),
    [
        (('"groups"\nname', '"two groups"\nname'), 1, "id is not usable"),
        (('"groups"\nname', '"' + "g" * 65 + '"\nname'), 1, "id is not usable"),
        (("closes", 'forward = "http://t.example.com"\ncloses'), 6, "forward is not an https address"),
        (("closes", 'forward = "https://t.example.com@evil.test/"\ncloses'), 6, "place to send readers on to"),
        (("closes", 'forward = "https://b\u00fccher.example/"\ncloses'), 6, "place to send readers on to"),
        (("//t.example.com/groups", "//me:x@t.example.com/"), 3, "page cannot be a place"),
        (("closes", "secret = 'x'\ncloses"), 6, "no key Broadsheet knows"),
        (("closes", "converted_by = 7\ncloses"), 6, "converted_by must be text"),
        (("2026-12-18 18:00", "9999-12-31 18:00"), 6, "closes is in the year 9999"),
        (("2026-11-16", "0001-01-01"), 5, "opens is in the year 1,"),
    ],
)
def test_what_is_wrong_with_a_launch_is_told_with_its_line(
    tmp_path: Path, change: tuple[str, str], line: int, problem: str
) -> None:
    write(tmp_path, "content/publication.toml", PUBLICATION)
    write(tmp_path, "content/launches/groups.toml", LAUNCH.replace(*change))
    with pytest.raises(SourceError, match=problem) as told:
        sources.read_launches(tmp_path)
    assert told.value.line == line
    assert told.value.fix


def test_a_launch_leads_to_its_page_unless_it_says_otherwise(tmp_path: Path) -> None:
    write(tmp_path, "content/publication.toml", PUBLICATION)
    write(tmp_path, "content/launches/groups.toml", LAUNCH)
    assert sources.read_launches(tmp_path)["groups"].leads_to == "https://t.example.com/groups"
    write(
        tmp_path,
        "content/launches/groups.toml",
        LAUNCH + 'forward = "https://f.example.org/?a=1"\nconverted_by = "in"\n',
    )
    launch = sources.read_launches(tmp_path)["groups"]
    assert (launch.leads_to, launch.converted_by) == ("https://f.example.org/?a=1", "in")


def test_a_launch_keeps_wall_times_in_the_publications_zone(tmp_path: Path) -> None:
    write(tmp_path, "content/publication.toml", PUBLICATION)
    write(tmp_path, "content/launches/groups.toml", LAUNCH)
    launch = sources.read_launches(tmp_path)["groups"]
    assert (launch.opens, launch.closes) == (datetime(2026, 11, 16, 9), datetime(2026, 12, 18, 18))  # noqa: DTZ001
    assert (launch.zone, launch.sequence, launch.audience) == ("America/Denver", "groups", "everyone")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("2026-12-18 18:00", "2026-11-01 18:00", "not after opens"),
        ("2026-11-16T09:00", "2026-11-16T09:00:00Z", "has an offset"),
        ('"2026-12-18 18:00"', '"soon"', "no date"),
        ('id = "groups"', "", "id is missing"),
    ],
)
def test_a_mistake_in_a_launch_is_told(tmp_path: Path, old: str, new: str, problem: str) -> None:
    write(tmp_path, "content/publication.toml", PUBLICATION)
    write(tmp_path, "content/launches/groups.toml", LAUNCH.replace(old, new))
    with pytest.raises(SourceError, match=problem):
        sources.read_launches(tmp_path)


def test_steps_come_in_the_order_of_their_names_with_their_timing(tmp_path: Path) -> None:
    last = FRONT.replace("id: one", "id: two\nwhen: 1 day before closes, at 09:00")
    write(tmp_path, "content/sequences/x/2-last.md", last)
    write(tmp_path, "content/sequences/x/1-first.md", FRONT.replace("id: one", "id: one\nwhen: at opens"))
    first, second = sources.read_steps(tmp_path, "x")
    assert (str(first.timing), str(second.timing)) == ("at opens", "1 day before closes, at 09:00")
    assert (first.rules, sources.list_sequences(tmp_path)) == (StepRules(), ["x"])


def test_a_step_has_rules_in_the_language_of_segments(tmp_path: Path) -> None:
    write(tmp_path, "content/publication.toml", PUBLICATION + '[segments]\nproducers = { tag = "producer" }\n')
    rules = "only_if: {all: [producers, {referrals_at_least: 2}]}\nstop_if:\n  converted: groups\n"
    write(tmp_path, "content/sequences/x/1.md", FRONT.replace("title:", f"when: at opens\n{rules}title:"))
    [step] = sources.read_steps(tmp_path, "x")
    assert step.rules == StepRules(All((HasTag("producer"), ReferredAtLeast(2))), Converted("groups"))


def test_the_quiet_rules_are_the_publications(tmp_path: Path) -> None:
    write(tmp_path, "content/publication.toml", PUBLICATION)
    assert sources.read_publication(tmp_path).quiet == QuietRules()
    table = '[followups]\nhours_from_issue = 6\nhours_between = 0\nnight = "none"\nper_week = 0\n'
    write(tmp_path, "content/publication.toml", PUBLICATION + table)
    quiet = sources.read_publication(tmp_path).quiet
    assert (quiet.from_issue, quiet.between, quiet.per_week) == (timedelta(hours=6), timedelta(0), 0)
    assert quiet.night.begins == quiet.night.ends


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("hours_from_issue = -1", "followups.hours_from_issue is no whole number"),
        ('hours_between = "a day"', "followups.hours_between is no whole number"),
        ('night = "late"', "followups.night is no span of hours: 'late'"),
        ("per_month = 3", "is no key"),
    ],
)
def test_a_wrong_quiet_rule_names_its_key(tmp_path: Path, line: str, words: str) -> None:
    write(tmp_path, "content/publication.toml", f"{PUBLICATION}[followups]\n{line}\n")
    with pytest.raises(SourceError, match=words):
        sources.read_publication(tmp_path)


@pytest.mark.parametrize(
    ("extra", "problem"),
    [
        ("", "when is missing"),
        ("when: sometime\n", "when cannot be read: 'sometime' is no moment"),
        ("when: 1 day after issue gone\n", "when names no issue: 'gone'"),
        ("anchor: opens\nwhen: at opens\n", "anchor is no key any more"),
        ("when: at opens\nonly_if: nobody\n", "only_if cannot be read: no segment is called 'nobody'"),
        ("when: at opens\nstop_if: {plan: gold}\n", "stop_if cannot be read: plan is"),
        ("when: at opens\naudience: paid\n", "'audience' is no key"),
    ],
)
def test_a_mistake_in_a_steps_timing_is_told(tmp_path: Path, extra: str, problem: str) -> None:
    write(tmp_path, "content/publication.toml", PUBLICATION)
    write(tmp_path, "content/sequences/x/1.md", FRONT.replace("title:", f"{extra}title:"))
    with pytest.raises(SourceError, match=problem):
        sources.read_steps(tmp_path, "x")


def test_steps_of_one_folder_count_from_one_thing(tmp_path: Path) -> None:
    write(tmp_path, "content/sequences/x/1.md", FRONT.replace("title:", "when: at once after paid\ntitle:"))
    second = FRONT.replace("id: one\n", "id: two\nwhen: at once after milestone hat\n")
    write(tmp_path, "content/sequences/x/2.md", second)
    with pytest.raises(
        SourceError, match=r"counts from milestone hat, but content/sequences/x/1\.md counts from paid"
    ) as told:
        sources.read_steps(tmp_path, "x")
    assert (told.value.file, told.value.line) == ("content/sequences/x/2.md", 3)


@pytest.mark.parametrize("name", ["nope", "../issues", "", "a/b"])
def test_a_sequence_that_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="no such sequence"):
        sources.read_steps(tmp_path, name)


def test_a_project_without_templates_or_publication_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no templates"):
        sources.read_templates(tmp_path)
    with pytest.raises(SourceError, match="no such file"):
        sources.read_publication(tmp_path)


def test_lateness_is_the_publications_and_an_issue_may_say_otherwise(tmp_path):
    write(tmp_path, "content/publication.toml", PUBLICATION + '[late]\npolicy = "expire"\ngrace = "90m"\n')
    assert sources.read_publication(tmp_path).late == Lateness(Late.EXPIRE, timedelta(minutes=90))
    assert issue(tmp_path, FRONT.replace("title:", "late: send\ntitle:")).late is Late.SEND
    assert issue(tmp_path, FRONT).late is None


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('policy = "never"', "late.policy is none of send, ask, expire"),
        ('grace = "soon"', "late.grace cannot be read: 'soon' is no length of time"),
        ('patience = "2h"', "patience"),
    ],
)
def test_a_wrong_lateness_names_its_key(tmp_path, table, words):
    write(tmp_path, "content/publication.toml", f"{PUBLICATION}[late]\n{table}\n")
    with pytest.raises(SourceError, match=words):
        sources.read_publication(tmp_path)


def test_an_issue_with_a_wrong_lateness_names_its_line(tmp_path):
    with pytest.raises(SourceError, match="late"):
        issue(tmp_path, FRONT.replace("title:", "late: perhaps\ntitle:"))


def test_an_issue_may_go_at_local_hours_and_a_step_may_not(tmp_path):
    assert issue(tmp_path, FRONT.replace("title:", "local_hour: true\ntitle:")).local_hour is True
    assert issue(tmp_path, FRONT).local_hour is False
    with pytest.raises(SourceError, match="local_hour is neither true nor false: 'yes'"):
        issue(tmp_path, FRONT.replace("title:", "local_hour: yes\ntitle:"))
    step = FRONT.replace("title:", "when: at opens\nlocal_hour: true\ntitle:")
    write(tmp_path, "content/sequences/launch/one.md", step)
    with pytest.raises(SourceError, match="local_hour"):
        sources.read_steps(tmp_path, "launch")


def test_an_issue_may_have_a_language_of_its_own(tmp_path):
    assert issue(tmp_path, "---\nid: a\ntitle: A\n---\nx\n").language == ""
    assert issue(tmp_path, "---\nid: a\ntitle: A\nlanguage: pt-BR\n---\nx\n").language == "pt-BR"
    for wrong in ("und", "german!", "x"):
        with pytest.raises(SourceError, match="language tag") as caught:
            issue(tmp_path, f"---\nid: a\ntitle: A\nlanguage: {wrong}\n---\nx\n")
        assert caught.value.line == 4


def test_names_that_no_file_system_holds_are_merely_not_there(tmp_path):
    with pytest.raises(SourceError, match="there is no such sequence"):
        sources.read_steps(tmp_path, "x" * 300)
    assert find_picture(tmp_path, f"{'é' * 190}.png") is None


def test_front_matter_nested_without_end_is_told(tmp_path):
    write(tmp_path, "content/issues/one.md", f"---\nid: one\ntitle: {'[' * 3_000}\n---\n")
    with pytest.raises(SourceError, match=r"one\.md:2: the front matter"):
        sources.read_issue(tmp_path, "one")


def test_a_nul_is_told(tmp_path):
    write(tmp_path, "content/publication.toml", PUBLICATION.replace('author = "A"', 'author = "A\\u0000"'))
    with pytest.raises(SourceError, match=r"publication\.toml:2: author holds a NUL"):
        sources.read_publication(tmp_path)

"""The preflight as a whole: what it says of this repository's letters, what can be silenced, and that every rule is tried."""

from __future__ import annotations

import os

import pytest

from tests.support.checking import LINES, findings
from tests.support.rendering import NOW, PROJECT, templates
from tests.unit.render.test_preflight_page import BROKEN
from tests.unit.render.test_preflight_text import CLEAN, FOUND
from worker import sources
from worker.render.edition import Facts
from worker.render.preflight import Severity, preflight
from worker.render.preflight.page_of_rules import page_of_rules
from worker.render.preflight.rules import RULES, SUBJECTS


def test_the_sample_issue_and_every_step_have_no_finding() -> None:
    publication = sources.read_publication(PROJECT)
    facts = Facts(4213, NOW, "https://letters.example.com", sources.read_launches(PROJECT))
    texts = [(issue, "issue") for issue in sources.list_issues(PROJECT)]
    for folder in sorted((PROJECT / "content" / "sequences").iterdir()):
        texts += [(step.text, "step") for step in sources.read_steps(PROJECT, folder.name)]
    assert texts
    for text, message in texts:
        assert preflight(text, publication, templates(), facts, message) == []


def test_every_rule_is_tried_with_a_letter_that_breaks_it_and_one_that_does_not() -> None:
    in_templates = {"unsubscribe-link", "charset"}  # tried with changed templates
    assert {one[0] for one in FOUND} | {one[0] for one in BROKEN} | in_templates == set(RULES)
    of_the_page = {
        one.name
        for name in ("The finished page", "Styles", "Size", "Law and mailbox providers")
        for one in SUBJECTS[name]
    }
    assert {one[0] for one in CLEAN} | {one[0] for one in BROKEN} | of_the_page == set(RULES)


def test_a_rule_has_one_name_and_says_why_it_matters() -> None:
    rules = [one for group in SUBJECTS.values() for one in group]
    assert len({one.name for one in rules}) == len(rules)
    assert all(one.why and one.look.__doc__ for one in rules)


def test_errors_come_first_and_then_the_lines() -> None:
    found = findings("[words](http://a.example.com/)\n\n[here](https://a.example.com/)\n\n[words](/about)")
    assert [(one.severity, one.line) for one in found] == [
        (Severity.ERROR, 13),
        (Severity.WARNING, 9),
        (Severity.WARNING, 11),
    ]


@pytest.mark.parametrize("rule", sorted(name for name, one in RULES.items() if one.silenceable))
def test_a_rule_that_may_be_silenced_is_silent_then(rule: str) -> None:
    for name, _, _, body, changes in FOUND:
        if name == rule:
            silence = (*changes.get("silence", ()), rule)
            assert findings(body, **{**changes, "silence": silence}) == []


@pytest.mark.parametrize("rule", ["render", "merge-tag", "fallback", "link-scheme", "gate", "audience"])
def test_a_rule_that_protects_readers_is_heard_whatever_the_author_says(rule: str) -> None:
    _, _, line, body, changes = next(one for one in FOUND if one[0] == rule)
    found = findings(body, **{**changes, "silence": (rule,)})
    assert [(one.rule, one.line) for one in found if one.rule != "silence"] == [(rule, line)]
    (refused,) = [one for one in found if one.rule == "silence"]
    assert (refused.severity, refused.line) == (Severity.ERROR, LINES["silence"])
    assert "protects readers" in refused.problem


def test_a_rule_that_does_not_exist_is_told_with_those_that_do() -> None:
    (found,) = findings(silence=("link-htpp",))
    assert (found.rule, found.line) == ("silence", LINES["silence"])
    assert "link-http" in found.fix
    assert "unsubscribe-link" not in found.fix


def test_the_page_of_rules_is_what_the_rules_say() -> None:
    """UPDATE_GOLDEN=1 writes it anew."""
    path = PROJECT / "docs" / "preflight.md"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(page_of_rules(), encoding="utf-8", newline="\n")
    assert path.read_text(encoding="utf-8") == page_of_rules()


def test_a_silenced_rule_is_read_from_the_front_matter(tmp_path) -> None:
    folder = tmp_path / "content" / "issues"
    folder.mkdir(parents=True)
    for written, expected in (
        ("[link-http, alt]", ("link-http", "alt")),
        ("\n  - link-http", ("link-http",)),
        ("link-http", ("link-http",)),
        ("[]", ()),
    ):
        (folder / "2026-11-23-a.md").write_text(f"---\nid: a\ntitle: A\nsubject: S\nsilence: {written}\n---\nBody.\n")
        issue = sources.read_issue(tmp_path, "a")
        assert issue.silence == expected
        assert (issue.line_of("subject"), issue.line_of("silence"), issue.line_of("preview")) == (4, 5, 1)

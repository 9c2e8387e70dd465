"""Preflight: each rule finds what it is for, names the line, and is silent about the sample issue."""

from __future__ import annotations

import pytest

from tests.support.rendering import NOW, PROJECT, make_facts, make_issue, make_publication, templates
from worker import sources
from worker.domain.subscriber import Plan
from worker.render.edition import Facts
from worker.render.layout import Templates
from worker.render.preflight import Finding, Severity, preflight


def findings(body: str = "Hello.", **changes: object) -> list[Finding]:
    return preflight(make_issue(body, **changes), make_publication(), templates(), make_facts())


def altered(name: str, old: str, new: str) -> list[Finding]:
    found = sources.read_templates(PROJECT)
    assert old in found[name]
    found[name] = found[name].replace(old, new)
    return preflight(make_issue(), make_publication(), Templates(found, sources.read_theme(PROJECT)), make_facts())


def test_the_sample_issue_and_every_step_have_no_finding() -> None:
    publication = sources.read_publication(PROJECT)
    facts = Facts(4213, NOW, "https://letters.example.com", sources.read_launches(PROJECT))
    texts = [(issue, "issue") for issue in sources.list_issues(PROJECT)]
    for folder in sorted((PROJECT / "content" / "sequences").iterdir()):
        texts += [(step.text, "step") for step in sources.read_steps(PROJECT, folder.name)]
    assert texts
    for text, message in texts:
        assert preflight(text, publication, templates(), facts, message) == []


@pytest.mark.parametrize(
    ("body", "rule", "severity"),
    [
        ("a {{name}} b", "leftover-tag", Severity.ERROR),
        ("a *|FNAME|* b", "leftover-tag", Severity.ERROR),
        ("a {first_name|b", "leftover-tag", Severity.ERROR),
        ("a {first_name}", "fallback", Severity.WARNING),
        ("![](https://a.example.com/x.png)", "alt", Severity.WARNING),
        ("[![](https://a.example.com/x.png)](https://a.example.com/)", "alt", Severity.ERROR),
        ("![x](media/x.png)", "image", Severity.ERROR),
        ("![x](https://a.example.com/x.svg)", "image", Severity.WARNING),
        ("[words](/about)", "link", Severity.ERROR),
        ("[words](http://a.example.com/)", "link", Severity.WARNING),
        ("[](https://a.example.com/)", "link", Severity.ERROR),
        ("[here](https://a.example.com/)", "link", Severity.WARNING),
        ("#### deep", "headings", Severity.WARNING),
        ("{nope}", "render", Severity.ERROR),
        ("[x](javascript:1)", "render", Severity.ERROR),
    ],
)
def test_a_rule_finds_it_and_names_the_line(body: str, rule: str, severity: Severity) -> None:
    (found,) = findings(f"fine\n\n{body}\n")
    assert (found.rule, found.severity, found.line) == (rule, severity, 3)
    assert found.fix
    assert found.why


def test_missing_front_matter_is_found_for_each_plan_that_gets_it() -> None:
    empty = dict.fromkeys(Plan, "")
    assert [(f.rule, f.severity) for f in findings(subject=empty, preview=empty)] == [
        ("subject", Severity.ERROR),
        ("subject", Severity.ERROR),
        ("preview", Severity.WARNING),
        ("preview", Severity.WARNING),
    ]
    assert len(findings(subject={Plan.FREE: "", Plan.PAID: "x"}, audience="paid")) == 0


def test_a_merge_tag_in_the_title_is_found() -> None:
    (found,) = findings(title="For {first_name|you}")
    assert (found.rule, found.severity) == ("leftover-tag", Severity.ERROR)


def test_an_unknown_segment_is_found() -> None:
    (found,) = findings(audience="nobody-knows")
    assert found.rule == "audience"
    assert "everyone" in found.fix


def test_a_paid_sentence_in_the_free_preview_subject_or_body_is_found_with_its_line() -> None:
    secret = "the ostrich keeps its money under the third stone"
    body = f"Open.\n\n::: paid\nAnd {secret} always.\n:::\n"
    assert findings(body) == []
    for changes in (
        {"preview": dict.fromkeys(Plan, f"Today {secret}")},
        {"subject": dict.fromkeys(Plan, f"Today {secret}")},
        {"title": f"Today {secret}"},
    ):
        leaks = [f for f in findings(body, **changes) if f.rule == "gate"]
        assert leaks
        assert leaks[0].line == 4
        assert leaks[0].severity is Severity.ERROR


def test_a_discount_code_in_the_free_preview_is_found() -> None:
    leaks = findings("::: discount WARM-20\nx\n:::", preview={Plan.FREE: "Use WARM-20", Plan.PAID: "x"})
    assert [(f.rule, f.line) for f in leaks] == [("gate", 1), ("gate", 1)]  # in the preheader, and so in the HTML


def test_words_that_free_readers_may_read_anyway_are_no_leak() -> None:
    same = "these are the very same seven words exactly"
    assert findings(f"{same}\n\n::: paid\n{same}\n:::") == []


def test_size_is_measured_with_the_longest_values() -> None:
    assert {f.severity for f in findings("word " * 16_800) if f.rule == "size"} == {Severity.WARNING}
    assert {f.severity for f in findings("word " * 21_000) if f.rule == "size"} == {Severity.ERROR}
    assert not [f for f in findings("word " * 10_000) if f.rule == "size"]
    names = "{first_name|you} " * 200  # placeholders of 7 bytes, values of up to 600
    assert {f.severity for f in findings(names) if f.rule == "size"} == {Severity.ERROR}


def test_a_template_that_lost_the_unsubscribe_link_or_the_address_is_found() -> None:
    lost = altered("layouts/footer.mjml.j2", '{{ merge("unsubscribe_link") }}', "https://a.example.com/")
    assert {f.rule for f in lost} == {"unsubscribe-link"}
    lost = altered("layouts/footer.mjml.j2", "{{ publication.postal_address }}", "")
    assert {f.rule for f in lost} == {"postal-address"}


def test_a_template_with_too_many_styles_or_only_latin_letters_is_found() -> None:
    many = altered("layouts/style.mjml.j2", ":root{", ".x{color:#111111}\n" * 1_000 + ":root{")
    assert {(f.rule, f.severity) for f in many} == {("styles", Severity.ERROR)}
    latin = altered("layouts/letter.mjml.j2", "{{ padding }}", "")
    assert {f.rule for f in latin} == {"charset"}


def test_errors_come_first() -> None:
    found = findings("{first_name}\n\n[words](/about)\n\n[here](https://a.example.com/)")
    assert [f.severity for f in found] == [Severity.ERROR, Severity.WARNING, Severity.WARNING]

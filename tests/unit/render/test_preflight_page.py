"""Every rule about the finished page: it is silent about ours, and finds what a changed template would do to it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.support.checking import findings, proof_with, said_by
from tests.support.rendering import PROJECT
from worker import sources
from worker.domain.subscriber import Plan
from worker.render.layout import Templates
from worker.render.preflight import Longest, Severity
from worker.render.preflight.rules import SUBJECTS

Change = Callable[[str], str]


def swap(old: str, new: str, count: int = -1) -> Change:
    def change(words: str) -> str:
        assert old in words, old
        return words.replace(old, new, count)

    return change


def within(pattern: str, new: str) -> Change:
    def change(words: str) -> str:
        changed, count = re.subn(pattern, new, words, count=1, flags=re.DOTALL)
        assert count, pattern
        return changed

    return change


BODY_END = "</body>"

#: rule, what becomes of the HTML, and a word of the problem.
BROKEN: list[tuple[str, Change, str]] = [
    ("language", within(r'<html([^>]*) lang="en"', r"<html\1"), "page"),
    ("language", within(r'(<div[^>]*) dir="ltr"', r"\1"), "article"),
    ("language", within(r'<html([^>]*) lang="en"', r'<html\1 lang="und"'), "page"),
    ("page-title", within(r"<title>[^<]*</title>", "<title> </title>"), "title"),
    ("headings", swap("</h1>", "</h1><h3>Too deep</h3>"), "level 1 to 3"),
    ("headings", swap("</h1>", "</h1><h1>Twice</h1>"), "level 1 to 1"),
    ("headings", within(r"<h1(.*?)</h1>", r"<h2\1</h2>"), "level 0 to 2"),
    ("table-role", swap(BODY_END, "<table><tr><td>x</td></tr></table>" + BODY_END), "role"),
    ("active-content", swap(BODY_END, "<script>1</script>" + BODY_END), "script"),
    ("active-content", swap(BODY_END, "<iframe></iframe>" + BODY_END), "iframe"),
    ("active-content", swap(BODY_END, "<p onclick='x'>x</p>" + BODY_END), "onclick"),
    ("leak", swap(BODY_END, "\\u{200d}" + BODY_END), "200d"),
    ("leak", swap(BODY_END, "<mj-text>x</mj-text>" + BODY_END), "mj-text"),
    ("apostrophe-entity", swap(BODY_END, "it&apos;s" + BODY_END), "apos"),
    ("control-character", swap(BODY_END, "\x92" + BODY_END), "U+0092"),
    ("outlook-comments", within(r"<!\[endif\]-->", "-->"), "comments"),
    ("outlook-comments", lambda html: re.sub(r"<!--\[if.*?<!\[endif\]-->", "", html, flags=re.DOTALL), "no table"),
    ("page-width", swap("max-width:600px", "max-width:900px"), "900"),
    ("preheader", swap("mso-hide:all", "x:y"), "hidden"),
    ("preheader", swap("display:none", "display:none;color:#ffffff", 1), "hidden"),
    ("preheader", swap("\u200c\u00a0", "", -1), "140"),
    ("preheader", within(r"(<body[^>]*>)", r"\1<p>First</p>"), "begin"),
    ("duplicate-id", swap(BODY_END, '<p id="a">x</p><p id="a">y</p>' + BODY_END), "'a'"),
    (
        "button-size",
        swap(BODY_END, '<a href="#" style="display:inline-block;padding:4px 8px;line-height:20px">x</a>' + BODY_END),
        "28",
    ),
    ("image-width", swap(BODY_END, '<img src="https://a.example.com/x.png" alt="x" width="auto">' + BODY_END), "auto"),
    ("image-width", swap(BODY_END, '<img src="https://a.example.com/x.png" alt="x" width="900">' + BODY_END), "900"),
    ("alt", swap(BODY_END, '<img src="https://a.example.com/x.png" width="9">' + BODY_END), "no alt"),
    ("link-address", swap(BODY_END, '<a href="/about">x</a>' + BODY_END), "/about"),
    ("link-anchor", swap(BODY_END, '<a href="#nowhere">x</a>' + BODY_END), "#nowhere"),
    ("link-words", swap(BODY_END, '<a href="https://a.example.com/"> </a>' + BODY_END), "without words"),
    ("leftover-tag", swap(BODY_END, "{{ name }}" + BODY_END), "{{"),
    ("postal-address", swap("1 Test Row, Testville", ""), "postal address"),
    ("size", swap(BODY_END, "\n".join(["x" * 900] * 120) + BODY_END), "KiB"),
    ("styles", swap("</style>", ".x{color:#111111}\n" * 1_000 + "</style>", 1), "characters"),
    ("long-line", swap(BODY_END, "x" * 999 + BODY_END), "bytes"),
    ("style-traps", swap(BODY_END, "<style>.x{color:#111111}</style>" + BODY_END), "R03"),
    ("style-traps", swap("</style>", "@media print{@font-feature-values x{}}</style>", 1), "R04"),
    ("style-traps", swap("</style>", "/* x */</style>", 1), "R05"),
    ("style-traps", swap("</style>", "@media print,screen{.x{color:#111111}}</style>", 1), "R06"),
    ("style-traps", swap("</style>", ".x{background:url(x.png)}</style>", 1), "R07"),
    ("remote-style", swap("</head>", '<link rel="stylesheet" href="https://a.example.com/x.css"></head>'), "link"),
    ("remote-style", swap("</style>", "@import 'x';</style>", 1), "@import"),
    (
        "dark-mode",
        swap('name="color-scheme" content="light dark"', 'name="color-scheme" content="light"'),
        "color-scheme",
    ),
    ("dark-mode", swap('name="supported-color-schemes"', 'name="x"'), "supported-color-schemes"),
    ("dark-mode", swap("(prefers-color-scheme:dark)", "(prefers-color-scheme:light)"), "prefers-color-scheme"),
    (
        "dark-mode",
        swap("@media (prefers-color-scheme:dark){", "@media (prefers-color-scheme:dark){.x{color:#111111}"),
        "!important",
    ),
    ("dark-mode", swap("[data-ogsc]", "[data-x]"), "ogsc"),
]


@pytest.mark.parametrize(("rule", "change", "word"), BROKEN)
def test_a_changed_page_is_found(rule: str, change: Change, word: str) -> None:
    found = said_by(rule, proof_with(change))
    assert found
    assert all(one.rule == rule for one in found)
    assert any(word in one.problem for one in found)
    assert all(one.fix and one.why for one in found)


@pytest.mark.parametrize("rule", sorted({rule for rule, _, _ in BROKEN}))
def test_our_own_page_has_no_such_fault(rule: str) -> None:
    body = "Hi {first_name|there}, [x](https://a.example.com/)\n\n![A hill](https://a.example.com/x.png)\n\n| a |\n|---|\n| b |\n\n::: button https://a.example.com/\nGo\n:::"
    assert said_by(rule, proof_with(body=body)) == []


def test_a_control_character_or_a_long_line_in_the_plain_text_is_found_too() -> None:
    assert said_by("control-character", proof_with(text=lambda text: text + "\x07"))
    assert said_by("long-line", proof_with(text=lambda text: text + "x" * 1_000))


def altered(name: str, old: str, new: str) -> set[tuple[str, Severity]]:
    """What is found with one template changed."""
    found = sources.read_templates(PROJECT)
    assert old in found[name]
    found[name] = found[name].replace(old, new)
    looks = Templates(found, sources.read_theme(PROJECT))
    return {(one.rule, one.severity) for one in findings(looks=looks)}


def test_a_template_that_lost_the_unsubscribe_link_is_found_and_cannot_be_silenced() -> None:
    name = "layouts/footer.mjml.j2"
    assert altered(name, 'merge("unsubscribe_link")', '"https://a.example.com/"') == {
        ("unsubscribe-link", Severity.ERROR)
    }
    assert altered(name, "{{ publication.postal_address }}", "") == {("postal-address", Severity.ERROR)}
    found = sources.read_templates(PROJECT)
    found[name] = found[name].replace('merge("unsubscribe_link")', '"https://a.example.com/"')
    looks = Templates(found, sources.read_theme(PROJECT))
    silenced = findings(looks=looks, silence=("unsubscribe-link",))
    assert {one.rule for one in silenced} == {"unsubscribe-link", "silence"}


def test_a_template_that_lost_its_padding_leaves_latin_letters_alone() -> None:
    latin = altered("layouts/letter.mjml.j2", "{{ padding }}", "")
    assert ("charset", Severity.ERROR) in latin
    assert {rule for rule, _ in latin} <= {"charset", "preheader"}


def test_what_is_measured_holds_the_longest_values_of_the_list() -> None:
    names = "{first_name|you}\n\n" * 150
    silence = ("letter-length",)
    assert {one.rule for one in findings(names, silence=silence)} == {"size"}
    assert findings(names, silence=silence, longest=Longest(name=12, code=8)) == []
    link = f"[words](https://a.example.com/{'x' * 300}?n={{first_name|you}})"
    assert {one.rule for one in findings(link)} == {"long-line"}
    assert findings(link, longest=Longest(name=12, code=8)) == []


def test_every_rule_of_the_page_is_tried_here() -> None:
    tried = {rule for rule, _, _ in BROKEN} | {"unsubscribe-link", "charset"}
    page = {
        one.name
        for name in ("The finished page", "Styles", "Size", "Law and mailbox providers")
        for one in SUBJECTS[name]
    }
    assert page <= tried


def test_both_editions_are_looked_at_and_only_those_that_are_sent() -> None:
    body = "::: paid\n![A hill](https://a.example.com/x.webp)\n:::"
    assert {one.rule for one in findings(body)} == {"image-kind"}
    broken = proof_with(lambda html: html.replace("</body>", "&apos;</body>"), body="::: paid\nFor you.\n:::")
    assert {plan.value in one.problem for one in said_by("apostrophe-entity", broken) for plan in Plan} == {True, False}
    assert len(said_by("apostrophe-entity", broken)) == 2

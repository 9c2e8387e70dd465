"""Every rule about what an author writes: a letter in which it finds something, with the line, and one in which it does not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.support.checking import BODY_LINE, LINES, PLAIN, findings
from tests.support.rendering import NOW, make_facts, make_launch, make_publication
from worker.domain.segment import HasTag
from worker.domain.subscriber import Plan
from worker.render.preflight import Severity

E, W = Severity.ERROR, Severity.WARNING
THIRD = BODY_LINE + 2  # the line that a body of two lines before it puts it on


def by_plan(free: str, paid: str) -> dict[Plan, str]:
    return {Plan.FREE: free, Plan.PAID: paid}


def closed(**changes: Any) -> dict[str, Any]:
    launch = make_launch(**changes)
    return {"facts": make_facts(launches={launch.id: launch})}


STEP = {"message": "step", "file": "content/sequences/groups/reminder.md", "published_on": None}
APPLY = "::: button {apply_link}\nApply\n:::"


def step(**changes: Any) -> dict[str, Any]:
    return STEP | closed(**changes)


#: rule, severity, line, body, and what else is different about the letter.
FOUND: list[tuple[str, Severity, int | None, str, dict[str, Any]]] = [
    ("render", E, THIRD, "fine\n\n::: nope\nx\n:::", {}),
    ("merge-tag", E, THIRD + 1, "fine\n\nand\n{nope} here", {}),
    ("merge-tag", E, LINES["subject"], "", {"subject": "A letter for {nope|x} to read"}),
    ("fallback", E, THIRD, "fine\n\nHi {first_name},", {}),
    ("fallback", E, THIRD, "fine\n\nHi {first_name| },", {}),
    ("fallback", E, LINES["subject"], "", {"subject": "A letter for {first_name}"}),
    ("fallback", E, LINES["preview"], "", {"preview": "A letter for {first_name}, who was at home that week."}),
    ("fallback", E, THIRD, "fine\n\n[words](https://a.example.com/?n={first_name})", {}),
    ("link-scheme", E, THIRD + 1, "fine\n\nand\n[words](javascript:alert(1))", {}),
    ("link-scheme", E, THIRD, "fine\n\n[words](data:text/html,x)", {}),
    ("link-scheme", E, THIRD, "fine\n\n[words](&#106;avascript:x)", {}),
    ("link-scheme", E, THIRD, "fine\n\n::: button javascript:x\nGo\n:::", {}),
    ("link-scheme", E, THIRD, "fine\n\n[words]({first_name|https://a.example.com})", {}),
    ("subject", E, LINES["subject"], "", {"subject": ""}),
    ("subject", E, LINES["subject"], "", {"subject": by_plan("", "Who came home that week")}),
    ("subject-length", W, LINES["subject"], "", {"subject": "Short"}),
    (
        "subject-length",
        W,
        LINES["subject"],
        "",
        {"subject": "Who came home that week, and who did not, and why it matters"},
    ),
    (
        "subject-length",
        W,
        LINES["subject"],
        "",
        {"subject": "Who came home that week, {first_name|and then I knew what that was}?"},
    ),
    ("subject-shouting", W, LINES["subject"], "", {"subject": "WHO CAME HOME"}),
    ("subject-shouting", W, LINES["subject"], "", {"subject": "Who came home!!"}),
    ("subject-shouting", W, LINES["subject"], "", {"subject": "Re: who came home"}),
    ("preview", W, LINES["preview"], "", {"preview": ""}),
    ("preview-length", W, LINES["preview"], "", {"preview": "Short."}),
    ("preview-length", W, LINES["preview"], "", {"preview": "word " * 19}),
    (
        "preview-repeats",
        W,
        LINES["preview"],
        "",
        {
            "subject": "Four people and one kettle in a quiet week",
            "preview": "Four people and one kettle in a quiet week.",
        },
    ),
    ("audience", E, LINES["audience"], "", {"audience": "nobody-knows"}),
    ("audience-paywall", E, THIRD, "fine\n\n::: paywall :::", {"audience": "paid"}),
    ("audience-paywall", E, THIRD, "fine\n\n::: free\nFor you.\n:::", {"audience": "paid"}),
    ("audience-paywall", E, THIRD, "fine\n\n::: paid\nFor you.\n:::", {"audience": "free"}),
    ("audience-paywall", E, THIRD, "fine\n\n::: paywall :::", {"audience": "free", "silence": ("letter-length",)}),
    (
        "paid-part",
        W,
        LINES["subject"],
        "",
        {"subject": by_plan("Who came home that week", "And your worksheet for it")},
    ),
    (
        "gate",
        E,
        THIRD + 1,
        "fine\n\n::: paid\nAnd the ostrich keeps its money under the third stone always.\n:::",
        {
            "preview": by_plan(
                "The ostrich keeps its money under the third stone, I hear.",
                "The ostrich, its money, and the third of all the stones.",
            )
        },
    ),
    (
        "gate",
        E,
        THIRD + 1,
        "fine\n\n::: paid\nOstriches bury nothing.\n:::",
        {"preview": "Ostriches bury nothing, and other news from the old house."},
    ),
    (
        "gate",
        E,
        THIRD + 1,
        "fine\n\n::: paid\nSay KESTREL at the door.\n:::",
        {
            "preview": by_plan(
                "Say it quietly at the door, and say KESTREL if they ask.",
                "What to say at the door of the old house in a quiet week.",
            )
        },
    ),
    (
        "gate",
        E,
        THIRD + 1,
        "fine\n\n::: paid\n[The page](https://a.example.com/secret-page)\n:::",
        {"preview": "It is all at https://a.example.com/secret-page for you now."},
    ),
    (
        "gate",
        E,
        THIRD,
        "fine\n\n::: discount WARM-20\nx\n:::",
        {"preview": "Use WARM-20 for the retreat, and bring a coat with you."},
    ),
    ("link-address", E, THIRD, "fine\n\n[words](/about)", {}),
    ("link-address", E, THIRD + 1, "fine\n\nand\n[words](about.html)", {}),
    ("link-address", E, THIRD, "fine\n\n[words](//a.example.com/x)", {}),
    ("link-address", E, THIRD, "fine\n\n[words](https:///x)", {}),
    ("link-address", E, THIRD, "fine\n\n[words](https://a.example.com[/)", {}),
    ("link-address", E, THIRD, "fine\n\n[words](https://a.example.com:99999/)", {}),
    ("link-address", E, THIRD, "fine\n\nhttps://a.example.com[", {}),
    ("link-address", E, THIRD, "fine\n\n[words](mailto:)", {}),
    ("link-address", E, THIRD, "fine\n\n[words](a.example.com)", {}),
    ("link-address", E, THIRD, "fine\n\n::: button /about\nGo\n:::", {}),
    ("link-address", E, THIRD, "fine\n\n[![a hill](https://a.example.com/x.png)](/about)", {}),
    ("link-anchor", E, THIRD, "fine\n\n[the notes](#nowhere)", {}),
    ("link-http", W, THIRD, "fine\n\n[words](http://a.example.com/)", {}),
    ("link-words", E, THIRD, "fine\n\nx [](https://a.example.com/)", {}),
    ("link-vague", W, THIRD + 1, "fine\n\nSee what I mean\n[here](https://a.example.com/)", {}),
    ("link-vague", W, THIRD, "fine\n\n[Read more…](https://a.example.com/)", {}),
    ("link-shortener", W, THIRD, "fine\n\n[words](https://bit.ly/x)", {}),
    ("alt", W, THIRD, "fine\n\n![](https://a.example.com/x.png)", {}),
    ("alt", E, THIRD, "fine\n\n[![](https://a.example.com/x.png)](https://a.example.com/)", {}),
    ("alt-file-name", W, THIRD, "fine\n\n![ridge_final.jpg](https://a.example.com/x.png)", {}),
    ("alt-file-name", W, THIRD, "fine\n\n![IMG_2031](https://a.example.com/x.png)", {}),
    ("alt-file-name", W, THIRD, "fine\n\n![Screenshot 2026-11-02 at 10.31](https://a.example.com/x.png)", {}),
    ("image-address", E, THIRD, "fine\n\n![a hill](media/x.png)", {}),
    ("image-address", E, THIRD, "fine\n\n![a hill](http://a.example.com/x.png)", {}),
    ("image-kind", W, THIRD, "fine\n\n![a hill](https://a.example.com/x.webp?w=1)", {}),
    (
        "image-size",
        W,
        THIRD,
        "fine\n\n![a hill](https://letter.example.com/media/x.png)",
        {"facts": make_facts(media={"x.png": (4_000, 3_000)})},
    ),
    ("leftover-tag", E, THIRD, "fine\n\na {{name}} b", {}),
    ("leftover-tag", E, THIRD + 1, "fine\n\nand\na *|FNAME|* b", {}),
    ("leftover-tag", E, THIRD, "fine\n\na {first_name|b", {}),
    ("leftover-tag", E, THIRD, "fine\n\n[words](https://a.example.com/?n={{name}})", {}),
    ("leftover-tag", E, LINES["title"], "", {"title": "For {first_name|you}"}),
    ("leftover-tag", E, LINES["subject"], "", {"subject": "For you, *|FNAME|*, again"}),
    ("to-come", E, THIRD + 1, "fine\n\nand\nTK the number of chairs", {}),
    ("to-come", E, THIRD, "fine\n\nLorem ipsum dolor", {}),
    ("to-come", E, LINES["title"], "", {"title": "TODO"}),
    ("to-come", E, LINES["subject"], "", {"subject": "Who came home TK times"}),
    ("attachment", W, THIRD, "fine\n\nThe worksheet is attached.", {}),
    ("attachment", W, THIRD, "fine\n\nSee the attachment for more.", {}),
    ("spam-words", W, THIRD, "fine\n\nAct now, it is free.", {}),
    ("spam-words", W, LINES["subject"], "", {"subject": "A limited time offer"}),
    ("copyright-year", W, THIRD, "fine\n\n© 2019–2024 The Letter", {}),
    ("raw-html", W, THIRD, "fine\n\nSome <b>bold</b> words", {}),
    ("letter-length", W, BODY_LINE, "word " * 5_100, {}),
    ("issue-date", W, 1, "", {"published_on": date(2026, 11, 2)}),
    ("launch-closed", W, THIRD, "fine\n\n::: launch groups :::", closed(closes=datetime(2026, 11, 20, 18))),  # noqa: DTZ001
    ("launch-closed", W, THIRD, "fine\n\n::: launch groups :::", {"published_on": date(2026, 12, 20)}),
    ("launch-dates", E, None, "::: launch groups :::", closed(opens=datetime(2026, 12, 28, 9))),  # noqa: DTZ001
    ("past-date", W, THIRD + 1, "fine\n\n::: next\nOn 9 November we meet.\n:::", {}),
    ("past-date", W, THIRD, "fine\n\n::: discount CODE20 until October 31st, 2026\nx\n:::", {}),
    ("past-date", W, THIRD + 1, "fine\n\n::: launch groups\nBooks close 2026-11-01.\n:::", {}),
    ("launch-link", E, THIRD, f"fine\n\n{APPLY}", {}),
    ("launch-link", E, THIRD, "fine\n\n[no more of it]({mute_link})", {}),
    ("launch-link", E, THIRD, f"fine\n\n{APPLY}", step(sequence="other")),
    ("apply-link", W, BODY_LINE, "fine", STEP),
    ("apply-link", W, BODY_LINE, f"::: paid\n{APPLY}\n:::", STEP),
    ("step-closed", W, 1, APPLY, step(closes=datetime(2026, 11, 20, 18))),  # noqa: DTZ001
    ("step-date", W, BODY_LINE + 4, f"{APPLY}\n\nUntil 20 November.", STEP),
    ("step-date", W, LINES["subject"], APPLY, STEP | {"subject": "The groups, until 20 November"}),
    ("step-date", W, BODY_LINE + 4, f"{APPLY}\n\nThe door closes on December 20th.", STEP),
    ("size", E, None, "word " * 24_000, {"silence": ("letter-length",)}),
    ("size", W, None, "word " * 17_800, {"silence": ("letter-length",)}),
    ("long-line", E, None, f"fine\n\n[words](https://a.example.com/{'x' * 1_000})", {}),
    ("silence", E, LINES["silence"], "", {"silence": ("subject-lenght",)}),
    ("silence", E, LINES["silence"], "", {"silence": ("unsubscribe-link",)}),
]

#: rule, body and the rest of letters in which that rule, and any other, has nothing to say.
CLEAN: list[tuple[str, str, dict[str, Any]]] = [
    ("render", "Hello.", {}),
    ("merge-tag", r"A \{nope} and `{nope}`.", {}),
    ("fallback", "Hi {first_name|there}, {referral_count} friends.", {}),
    (
        "link-scheme",
        "[a](mailto:a@example.com?subject=x) [b](tel:+15550100) [c](https://a.example.com/javascript:x)",
        {},
    ),
    ("subject", "", {"subject": by_plan("", "Who came home that week"), "audience": "paid"}),
    ("subject-length", "", {"subject": "Who came home that week, {first_name|you}?"}),
    ("subject-shouting", "", {"subject": "Who, of the BBC and NASA, came home!"}),
    ("preview", "", {}),
    ("preview-length", "", {"preview": "w" * 40}),
    ("preview-length", "", {"preview": "w" * 90}),
    ("preview-repeats", "", {}),
    ("audience", "", {"audience": "makers", "publication": make_publication(segments={"makers": HasTag("maker")})}),
    ("audience-paywall", "::: paid\nFor you.\n:::\n\n::: paywall :::", {"silence": ("letter-length",)}),
    ("audience-paywall", "::: paid\nFor you.\n:::", {"audience": "paid"}),
    (
        "paid-part",
        "::: paid\nFor you.\n:::",
        {"subject": by_plan("Who came home that week", "And your worksheet for it")},
    ),
    ("gate", f"::: paid\nAnd the ostrich keeps its money.\n\n{PLAIN}\n:::", {}),
    (
        "gate",
        "[share](https://letter.example.com/share?a=1&b=2)\n\n::: paid\n[it](https://letter.example.com/share?a=1&b=2) as you like\n:::",
        {"silence": ("link-vague",)},
    ),
    ("link-address", "[words]({referral_link}) <mailto:a@example.com>\n\n::: button {manage_link}\nGo\n:::", {}),
    ("link-http", "[words](https://a.example.com/?next=http://b.example.com)", {}),
    ("link-words", "[![a hill](https://a.example.com/x.png)](https://a.example.com/)", {}),
    ("link-vague", "[where they are, and who is here](https://a.example.com/)", {}),
    ("link-shortener", "[words](https://a.example.com/bit.ly/)", {}),
    ("alt", "![A hill](https://a.example.com/x.png)", {}),
    ("alt-file-name", "![A screenshot of the 2026 calendar](https://a.example.com/IMG_1.png)", {}),
    ("image-address", "![A hill](https://a.example.com/x.png)", {}),
    ("image-kind", "![A hill](https://a.example.com/x.JPEG?w=1)", {}),
    (
        "image-size",
        "![A hill](https://letter.example.com/media/x.png)",
        {"facts": make_facts(media={"x.png": (1_104, 800)})},
    ),
    ("leftover-tag", "Braces { like } these, {0}, `{{name}}` and {first_name|there}.", {}),
    ("to-come", "The Tk toolkit, a todo list, and a Fixme bar.", {}),
    ("attachment", "I grew attached to it, and attached to the wall was a letter.", {}),
    ("spam-words", "I act, now and then, for free.", {}),
    ("copyright-year", "© 2019–2026 The Letter. In 2024 it rained.", {}),
    ("raw-html", "I <3 you, 1 < 2 > 0, `<b>`, <!-- <b> --> and <https://a.example.com/>.", {}),
    ("letter-length", "", {}),
    ("issue-date", "", {"published_on": date(2026, 11, 16)}),
    ("launch-closed", "::: launch groups :::", {}),
    ("launch-dates", "::: launch groups :::", {}),
    ("past-date", "On 9 November it rained.\n\n::: next\nOn 30 November, or January 4, or 30 February.\n:::", {}),
    ("launch-link", f"{APPLY}\n\n[no more of it]({{mute_link}})", STEP),
    ("apply-link", f"::: paid\n{APPLY}\n:::\n\n::: free\n{APPLY}\n:::", STEP),
    ("apply-link", "A friend came.", STEP | {"file": "content/sequences/referral/first.md"}),
    ("step-closed", APPLY, STEP),
    ("step-date", f"{APPLY}\n\nThe door closes on 18 December. We meet on 8 January.", STEP),
    ("step-date", "On 20 November it rained.", {}),
    ("size", "word " * 3_000, {}),
    ("long-line", f"[words](https://a.example.com/{'x' * 800})", {}),
    ("silence", "[words](http://a.example.com/)", {"silence": ("link-http",)}),
]


@pytest.mark.parametrize(("rule", "severity", "line", "body", "changes"), FOUND)
def test_a_rule_finds_it_and_names_the_line(
    rule: str, severity: Severity, line: int | None, body: str, changes: dict[str, Any]
) -> None:
    found = findings(body, **changes)
    assert {(one.rule, one.severity, one.line) for one in found} == {(rule, severity, line)}
    for one in found:
        assert one.problem
        assert one.why
        assert one.fix
        assert one.file


@pytest.mark.parametrize(("rule", "body", "changes"), CLEAN)
def test_a_rule_is_silent_where_there_is_nothing_to_find(rule: str, body: str, changes: dict[str, Any]) -> None:
    assert findings(body, **changes) == []


@pytest.mark.parametrize("rule", ["issue-date", "launch-closed", "past-date", "copyright-year"])
def test_a_letter_that_has_gone_is_not_asked_for_its_dates(rule: str) -> None:
    _, _, _, body, changes = next(one for one in FOUND if one[0] == rule)
    assert findings(body, sent=True, **changes) == []


def test_dates_go_by_the_publications_own_day() -> None:
    evening = make_facts(now=datetime(2026, 11, 24, 3, tzinfo=UTC))  # still Monday 23 November in Denver
    assert findings("::: next\nOn 23 November.\n:::", facts=evening) == []
    assert NOW.date() == date(2026, 11, 23)

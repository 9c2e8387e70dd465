"""Makers for rendering: a publication, issues, launches and the real templates of this repository."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

from worker import sources
from worker.domain.edition import Edition
from worker.domain.issue import Audio, Issue
from worker.domain.launch import Launch
from worker.domain.milestone import Milestone, ReferralRules, Reward
from worker.domain.publication import Goal, Publication, Slot
from worker.domain.subscriber import Plan
from worker.render.edition import Facts, render_editions
from worker.render.layout import Templates
from worker.render.registry import KINDS
from worker.render.specimen import FACTS
from worker.sources.samples import read_sample

PROJECT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)

#: Values as a reader would get them, by merge tag.
VALUES = {
    "first_name": "Noor",
    "referral_count": "2",
    "referral_link": "https://longtake.example.com/r/k7",
    "manage_link": "https://longtake.example.com/m/k7",
    "unsubscribe_link": "https://longtake.example.com/u/k7",
    "apply_link": "https://longtake.example.com/a/k7",
    "mute_link": "https://longtake.example.com/n/k7",
    "confirm_link": "https://longtake.example.com/c/k7",
    "referrals_to_go": "1",
    "next_reward": "a month of the paid letter",
    "rewards_link": "https://longtake.example.com/f/k7",
}

#: One letter with every kind of text and, from its sample, every block that shows anything.
EVERY_BLOCK = """\
Hello {first_name|there}, a [link](https://a.example.com/?x=1&y={referral_count}) and `code`. 🙌🏾

## Heading

- one
- two

1. first

> quoted

---

    preformatted

| a | b |
|---|--:|
| 1 | 2 |

""" + "\n".join(read_sample(PROJECT, name).body.strip() + "\n" for name, kind in KINDS.items() if kind.view)


@cache
def templates() -> Templates:
    """The templates in emails/, compiled once."""
    return Templates(sources.read_templates(PROJECT), sources.read_theme(PROJECT))


def make_publication(**changes: object) -> Publication:
    fields: dict[str, object] = {
        "name": "The Test Letter",
        "author": "Ada Example",
        "sender": "ada@letters.example.com",
        "reply_to": "ada@example.com",
        "postal_address": "1 Test Row, Testville",
        "list_id": "test.letters.example.com",
        "language": "en",
        "home": "https://letter.example.com",
        "slot": Slot(0, time(7), "America/Denver"),
        "links": {
            "upgrade": "https://letter.example.com/upgrade",
            "share": "https://letter.example.com/share?a=1&b=2",
            "coaching": "https://letter.example.com/coaching",
        },
        "benefits": ("Everything", "The archive & more"),
        "goal": Goal(5000, "Five thousand"),
        "referral": ReferralRules(
            milestones=(Milestone("month", 3, "a month of the paid letter", Reward(months=1)),),
        ),
    }
    return Publication(**{**fields, **changes})  # type: ignore[arg-type]


def make_issue(body: str = "Hello.", **changes: object) -> Issue:
    fields: dict[str, object] = {
        "id": "test-issue",
        "slug": "test",
        "file": "content/issues/2026-11-23-test.md",
        "title": "A test",
        "subject": dict.fromkeys(Plan, "A subject"),
        "preview": dict.fromkeys(Plan, "A preview of what is inside"),
        "audience": "everyone",
        "body": body,
        "body_line": 1,
        "published_on": date(2026, 11, 23),
        "audio": Audio("https://letter.example.com/a.mp3", 7, apple="https://podcasts.example.com/a"),
        "comments": "https://letter.example.com/comments",
    }
    return Issue(**{**fields, **changes})  # type: ignore[arg-type]


def make_launch(**changes: object) -> Launch:
    fields: dict[str, object] = {
        "id": "groups",
        "slug": "groups",
        "file": "content/launches/groups.toml",
        "name": "Small groups",
        "subtitle": "Eight chairs",
        "page": "https://letter.example.com/groups",
        "image": "https://letter.example.com/groups.png",
        "button": "See them",
        "opens": datetime(2026, 11, 16, 9),  # noqa: DTZ001 - launches keep wall times
        "closes": datetime(2026, 12, 18, 18),  # noqa: DTZ001
        "zone": "America/Denver",
        "audience": "everyone",
        "sequence": "groups",
    }
    return Launch(**{**fields, **changes})  # type: ignore[arg-type]


def make_facts(**changes: object) -> Facts:
    launch = make_launch()
    fields: dict[str, object] = {
        "subscribers": 4213,
        "now": NOW,
        "base_url": "https://letters.example.com",
        "launches": {launch.id: launch, **FACTS.launches},
    }
    return Facts(**{**fields, **changes})  # type: ignore[arg-type]


def editions(
    body: str = "Hello.", *, facts: Facts | None = None, message: str = "issue", **changes: object
) -> dict[Plan, Edition]:
    """Both editions of a body in the real layout."""
    return render_editions(make_issue(body, **changes), make_publication(), templates(), facts or make_facts(), message)


def filled(text: str, edition: Edition) -> str:
    """Text of an edition with VALUES in it."""
    for tag in edition.merge_tags:
        text = text.replace(tag.tag, VALUES[tag.name])
    return text


def for_outlook(html: str) -> str:
    """What Outlook reads: everything in conditional comments is markup to it."""
    return re.sub(r"<!--\[if mso[^\]]*\]>|<!\[endif\]-->", "", html)


def balance(html: str) -> list[str]:
    """What is left open of boxes; AssertionError where one closes another."""
    open_: list[str] = []
    for closing, tag in re.findall(r"<(/?)(table|tbody|tr|td|div)\b", html):
        if closing:
            assert open_.pop() == tag
        else:
            open_.append(tag)
    return open_


class Read(HTMLParser):
    """What an HTML parser makes of a page: tags with their attributes, and the words between them."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def every(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return "".join(self.words)

"""A reader's name changes nothing but its own text: not the tags around it, not another value, not where a link leads."""

from __future__ import annotations

import json
import re
from functools import cache
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.rendering import editions
from worker.domain.delivery import Recipient
from worker.domain.edition import Edition
from worker.domain.subscriber import NAME_LIMIT, Plan
from worker.render.links import Signer
from worker.render.merge import MergeWriter, shown_name
from worker.render.placeholders import PLACEHOLDER

BASE_URL = "https://letters.example.com"
BODY = """\
Hi {first_name|there}, you (-{first_name|there}-) brought {referral_count|no} friends. **{first_name|there}**!

[for {first_name|there}](https://a.example.com/?n={first_name|there}&m=1#x) and [your link]({referral_link}).

![A picture for {first_name|there}](https://a.example.com/x.png)

::: button https://a.example.com/b?who={first_name|there} Yes, {first_name|there}
:::

| {first_name|there} | b |
|---|---|
| `code` | {first_name|there} |
"""
HOSTILE = [
    '<script>alert("1")</script>',
    "\"'><img/src=x/onerror=alert(1)>",
    "{first_name|there}",
    "{{7*7}}",
    "-bs00h-",
    "bs00h",
    "BS01t-",
    "-bs0",
    "<%asm_global_unsubscribe_raw_url%>",
    "\u202enoor\u2066",
    "a\r\nBcc:x@example.com",
    "\u2028\u0000\ud800",
    "]]>--><!--",
    "&amp;&#39;&copy;",
    "«s00h",
    "javascript:alert(1)",
    "Ann\u0301e\u200d",
    "x" * 10_000,
    '"' * 10_000,
    "%0d%0a%00",
    "\\u{200d}\\n",
]
names = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(min_size=1),
    st.text(st.sampled_from("<>&\"'{}|%-bs0123htu[]()\u202e\u2066\n\r\0\t=/\\ é漢"), min_size=1),
)


@pytest.fixture(scope="module", autouse=True)
def _rendered_before_anything_is_timed() -> None:
    letter()


@cache
def letter() -> Edition:
    return editions(BODY, subject=dict.fromkeys(Plan, "For {first_name|there}: -{first_name|there}-"))[Plan.FREE]


def filled(name: str) -> dict[str, str]:
    """Every part of the letter as a reader of that name gets it, replaced one tag after the other, as SendGrid may."""
    edition = letter()
    reader = Recipient(1, 2, "reader@example.com", name, "k7Qx2", referral_count=3)
    values = json.loads(MergeWriter(edition.merge_tags, BASE_URL, Signer("s" * 32), 3, None).write(reader)[0])
    parts = {"html": edition.html, "text": edition.text, "subject": edition.subject, "preheader": edition.preheader}
    for tag, value in values.items():
        parts = {part: words.replace(tag, value) for part, words in parts.items()}
    return parts


class Page(HTMLParser):
    """A page as a flat list: tags with their attributes, and every run of text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.words: list[str] = [""]
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, tuple(attrs)))
        self.words.append("")

    def handle_endtag(self, tag):
        self.seen.append((f"/{tag}", ()))
        self.words.append("")

    def handle_data(self, data):
        self.words[-1] += data


def shown(name: str) -> str:
    """What of a name is to be read, by the rules of docs/authoring.md."""
    first = name.split(maxsplit=1)[0] if name.strip() else ""
    return shown_name(first) or "there"


@settings(deadline=None)  # pages of ten thousand characters, on a machine that is busy
@given(names)
@example("<b>")
@example("-bs00h-")
@example("bs00h")
@example("bs01t")
@example("x" * 10_000)
def test_a_name_changes_nothing_but_the_text_of_the_name(name: str) -> None:
    ours, theirs = Page(filled("Ana")["html"]), Page(filled(name)["html"])
    assert [tag for tag, _ in theirs.seen] == [tag for tag, _ in ours.seen]
    for (_, expected), (_, found) in zip(ours.seen, theirs.seen, strict=True):
        assert [key for key, _ in found] == [key for key, _ in expected]
        for (key, value), (_, other) in zip(expected, found, strict=True):
            if key not in ("alt", "href", "aria-label") or "Ana" not in str(value):
                assert other == value
            else:
                before, after = str(value).split("Ana", 1)
                assert str(other).startswith(before)
                assert str(other).endswith(after)
    for words, other in zip(ours.words, theirs.words, strict=True):
        assert joined(other) == joined(words.replace("Ana", shown(name)))


def joined(words: str) -> str:
    """Without the sign that keeps a name from looking like a merge tag, which nobody sees."""
    return words.replace("\u2060", "").replace("\u2010", "-").replace("< %", "<%")


@settings(deadline=None)
@given(names)
@example("bs00h")
@example("-bs00h-")
def test_a_name_changes_nothing_else_of_subject_preheader_and_plain_text(name: str) -> None:
    ours, theirs = filled("Ana"), filled(name)
    assert joined(theirs["subject"]) == ours["subject"].replace("Ana", joined(shown(name)))
    assert theirs["preheader"] == ours["preheader"]
    assert len(theirs["text"].splitlines()) == len(ours["text"].splitlines())
    assert not re.search(
        r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", theirs["text"] + theirs["subject"]
    )
    assert "\n" not in theirs["subject"]
    for part in theirs.values():
        assert not PLACEHOLDER.search(part)
        assert "<%" not in part
        part.encode()


@settings(deadline=None)
@given(names)
@example('"><script>')
def test_a_subject_is_never_html_escaped(name: str) -> None:
    subject = filled(name)["subject"]
    if "&" not in shown(name):
        assert "&" not in subject


@pytest.mark.parametrize(
    "name", ["", "  ", ".", "-", "\u200b", "\u3164", "\u2060\u200d", "\u0301", "\ufeff", "…", "_", "\u2800"]
)
def test_a_name_in_which_there_is_nothing_to_see_takes_the_fallback(name: str) -> None:
    made = filled(name)
    assert (
        "Hi there,"
        in Page(made["html"]).words[next(i for i, w in enumerate(Page(made["html"]).words) if w.startswith("Hi"))]
    )
    assert "Hi there," in made["text"]
    assert made["subject"] == "For there: -there-"


@pytest.mark.parametrize("name", ["Ö", "李", "👩🏽‍🚀", "J.", "3", "Ştefan", "عمر", "ㅎ"])
def test_a_name_of_one_sign_is_a_name(name: str) -> None:
    assert f"Hi {name}," in filled(name)["text"]


def test_a_name_of_ten_thousand_characters_is_cut_and_keeps_nobody_from_their_mail() -> None:
    for long in ("x" * 10_000, "漢" * 10_000, "👩" * 10_000, "a" + '"' * 10_000):
        name = shown_name(long)
        assert len(name) == NAME_LIMIT
        assert name.endswith("…")
        assert f"Hi {name}," in filled(long)["text"]

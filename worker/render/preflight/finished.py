"""An edition as its longest reader would get it: every merge tag filled with the longest value there is.

What is measured here is never sent. An HTML page is read once, and rules ask what they need of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser

from worker.domain.edition import Edition, MergeName, MergeTag, Place
from worker.domain.subscriber import NAME_LIMIT

# What takes most room: in HTML six bytes for a quotation mark, in text four for a letter beyond the usual, twelve once
# that is percent-encoded.
_WIDEST = {Place.HTML: "&quot;", Place.TEXT: "\U0001d538", Place.URL: "%F0%9D%94%B8"}
_TOKEN = 44  # characters of the longest token of a reader, its mark encoded
_APPLY_TOKEN = 300  # with a launch's id of 200 bytes
_COUNT = "9999999"


@dataclass(frozen=True, slots=True)
class Longest:
    """The longest values in the list of readers: characters of a name and of a referral code."""

    name: int = NAME_LIMIT
    code: int = 40
    reward: int = 40  # of a milestone's name

    def value(self, tag: MergeTag) -> str:
        """The longest that a tag can become, or its fallback."""
        match tag.name:
            case MergeName.FIRST_NAME:
                value = _WIDEST[tag.place] * min(self.name, NAME_LIMIT)
            case MergeName.REFERRAL_COUNT | MergeName.REFERRALS_TO_GO:
                value = _COUNT
            case MergeName.NEXT_REWARD:
                value = _WIDEST[tag.place] * self.reward
            case MergeName.REFERRAL_LINK:
                value = "%2D" * self.code
            case MergeName.APPLY_LINK | MergeName.MUTE_LINK:
                value = "x" * _APPLY_TOKEN
            case _:
                value = "x" * _TOKEN
        return max(value, tag.fallback, key=lambda words: len(words.encode()))


@dataclass(frozen=True)
class Finished:
    """One edition with the longest values in it."""

    subject: str
    preheader: str
    html: str
    text: str

    @classmethod
    def of(cls, edition: Edition, longest: Longest) -> Finished:
        """The edition, filled."""
        parts = [edition.subject, edition.preheader, edition.html, edition.text]
        for tag in edition.merge_tags:
            value = longest.value(tag)
            parts = [part.replace(tag.tag, value) for part in parts]
        return cls(*parts)

    @cached_property
    def page(self) -> Page:
        """The HTML, read."""
        return Page(self.html)

    @cached_property
    def styles(self) -> list[str]:
        """What each <style> says."""
        return re.findall(r"<style[^>]*>(.*?)</style>", self.html, re.DOTALL)


class Page(HTMLParser):
    """Tags with their attributes in order, and the words that follow each."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._words: list[list[str]] = [[]]
        self._ends: dict[int, int] = {}
        self._open: list[int] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag begins."""
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._words.append([])
        self._open.append(len(self.tags) - 1)

    def handle_endtag(self, tag: str) -> None:
        """A tag ends; tags without an end that were opened in it end too."""
        for at in range(len(self._open) - 1, -1, -1):
            if self.tags[self._open[at]][0] == tag:
                for opened in self._open[at:]:
                    self._ends[opened] = len(self.tags)
                del self._open[at:]
                return

    def handle_data(self, words: str) -> None:
        """Words."""
        self._words[-1].append(words)

    def every(self, *names: str) -> Iterator[tuple[int, dict[str, str]]]:
        """Place and attributes of every such tag."""
        yield from ((at, attributes) for at, (tag, attributes) in enumerate(self.tags) if tag in names)

    def words(self, at: int) -> str:
        """What stands within the tag at a place, with the words of pictures."""
        end = self._ends.get(at, at + 1)
        said = []
        for inner in range(at, end):
            tag, attributes = self.tags[inner]
            said += [attributes.get("alt", "")] if tag == "img" else []
            said += self._words[inner + 1]
        return " ".join("".join(said).split())

    def said(self, at: int) -> list[str]:
        """The runs of words within the tag at a place, as they stand."""
        return ["".join(words) for words in self._words[at + 1 : self._ends.get(at, at + 1) + 1]]

    def words_between(self, first: int, last: int) -> str:
        """What is said after one tag begins and before another does, blanks left out."""
        return "".join("".join(words) for words in self._words[first + 1 : last + 1]).strip()

    def inside(self, at: int, name: str) -> bool:
        """Whether a tag of that name stands within the one at a place."""
        return any(tag == name for tag, _ in self.tags[at + 1 : self._ends.get(at, at + 1)])

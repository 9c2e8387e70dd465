"""Merge tags as authors write them, and the placeholders an edition carries in their place.

A placeholder is `-bs00h-`: fixed width, so none is part of another, and of characters that Markdown, Jinja,
MRML and SendGrid leave alone. Values are filled in elsewhere, per reader. The author's own text may hold nothing
that could be taken for a placeholder, alone or beside one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote

from worker.domain.edition import MergeName, MergeTag, Place
from worker.errors import RenderError
from worker.render.blocks import Merge, Pieces
from worker.render.campaign import Campaign
from worker.render.links import LINK_PATHS

#: `{name}` or `{name|fallback}`; doubled braces are somebody else's template language and stay text.
WRITTEN = re.compile(r"(?<![{\\])\{([a-z][a-z_]*)(?:\|([^{}\n]*))?\}(?!\})")

PLACEHOLDER = re.compile(r"-bs\d\d[htu]-")

MARK = "\0"  # stands for a merge tag where only the words around it matter; the author's text cannot hold it

_LOOKALIKE = re.compile(r"[-\0]bs\d\d[htu]|bs\d\d[htu][-\0]")
_LIMIT = 100  # two digits


def merge_of(name: str, fallback: str | None, file: str, line: int | None, otherwise: str = "") -> Merge:
    """The merge tag of that name; RenderError naming the line for a name that is not on the list.

    `otherwise` says how braces are written where a backslash does not do.
    """
    fallback = (fallback or "").strip()
    try:
        merge = Merge(MergeName(name), fallback)
    except ValueError:
        known = ", ".join(f"{{{tag}}}" for tag in MergeName)
        otherwise = otherwise or f"write \\{{{name}}} to keep the braces as text"
        raise RenderError(
            f"{{{name}}} is no merge tag",
            file=file,
            line=line,
            fix=f"use one of {known}, or {otherwise}",
            rule="merge-tag",
        ) from None
    if merge.name in (MergeName.REFERRALS_TO_GO, MergeName.NEXT_REWARD) and not fallback:
        raise RenderError(
            f"{{{merge.name}}} without a fallback",
            file=file,
            line=line,
            fix=f"write {{{merge.name}|none}}, with words for readers who have reached everything",
            rule="fallback",
        )
    if merge.name is MergeName.FIRST_NAME and not any(unicodedata.category(c)[0] in "LNPS" for c in fallback):
        raise RenderError(
            "{first_name} without a fallback",
            file=file,
            line=line,
            fix="write {first_name|there}, with a word that suits readers who gave no name",
            rule="fallback",
        )
    return merge


def split(text: str, file: str, line: int | None = None, otherwise: str = "") -> Pieces:
    """One line of text cut at its merge tags; `\\{` is a brace that opens none. For `otherwise` see `merge_of`."""
    found: list[str | Merge] = []
    at = 0
    for match in WRITTEN.finditer(text):
        if match.start() > at:
            found.append(text[at : match.start()].replace("\\{", "{"))
        found.append(merge_of(match[1], match[2], file, line, otherwise))
        at = match.end()
    if at < len(text):
        found.append(text[at:].replace("\\{", "{"))
    pieces = tuple(found)
    refuse_lookalikes(marked(pieces), file, line)
    return pieces


def marked(pieces: Iterable[str | Merge]) -> str:
    """The words of the pieces, each merge tag as one MARK."""
    return "".join(piece if isinstance(piece, str) else MARK for piece in pieces)


def refuse_lookalikes(text: str, file: str, line: int | None) -> None:
    """RenderError where text, merge tags written as MARK, holds what a placeholder could be mistaken for."""
    if found := _LOOKALIKE.search(text):
        raise RenderError(
            f"{found[0].replace(MARK, '')!r} has the form of the placeholders that merge tags become",
            file=file,
            line=line,
            fix="write it differently, for example with a space in it",
        )


class MergeTags:
    """The placeholders of one edition, numbered in the order in which they were first needed."""

    def __init__(self, file: str, base_url: str, campaign: Campaign | None = None) -> None:
        """`base_url` is the web's public address; `campaign` is what links are counted under, if they are."""
        self._file = file
        self._campaign = campaign
        self._base = base_url.rstrip("/")
        self._tags: dict[tuple[MergeName, str, Place], MergeTag] = {}
        self.asked = 0  # how often a placeholder was asked for: what was made meanwhile is this edition's alone

    def placeholder(self, merge: Merge, place: Place) -> str:
        """What stands for a merge tag in `place`: its placeholder, for a link with the address before it."""
        self.asked += 1
        if (path := LINK_PATHS.get(merge.name)) is not None:
            start = self._base + path
            tag = self._tag(Merge(merge.name), Place.URL)
            return (quote(start, safe="") if place is Place.URL else start) + tag
        return self._tag(merge, place)

    def _tag(self, merge: Merge, place: Place) -> str:
        key = (merge.name, merge.fallback, place)
        if (known := self._tags.get(key)) is None:
            if len(self._tags) >= _LIMIT:
                raise RenderError(
                    f"more than {_LIMIT} different merge tags in one edition",
                    file=self._file,
                    fix="use fewer different fallbacks",
                )
            known = MergeTag(f"-bs{len(self._tags):02d}{place.value}-", merge.name, merge.fallback, place)
            self._tags[key] = known
        return known.tag

    def fill(self, pieces: Pieces, place: Place) -> str:
        """The pieces as text with placeholders; nothing is escaped yet."""
        return "".join([p if isinstance(p, str) else self.placeholder(p, place) for p in pieces])

    def address(self, target: Pieces, whole: Place) -> str:
        """A link's address. A tag that begins it is escaped for `whole`; inside one, it is percent-encoded."""
        target = self._campaign.tagged(target) if self._campaign else target
        return self.fill(target[:1], whole) + self.fill(target[1:], Place.URL)

    @property
    def used(self) -> tuple[MergeTag, ...]:
        """Every placeholder handed out so far."""
        return tuple(self._tags.values())

"""Merge values: what each merge tag of an edition says to one recipient, escaped for the place it lands in.

A value changes nothing but its own text: it cannot close an attribute, start a tag, break a line, turn the reading
direction of what follows, or look like another merge tag. Decides nothing about who gets mail. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from urllib.parse import quote

from worker.domain.delivery import Recipient
from worker.domain.edition import MergeName, MergeTag, Place
from worker.domain.subscriber import first_name
from worker.render.links import Signer, referral_path

TAG_MARK = "-bs"  # how every merge tag begins; no value may contain it
_MARK = re.compile("-(?=bs)", re.IGNORECASE)

#: Controls, line ends and lone surrogates, bidirectional controls (an RTL override would turn the author's words),
#: the byte order mark. Joiners stay: Persian names and family emoji need them.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]+"
)

Values = dict[str, str]


class MergeWriter:
    """Compiled once for an edition and a mailing, then asked once per recipient (about 3.5 us with four tags)."""

    def __init__(
        self, tags: Sequence[MergeTag], base_url: str, signer: Signer, mailing_id: int, launch_id: str | None
    ) -> None:
        """`base_url` is the web's public address. Raises ValueError where a tag needs a launch and there is none."""
        self._base = base_url.rstrip("/")
        self._signer = signer
        self._mailing_id = mailing_id
        for tag in tags:
            if not tag.tag.startswith(TAG_MARK):
                raise ValueError(f"a merge tag begins with {TAG_MARK}, not as {tag.tag!r} does")
            if tag.name is MergeName.APPLY_LINK and not launch_id:
                raise ValueError("apply_link is used in a mailing that belongs to no launch")
        self._fallbacks = {tag.tag: _placed(_one_line(tag.fallback), tag.place) for tag in tags}
        by_name = {name: [tag for tag in tags if tag.name is name] for name in MergeName}
        self._names = [(tag.tag, tag.place, tag.place is Place.URL) for tag in by_name[MergeName.FIRST_NAME]]
        self._counts = [(tag.tag, bool(tag.fallback)) for tag in by_name[MergeName.REFERRAL_COUNT]]
        self._unsubscribes = self._written_links(by_name[MergeName.UNSUBSCRIBE_LINK])
        self._manages = self._written_links(by_name[MergeName.MANAGE_LINK])
        paths: dict[MergeName, Callable[[Recipient], str]] = {
            MergeName.REFERRAL_LINK: lambda recipient: referral_path(quote(recipient.referral_code, safe="")),
            MergeName.APPLY_LINK: lambda recipient: signer.apply_path(recipient.subscriber_id, launch_id or ""),
        }
        self._links = [(path, self._written_links(by_name[name])) for name, path in paths.items() if by_name[name]]

    def write(self, recipient: Recipient) -> tuple[Values, str]:
        """Every tag's value, in the edition's order, and the recipient's unsubscribe URL (for the header)."""
        values = self._fallbacks.copy()
        if self._names:
            self._write_name(values, first_name(recipient.name))
        for tag, has_fallback in self._counts:
            if recipient.referral_count or not has_fallback:  # "you brought {referral_count|no} friends"
                values[tag] = str(recipient.referral_count)
        unsubscribe, manage = self._signer.reader_paths(recipient.subscriber_id, self._mailing_id)
        if TAG_MARK in unsubscribe or TAG_MARK in manage:
            unsubscribe, manage = _unmarked(unsubscribe), _unmarked(manage)
        for tag, base, in_url in self._unsubscribes:
            values[tag] = base + (quote(unsubscribe, safe="") if in_url else unsubscribe)
        for tag, base, in_url in self._manages:
            values[tag] = base + (quote(manage, safe="") if in_url else manage)
        for path_of, tags in self._links:
            path = _unmarked(path_of(recipient))
            for tag, base, in_url in tags:
                values[tag] = base + (quote(path, safe="") if in_url else path)
        return values, self._base + unsubscribe

    def _write_name(self, values: Values, name: str) -> None:
        if name.isalnum():  # letters and digits of any script: nothing to escape but in a URL
            for tag, _place, in_url in self._names:
                values[tag] = quote(name, safe="") if in_url else name
            return
        name = _one_line(name)
        if name:
            for tag, place, _in_url in self._names:
                values[tag] = _placed(name, place)

    def _written_links(self, tags: list[MergeTag]) -> list[tuple[str, str, bool]]:
        """Per tag: the base address as its place writes it, and whether the path must be percent-encoded too.

        Place.URL is for a link that travels inside another address (`?url=...`). A link that is the whole `href`
        is Place.HTML.
        """
        forms = {Place.HTML: escape(self._base), Place.TEXT: self._base, Place.URL: quote(self._base, safe="")}
        return [(tag.tag, forms[tag.place], tag.place is Place.URL) for tag in tags]


def _one_line(text: str) -> str:
    return _UNPRINTABLE.sub(" ", text).strip()


def _placed(text: str, place: Place) -> str:
    """Escaped for the place, with nothing left that SendGrid would replace: no merge tag and no `<%...%>` of its own."""
    match place:
        case Place.HTML:
            return _MARK.sub("&#45;", escape(text, quote=True))
        case Place.URL:
            return _MARK.sub("%2D", quote(text, safe=""))
        case Place.TEXT:
            return _MARK.sub("\u2010", text.replace("<%", "< %"))


def _unmarked(path: str) -> str:
    """A token may hold the mark by chance, once in about 10,000. %2D is the same character to every web server."""
    return path.replace(TAG_MARK, "%2Dbs")

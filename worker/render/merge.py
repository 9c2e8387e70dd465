"""Merge values: what each merge tag of an edition says to one recipient, escaped for the place it lands in.

A value changes nothing but its own text: it cannot close an attribute, start a tag, break a line, turn the reading
direction of what follows, or look like another merge tag. Decides nothing about who gets mail. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from operator import itemgetter
from urllib.parse import quote

import orjson

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

# What `write_json` fills in, by position: the name for HTML, text and URL, the count, four links, and the same four
# percent-encoded.
_NAME_IN_URL, _COUNT, _FIRST_LINK = 2, 3, 4
_LINKS = (MergeName.UNSUBSCRIBE_LINK, MergeName.MANAGE_LINK, MergeName.REFERRAL_LINK, MergeName.APPLY_LINK)


class MergeWriter:
    """Compiled once for an edition and a mailing, then asked once per recipient.

    `write` gives the values as a dict, for looking at. `write_json` gives the same as the text of a JSON object, which
    a request carries as it is; filling one prepared text is much cheaper than a dict of ten links for each recipient.
    """

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
            MergeName.REFERRAL_LINK: lambda recipient: referral_path(_unmarked(_code(recipient.referral_code))),
            MergeName.APPLY_LINK: lambda recipient: _unmarked(
                signer.apply_path(recipient.subscriber_id, launch_id or "")
            ),
        }
        self._links = [(path, self._written_links(by_name[name])) for name, path in paths.items() if by_name[name]]
        self._tags = tuple(tags)
        self._forms = {
            (named, counted): self._form(named, counted) for named in (True, False) for counted in (True, False)
        }
        self._refers, self._applies = bool(by_name[MergeName.REFERRAL_LINK]), bool(by_name[MergeName.APPLY_LINK])
        self._paths = paths
        self._in_urls = any(tag.place is Place.URL for tag in tags)

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
            path = path_of(recipient)
            for tag, base, in_url in tags:
                values[tag] = base + (quote(path, safe="") if in_url else path)
        return values, self._base + unsubscribe

    def write_json(self, recipient: Recipient) -> tuple[str, str]:
        """`write`, with the values as the text of a JSON object."""
        name = first_name(recipient.name)
        if name and not name.isalnum():
            name = _one_line(name)
        unsubscribe, manage = self._signer.reader_paths(recipient.subscriber_id, self._mailing_id)
        if TAG_MARK in unsubscribe or TAG_MARK in manage:
            unsubscribe, manage = _unmarked(unsubscribe), _unmarked(manage)
        refer = self._paths[MergeName.REFERRAL_LINK](recipient) if self._refers else ""
        apply = self._paths[MergeName.APPLY_LINK](recipient) if self._applies else ""
        if not name or name.isalnum():  # letters and digits of any script: nothing to escape but in a URL
            cells = [name, name, "", str(recipient.referral_count), unsubscribe, manage, refer, apply]
        else:
            html, text = _json(_placed(name, Place.HTML)), _json(_placed(name, Place.TEXT))
            cells = [html, text, "", str(recipient.referral_count), unsubscribe, manage, refer, apply]
        if self._in_urls:
            cells[_NAME_IN_URL] = _placed(name, Place.URL)
            cells += [quote(path, safe="") for path in cells[-len(_LINKS) :]]
        pieces, pick = self._forms[name != "", recipient.referral_count != 0]
        filled = pieces.copy()
        filled[1::2] = pick(cells)
        return "".join(filled), self._base + unsubscribe

    def _form(self, named: bool, counted: bool) -> tuple[list[str], Callable[[list[str]], tuple[str, ...]]]:
        """The object's text for readers with or without a name and a count: fixed pieces, with a gap after each but the
        last, and what picks the cells that fill the gaps."""
        pieces, cells = ["{"], list[int]()
        for number, tag in enumerate(self._tags):
            pieces[-1] += f'{"," if number else ""}"{tag.tag}":"'
            if tag.name in _LINKS:
                ((_, base, in_url),) = self._written_links([tag])
                pieces[-1] += _json(base)
                cells.append(_FIRST_LINK + _LINKS.index(tag.name) + (len(_LINKS) if in_url else 0))
                pieces.append('"')
            elif tag.name is MergeName.FIRST_NAME and named:
                cells.append((Place.HTML, Place.TEXT, Place.URL).index(tag.place))
                pieces.append('"')
            elif tag.name is MergeName.REFERRAL_COUNT and (counted or not tag.fallback):
                cells.append(_COUNT)
                pieces.append('"')
            else:
                pieces[-1] += _json(self._fallbacks[tag.tag]) + '"'
        pieces[-1] += "}"
        gaps = [piece for pair in zip(pieces, [*([""] * len(cells)), ""], strict=True) for piece in pair][:-1]
        return gaps, (itemgetter(*cells) if len(cells) > 1 else lambda all_: tuple(all_[cell] for cell in cells))

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


def _code(referral_code: str) -> str:
    # Ours are letters and digits; an imported one may be anything.
    if referral_code.isalnum() and referral_code.isascii():
        return referral_code
    return quote(referral_code, safe="")


def _json(text: str) -> str:
    """A text as it stands between the quotes of a JSON string."""
    return orjson.dumps(text).decode()[1:-1]


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

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
from worker.domain.milestone import Milestone, next_milestone
from worker.domain.subscriber import NAME_LIMIT, first_name
from worker.render.links import LINK_PATHS, Signer

TAG_MARK = "-bs"  # how every merge tag begins; no value may contain it
#: What could be read as a merge tag, alone or beside a hyphen of the author's.
_MARK = re.compile(r"-(?=bs)|b(?=s\d\d[htu])", re.IGNORECASE)
_IN_HTML = {"-": "&#45;", "b": "&#98;", "B": "&#66;"}
_IN_URL = {"-": "%2D", "b": "%62", "B": "%42"}
_IN_TEXT = {"-": "\u2010", "b": "b\u2060", "B": "B\u2060"}  # a hyphen that looks the same; an invisible joiner

#: Controls, line ends and lone surrogates, bidirectional controls (an RTL override would turn the author's words),
#: the byte order mark, non-characters. Joiners stay: Persian names and family emoji need them.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]+"
)

#: A name without one of these shows nothing that could be a name: a dot, a dash, an invisible letter.
_SHOWN = re.compile(r"[^\W_\u115f\u1160\u3164\uffa0]|[\u2190-\u27ff\u2900-\u2bff\U0001f000-\U0001faff]")

# The cells a recipient's values are picked from, by position: the name for HTML, text and URL, the count, eight links, and,
# only where there is a milestone ahead, the friends to go and what it brings for HTML, text and URL.
_NAME = {Place.HTML: 0, Place.TEXT: 1, Place.URL: 2}
_COUNT = 3
_LINK = {name: 4 + number for number, name in enumerate(LINK_PATHS)}
_TO_GO = 4 + len(LINK_PATHS)
_REWARD = {Place.HTML: _TO_GO + 1, Place.TEXT: _TO_GO + 2, Place.URL: _TO_GO + 3}
_PROMISES = {MergeName.REFERRALS_TO_GO, MergeName.NEXT_REWARD}

#: They say which launch is meant by the mailing they stand in.
OF_A_LAUNCH = (MergeName.APPLY_LINK, MergeName.MUTE_LINK)

_Pick = Callable[[list[str]], tuple[str, ...]]


class MergeWriter:
    """Compiled once for an edition and a mailing, then asked once per recipient.

    What it writes is the text of a JSON object, which a request carries as it is: prepared pieces with gaps, filled and
    joined. A worker spends much of its time here, and a dict for each recipient costs twice as much.
    """

    def __init__(
        self,
        tags: Sequence[MergeTag],
        base_url: str,
        signer: Signer,
        mailing_id: int,
        launch_id: str | None,
        milestones: Sequence[Milestone] = (),
    ) -> None:
        """`base_url` is the web's public address. Raises ValueError where a tag needs a launch and there is none."""
        for tag in tags:
            if not tag.tag.startswith(TAG_MARK):
                raise ValueError(f"a merge tag begins with {TAG_MARK}, not as {tag.tag!r} does")
            if tag.name in OF_A_LAUNCH and not launch_id:
                raise ValueError(f"{tag.name.value} is used in a mailing that belongs to no launch")
        names = {tag.name for tag in tags}
        self._unsubscribe_base = base_url.rstrip("/") + LINK_PATHS[MergeName.UNSUBSCRIBE_LINK]
        self._signer, self._mailing_id, self._launch_id = signer, mailing_id, launch_id or ""
        self.counts_rewards = not names.isdisjoint(_PROMISES)
        self.counts_referrals = self.counts_rewards or MergeName.REFERRAL_COUNT in names
        self._milestones = milestones if self.counts_rewards else ()
        self._rewards = {one.id: _reward_cells(one.name) for one in self._milestones}
        self._shows_friends = MergeName.REWARDS_LINK in names
        self._refers, self._applies = MergeName.REFERRAL_LINK in names, MergeName.APPLY_LINK in names
        self._confirms, self._mutes = MergeName.CONFIRM_LINK in names, MergeName.MUTE_LINK in names
        self._name_in_url = any(tag.name is MergeName.FIRST_NAME and tag.place is Place.URL for tag in tags)
        self._forms = {
            (named, counted, promised): _form(tags, named, counted, promised)
            for named in (True, False)
            for counted in (True, False)
            for promised in (True, False)
        }

    def write(self, recipient: Recipient) -> tuple[str, str]:
        """Every tag's value in the edition's order, as a JSON object's text, and the unsubscribe URL for the header."""
        unsubscribe, manage = self._signer.reader_tokens(recipient.subscriber_id, self._mailing_id)
        if TAG_MARK in unsubscribe or TAG_MARK in manage:
            unsubscribe, manage = _unmarked(unsubscribe), _unmarked(manage)
        refer = _code(recipient.referral_code) if self._refers else ""
        apply = _unmarked(self._signer.apply_token(recipient.subscriber_id, self._launch_id)) if self._applies else ""
        confirm = (
            _unmarked(self._signer.confirm_token(recipient.subscriber_id, self._mailing_id)) if self._confirms else ""
        )
        friends = (
            _unmarked(self._signer.friends_token(recipient.subscriber_id, self._mailing_id))
            if self._shows_friends
            else ""
        )
        mute = _unmarked(self._signer.mute_token(recipient.subscriber_id, self._launch_id)) if self._mutes else ""
        name = first_name(recipient.name)
        count = str(recipient.referral_count)
        if not name or (name.isalnum() and _SHOWN.match(name) and len(name) <= NAME_LIMIT and not _MARK.search(name)):
            # Letters and digits of any script: nothing to escape but in a URL.
            cells = [name, name, "", count, unsubscribe, manage, refer, apply, confirm, friends, mute]
        else:
            name = shown_name(name)
            html, text = _json(_placed(name, Place.HTML)), _json(_placed(name, Place.TEXT))
            cells = [html, text, "", count, unsubscribe, manage, refer, apply, confirm, friends, mute]
        if self._name_in_url:
            cells[_NAME[Place.URL]] = _placed(name, Place.URL)
        promised = False
        if self._milestones:
            ahead = next_milestone(self._milestones, recipient.referral_count, recipient.milestones.split(","))
            if ahead is not None:
                promised = True
                cells += [str(ahead.friends - recipient.referral_count), *self._rewards[ahead.id]]
        pieces, pick = self._forms[name != "", recipient.referral_count != 0, promised]
        filled = pieces.copy()
        filled[1::2] = pick(cells)
        return "".join(filled), self._unsubscribe_base + unsubscribe


def _reward_cells(name: str) -> tuple[str, str, str]:
    """What a milestone brings, for HTML, text and URL."""
    name = _one_line(name)
    return _json(_placed(name, Place.HTML)), _json(_placed(name, Place.TEXT)), _placed(name, Place.URL)


def _form(tags: Sequence[MergeTag], named: bool, counted: bool, promised: bool) -> tuple[list[str], _Pick]:
    """For readers with or without a name, a count, a milestone ahead: the object's text as pieces with a gap after each
    but the last, and what picks the cells for the gaps. A fallback is part of a piece."""
    pieces, cells = ["{"], list[int]()
    for number, tag in enumerate(tags):
        pieces[-1] += f'{"," if number else ""}"{tag.tag}":"'
        cell = _cell(tag, named, counted, promised)
        if cell is None:
            pieces[-1] += _json(_placed(_one_line(tag.fallback), tag.place)) + '"'
        else:
            cells.append(cell)
            pieces += ["", '"']
    pieces[-1] += "}"
    return pieces, itemgetter(*cells) if len(cells) > 1 else lambda all_: tuple(all_[cell] for cell in cells)


def _cell(tag: MergeTag, named: bool, counted: bool, promised: bool) -> int | None:
    """Which cell a tag's value comes from; None where its fallback stands."""
    if tag.name is MergeName.FIRST_NAME:
        return _NAME[tag.place] if named else None
    if tag.name is MergeName.REFERRAL_COUNT:  # "you brought {referral_count|no} friends"
        return _COUNT if counted or not tag.fallback else None
    if tag.name is MergeName.REFERRALS_TO_GO:
        return _TO_GO if promised else None
    if tag.name is MergeName.NEXT_REWARD:
        return _REWARD[tag.place] if promised else None
    return _LINK[tag.name]


def _code(referral_code: str) -> str:
    # Ours are letters and digits; an imported one may be anything.
    if referral_code.isalnum() and referral_code.isascii():
        return referral_code
    return _quoted(referral_code)


def _json(text: str) -> str:
    """A text as it stands between the quotes of a JSON string."""
    return orjson.dumps(text).decode()[1:-1]


def shown_name(name: str) -> str:
    """A first name as mail shows it: one line, at most NAME_LIMIT characters; empty where there is nothing to see."""
    name = _one_line(name)
    if not _SHOWN.search(name):
        return ""
    return name if len(name) <= NAME_LIMIT else name[: NAME_LIMIT - 1].rstrip() + "…"


def _one_line(text: str) -> str:
    return _UNPRINTABLE.sub(" ", text).strip()


def _placed(text: str, place: Place) -> str:
    """Escaped for the place, with nothing left that SendGrid would replace: no merge tag and no `<%...%>` of its own."""
    match place:
        case Place.HTML:
            return _MARK.sub(lambda mark: _IN_HTML[mark[0]], escape(text, quote=True))
        case Place.URL:
            return _quoted(text)
        case Place.TEXT:
            return _MARK.sub(lambda mark: _IN_TEXT[mark[0]], text.replace("<%", "< %"))


def _quoted(text: str) -> str:
    """Percent-encoded. Marks are found before that, for afterwards a B may be half of an escape."""
    pieces, at = list[str](), 0
    for mark in _MARK.finditer(text):
        pieces += [quote(text[at : mark.start()], safe=""), _IN_URL[mark[0]]]
        at = mark.end()
    return "".join(pieces) + quote(text[at:], safe="")


def _unmarked(token: str) -> str:
    """A token may hold the mark by chance, once in about 10,000. %2D is the same character to every web server."""
    return token.replace(TAG_MARK, "%2Dbs")

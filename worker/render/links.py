"""Signed short links: who a reader is, proven by the link alone, without a session or a row in a table.

A token is base64url of `format byte + packed ids + 12 bytes of keyed BLAKE2b`. Every purpose has its own MAC, so a link
to the preferences can never be replayed as an unsubscribe. Nothing expires: RFC 8058 wants old mail to be
able to unsubscribe, so a key that was replaced goes on being read. What a link does is the web's business. Knows no
address and no name.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from worker.domain.edition import MergeName
from worker.errors import LinkError

MAC_BYTES = 12  # 96 bits: a forger needs 2^95 tries on average, and each try is a request to us
CODE_KEPT = timedelta(days=30)  # so long the first reader whose link was followed is credited
TOKEN_LIMIT = 512  # characters; a longer one is not ours and is not even decoded

_NARROW, _WIDE, _NAMED = 1, 2, 3
_PACK_NARROW = struct.Struct(">cBII")  # with a letter in front, which is signed but not sent
_PACK_WIDE = struct.Struct(">cBQQ")
_PACK_NAMED = struct.Struct(">cBQ")
_base64 = binascii.b2a_base64
_URLSAFE = bytes.maketrans(b"+/", b"-_")


#: Where a merge tag's link leads; what follows is the reader's own part, a token or a referral code.
LINK_PATHS = {
    MergeName.UNSUBSCRIBE_LINK: "/u/",
    MergeName.MANAGE_LINK: "/m/",
    MergeName.REFERRAL_LINK: "/r/",
    MergeName.APPLY_LINK: "/a/",
    MergeName.CONFIRM_LINK: "/c/",
    MergeName.REWARDS_LINK: "/f/",
    MergeName.MUTE_LINK: "/n/",
}


class Purpose(StrEnum):
    """What a link is for; its value is the path's first part."""

    UNSUBSCRIBE = "u"
    MANAGE = "m"
    APPLY = "a"
    CONFIRM = "c"
    MUTE = "n"  # not this launch
    UNDO = "b"  # back: takes one leaving back
    FRIENDS = "f"  # whom they brought, as a number, and what it earned


#: The letter that is signed with the ids, and where the purpose's 12 bytes start in the 32 of the HMAC. Every message
#: needs the first two, so they share one HMAC and take disjoint parts of it, of which neither tells the other.
_CUTS = {
    Purpose.UNSUBSCRIBE: (b"r", 0),
    Purpose.MANAGE: (b"r", MAC_BYTES),
    Purpose.APPLY: (b"a", 0),
    Purpose.CONFIRM: (b"c", 0),
    Purpose.MUTE: (b"n", 0),
    Purpose.UNDO: (b"b", 0),
    Purpose.FRIENDS: (b"f", 0),
}


@dataclass(frozen=True, slots=True)
class LinkIds:
    """What a token says. `mailing_id` is 0 and `launch_id` empty where the purpose has none.

    `moment` (Unix seconds) is when they left, in a token that takes it back; such a token names no mailing.
    """

    subscriber_id: int
    mailing_id: int = 0
    launch_id: str = ""
    moment: int = 0


class Signer:
    """Signs with one secret, and reads what that one or an earlier one signed. Immutable, so it may be shared by threads
    and survive a fork."""

    def __init__(self, secret: str, *before: str) -> None:
        """`before`: the secrets that were used earlier, in any order. Raises ValueError for an empty one."""
        if not secret or not all(before):
            raise ValueError("links cannot be signed with an empty secret")
        self._keyed = _keyed(secret)
        self._all = (self._keyed, *map(_keyed, before))

    def unsubscribe_path(self, subscriber_id: int, mailing_id: int) -> str:
        """`/u/<token>`: the one-click unsubscribe of one message."""
        signed = _packed(b"r", subscriber_id, mailing_id)
        return "/u/" + _encoded(signed[1:] + self._digest(signed)[:MAC_BYTES])

    def manage_path(self, subscriber_id: int, mailing_id: int = 0) -> str:
        """`/m/<token>`: the reader's preferences; the mailing says where they came from (0: from none)."""
        return "/m/" + self.reader_tokens(subscriber_id, mailing_id)[1]

    def reader_tokens(self, subscriber_id: int, mailing_id: int) -> tuple[str, str]:
        """The tokens of both for the price of one signature. Written out, for it runs once per recipient."""
        if subscriber_id <= 0xFFFFFFFF and mailing_id <= 0xFFFFFFFF:
            signed = _PACK_NARROW.pack(b"r", _NARROW, subscriber_id, mailing_id)
            keyed = self._keyed.copy()
            keyed.update(signed)
            digest, sent = keyed.digest(), signed[1:]
            # 9 bytes of ids and 12 of MAC are 28 characters without a remainder: both tokens in one pass.
            both = _base64(sent + digest[:MAC_BYTES] + sent + digest[MAC_BYTES:], newline=False)
            tokens = both.translate(_URLSAFE).decode()
            return tokens[:28], tokens[28:]
        signed = _PACK_WIDE.pack(b"r", _WIDE, subscriber_id, mailing_id)
        sent, digest = signed[1:], self._digest(signed)
        return _encoded(sent + digest[:MAC_BYTES]), _encoded(sent + digest[MAC_BYTES:])

    def confirm_path(self, subscriber_id: int, mailing_id: int = 0) -> str:
        """`/c/<token>`: confirms a sign-up; the mailing says which confirmation it came with."""
        return "/c/" + self.confirm_token(subscriber_id, mailing_id)

    def confirm_token(self, subscriber_id: int, mailing_id: int) -> str:
        """Its token."""
        signed = _packed(b"c", subscriber_id, mailing_id)
        return _encoded(signed[1:] + self._digest(signed)[:MAC_BYTES])

    def friends_path(self, subscriber_id: int, mailing_id: int = 0) -> str:
        """`/f/<token>`: the reader's own page of friends and rewards; the mailing says where they came from."""
        return "/f/" + self.friends_token(subscriber_id, mailing_id)

    def friends_token(self, subscriber_id: int, mailing_id: int) -> str:
        """Its token."""
        signed = _packed(b"f", subscriber_id, mailing_id)
        return _encoded(signed[1:] + self._digest(signed)[:MAC_BYTES])

    def undo_path(self, subscriber_id: int, left_at: datetime) -> str:
        """`/b/<token>`: takes back the leaving of that moment, and no other."""
        signed = _packed(b"b", subscriber_id, int(left_at.timestamp()))
        return "/b/" + _encoded(signed[1:] + self._digest(signed)[:MAC_BYTES])

    def apply_path(self, subscriber_id: int, launch_id: str) -> str:
        """`/a/<token>`: the reader's own link to apply to a launch."""
        return "/a/" + self.apply_token(subscriber_id, launch_id)

    def apply_token(self, subscriber_id: int, launch_id: str) -> str:
        """Its token; the launch's id travels as text (at most 200 bytes)."""
        return self._named(b"a", subscriber_id, launch_id)

    def mute_path(self, subscriber_id: int, launch_id: str) -> str:
        """`/n/<token>`: the reader's own link to hear no more of a launch."""
        return "/n/" + self.mute_token(subscriber_id, launch_id)

    def mute_token(self, subscriber_id: int, launch_id: str) -> str:
        """Its token."""
        return self._named(b"n", subscriber_id, launch_id)

    def read(self, token: str, purpose: Purpose) -> LinkIds:
        """The ids in a token made for this purpose. Raises LinkError for anything else, however it is damaged."""
        return _unpacked(purpose, self._opened(token, *_CUTS[purpose]))

    def code_cookie(self, referral_code: str, now: datetime) -> str:
        """What a browser keeps of the reader whose link it followed: their code and the moment, signed."""
        sent = struct.pack(">Q", int(now.timestamp())) + referral_code.encode()
        return _encoded(sent + self._digest(b"k" + sent)[:MAC_BYTES])

    def read_code_cookie(self, value: str, now: datetime) -> str:
        """The code in it; empty for anything that is not ours, or older than CODE_KEPT."""
        try:
            sent = self._opened(value, b"k", 0)
            followed_at, code = struct.unpack(">Q", sent[:8])[0], sent[8:].decode()
        except (LinkError, struct.error, ValueError):
            return ""
        return code if timedelta(minutes=-5) <= now - datetime.fromtimestamp(followed_at, UTC) <= CODE_KEPT else ""

    def _digest(self, signed: bytes) -> bytes:
        return _digest(self._keyed, signed)

    def _opened(self, token: str, letter: bytes, cut: int) -> bytes:
        """The bytes in a token signed under that letter. Raises LinkError for anything else, however it is damaged."""
        try:
            if not 0 < len(token) <= TOKEN_LIMIT:
                raise ValueError
            raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), b"-_", validate=True)
        except ValueError:  # also binascii.Error and UnicodeEncodeError
            raise _damaged() from None
        sent, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        known = False
        for keyed in self._all:  # all of them, always: time must not tell which one signed it
            known |= hmac.compare_digest(mac, _digest(keyed, letter + sent)[cut : cut + MAC_BYTES])
        if not known:
            raise _damaged()
        if token != _encoded(raw):  # one token, one spelling: base64 leaves up to four spare bits
            raise _damaged()
        return sent

    def _named(self, letter: bytes, subscriber_id: int, launch_id: str) -> str:
        name = launch_id.encode()
        if not 0 < len(name) <= 200:
            raise ValueError(f"a launch's id has 1 to 200 bytes, this one {len(name)}")
        signed = _PACK_NAMED.pack(letter, _NAMED, subscriber_id) + name
        return _encoded(signed[1:] + self._digest(signed)[:MAC_BYTES])


def _keyed(secret: str) -> hashlib.blake2b:
    # A key of its own, for the same secret also signs the login. Keyed BLAKE2b is a MAC by design (RFC 7693), and
    # one pass of it costs a third of HMAC-SHA256's four.
    key = hmac.digest(secret.encode(), b"broadsheet links 1", "sha256")
    return hashlib.blake2b(key=key, digest_size=2 * MAC_BYTES)


def _digest(keyed: hashlib.blake2b, signed: bytes) -> bytes:
    copy = keyed.copy()
    copy.update(signed)
    return copy.digest()


def referral_path(referral_code: str) -> str:
    """`/r/<code>`: a referrer's public link, unsigned because it proves nothing."""
    return "/r/" + referral_code


def _packed(purpose: bytes, subscriber_id: int, mailing_id: int) -> bytes:
    if subscriber_id <= 0xFFFFFFFF and mailing_id <= 0xFFFFFFFF:
        return _PACK_NARROW.pack(purpose, _NARROW, subscriber_id, mailing_id)
    return _PACK_WIDE.pack(purpose, _WIDE, subscriber_id, mailing_id)


def _unpacked(purpose: Purpose, sent: bytes) -> LinkIds:
    """Only ever called with bytes we signed ourselves."""
    match sent[0]:
        case 1 | 2 as width:
            first, second = struct.unpack(">II" if width == 1 else ">QQ", sent[1:])
            if purpose is Purpose.UNDO:
                return LinkIds(first, moment=second)
            return LinkIds(first, second)
        case _:
            return LinkIds(int.from_bytes(sent[1:9], "big"), launch_id=sent[9:].decode())


def _encoded(raw: bytes) -> str:
    return _base64(raw, newline=False).translate(_URLSAFE, b"=").decode("ascii")


def _damaged() -> LinkError:
    return LinkError("this link is damaged or incomplete", fix="open it again from the mail, whole")

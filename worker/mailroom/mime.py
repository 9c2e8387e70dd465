"""A kept message as the file that would travel: headers with encoded words, and both parts. Pure.

What SendGrid itself adds (DKIM, Received, its own ids) is left out. Headers are written here, for Python's own message
class breaks a long address in one apart; names and subjects beyond ASCII are encoded words (RFC 2047), names with a
comma or a quotation mark stand in quotation marks (RFC 5322), and no value can begin another header.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, quote
from typing import Any

_LINE_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_SPECIAL = re.compile(r'[()<>\[\]:;@\\,."]')  # RFC 5322: what a name may hold between quotation marks alone
_OURS = {"from", "to", "cc", "subject", "date", "reply-to", "message-id", "mime-version", "content-type"}


def as_mail(message: Mapping[str, Any]) -> bytes:
    """The message in RFC 5322 form, with CRLF line ends."""
    head = "".join(f"{name}: {value}\r\n" for name, value in _headers(message))
    body = EmailMessage(policy=SMTP)
    parts = [(kind, message[key]) for kind, key in (("plain", "text"), ("html", "html")) if message[key]]
    for kind, words in parts or [("plain", "")]:
        add = body.add_alternative if "Content-Type" in body else body.set_content
        add(words, subtype=kind, charset=_charset(words), cte="quoted-printable")
    return head.encode("ascii") + body.as_bytes()


def mailbox(address: str, name: str) -> str:
    """A name and an address as people read them in a header, nothing encoded."""
    if not name:
        return address
    return f'"{quote(name)}" <{address}>' if _SPECIAL.search(name) else f"{name} <{address}>"


def _headers(message: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "From", _encoded_mailbox(message["from"], message["from_name"])
    yield "To" if message["as"] == "to" else "Cc", _encoded_mailbox(message["to"], message["to_name"])
    if message["reply_to"]:
        yield "Reply-To", _encoded_mailbox(message["reply_to"], "")
    yield "Subject", _words(message["subject"], "Subject")
    yield "Date", format_datetime(datetime.fromtimestamp(message["released_at"], UTC))
    yield "Message-ID", f"<{message['message_id']}.{message['number']}@mailroom.invalid>"
    for name, value in message["headers"].items():
        if name.lower() not in _OURS and name.isascii():
            yield _one_line(name), _words(value, name)


def _words(words: str, name: str) -> str:
    """A header's text: as it is, or in encoded words, also where it only looks like one."""
    words = _one_line(words)
    if words.isascii() and "=?" not in words:
        return words
    return Header(words, "utf-8", maxlinelen=76, header_name=name).encode(linesep="\r\n")


def _encoded_mailbox(address: str, name: str) -> str:
    name = _one_line(name)
    address = _one_line(address).encode("ascii", "replace").decode()
    if name.isascii() and "=?" not in name:
        return mailbox(address, name)
    return f"{_words(name, 'From')} <{address}>"


def _charset(words: str) -> str:
    """As SendGrid picks it: by the characters (sendgrid-python#1011)."""
    return "iso-8859-1" if max(words, default="") <= "\xff" else "utf-8"


def _one_line(words: str) -> str:
    return _LINE_BREAKS.sub(" ", words).encode("utf-8", "replace").decode()

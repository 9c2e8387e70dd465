"""The inbox for people: a list, newest first, and one page per message. Builds HTML; reads nothing.

A message's HTML is hostile: it is only ever shown in a sandboxed frame, from an address of its own whose policy allows
no script, no form and no frame. Its links open in a new tab, so that a confirmation can be clicked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import urlencode

from worker.mailroom.inbox import Entry
from worker.mailroom.mime import mailbox
from worker.mailroom.style import STYLE
from worker.mailroom.wire import Answer

PER_PAGE = 50
_SANDBOX = "allow-popups allow-popups-to-escape-sandbox"  # both are about links; scripts stay off
_PAGE_POLICY = "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_MAIL_POLICY = (
    f"sandbox {_SANDBOX}; default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline' https:; "
    "font-src https: data:; media-src https:; frame-ancestors 'self'"
)
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_NEW_TAB = '<base target="_blank">'


def list_page(entries: Sequence[Entry], total: int, page: int, address: str) -> Answer:
    """One page of the list; `page` counts from 1, `address` is what was searched for."""
    found = f"{total:,} message{'' if total == 1 else 's'}" + (" found" if address else "")
    rows = "".join(_row(entry) for entry in entries)
    pages = max(-(-total // PER_PAGE), 1)
    content = f"""
<header><h1><a href="/">Mailroom</a></h1>
<form action="/"><input type="search" name="to" value="{escape(address)}" placeholder="Address" aria-label="Address">
<button>Search</button></form><p class="count">{found}</p></header>
{f'<table class="list"><thead><tr><th>To</th><th>Subject</th><th>From</th><th>Taken</th></tr></thead><tbody>{rows}</tbody></table>' if entries else _empty(address)}
{_pager(page, pages, address)}"""
    return _page("Mailroom", content)


def message_page(message: Mapping[str, Any], number: int, count: int) -> Answer:
    """One message: who, what, its headers, its HTML in a frame, its text. `count` is the newest message's number."""
    subject = escape(message["subject"]) or "(no subject)"
    newer = f'<a href="/messages/{number + 1}">Newer</a>' if number < count else "<span>Newer</span>"
    older = f'<a href="/messages/{number - 1}">Older</a>' if number > 1 else "<span>Older</span>"
    frame = (
        f'<iframe sandbox="{_SANDBOX}" src="/messages/{number}/html" title="The message as HTML"></iframe>'
        if message["html"]
        else '<p class="empty">This message has no HTML.</p>'
    )
    content = f"""
<header><h1><a href="/">Mailroom</a></h1><nav>{newer}{older}<a href="/messages/{number}.eml" download>As a file</a></nav></header>
<article><h2>{subject}</h2>
{_table(_addresses(message))}
<details open><summary>Headers and custom args</summary>{_table(_headers(message))}</details>
<h3>HTML</h3>{frame}
<h3>Plain text</h3><pre>{escape(message["text"]) or "(no text)"}</pre></article>"""
    return _page(message["subject"] or "Message", content)


def message_html(message: Mapping[str, Any]) -> Answer:
    """The message's own HTML, for the frame."""
    html = message["html"]
    head = _HEAD.search(html)
    cut = head.end() if head else 0
    body = (html[:cut] + _NEW_TAB + html[cut:]).encode("utf-8", "replace")
    return Answer(200, body, {**_HTML, "Content-Security-Policy": _MAIL_POLICY, "Referrer-Policy": "no-referrer"})


def style() -> Answer:
    """The one style sheet."""
    return Answer(200, STYLE.encode(), {"Content-Type": "text/css; charset=utf-8", "Cache-Control": "max-age=3600"})


def missing_page() -> Answer:
    """404 for people."""
    return _page("Not found", '<header><h1><a href="/">Mailroom</a></h1></header><p class="empty">Not here.</p>', 404)


_HTML = {"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


def _page(title: str, content: str, status: int = 200) -> Answer:
    whole = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/style.css">
<link rel="icon" href="data:,"></head><body>{content}
</body></html>
"""
    return Answer(status, whole.encode("utf-8", "replace"), {**_HTML, "Content-Security-Policy": _PAGE_POLICY})


def _row(entry: Entry) -> str:
    link = f"/messages/{entry.number}"
    return (
        f'<tr><td class="to">{escape(entry.to)}</td><td class="subject"><a href="{link}">'
        f"{escape(entry.subject) or '(no subject)'}</a></td><td>{escape(entry.sender)}</td>"
        f"<td class=when>{_when(entry.accepted_at)}</td></tr>"
    )


def _empty(address: str) -> str:
    if address:
        return f'<p class="empty">No mail to an address with “{escape(address)}” in it. <a href="/">Show all</a></p>'
    return '<p class="empty">No mail yet. What is sent to this address instead of SendGrid’s appears here.</p>'


def _pager(page: int, pages: int, address: str) -> str:
    if pages == 1:
        return ""

    def link(to: int, label: str) -> str:
        if not 1 <= to <= pages:
            return f"<span>{label}</span>"
        query = urlencode({"page": to, **({"to": address} if address else {})})
        return f'<a href="/?{escape(query)}">{label}</a>'

    return (
        f'<nav class="pager">{link(page - 1, "Newer")}<b>Page {page:,} of {pages:,}</b>{link(page + 1, "Older")}</nav>'
    )


def _addresses(message: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield "From", mailbox(message["from"], message["from_name"])
    yield "To" if message["as"] == "to" else message["as"], mailbox(message["to"], message["to_name"])
    if message["reply_to"]:
        yield "Reply-To", message["reply_to"]
    yield "Taken", _when(message["accepted_at"])
    if message["send_at"]:
        yield "To be sent", _when(message["send_at"])


def _headers(message: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield from message["headers"].items()
    yield from message["custom_args"].items()
    for category in message["categories"]:
        yield "category", category
    yield "X-Message-Id", message["message_id"]


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return f'<table class="fields"><tbody>{cells}</tbody></table>'


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d %b %Y, %H:%M:%S UTC")

"""Links: where they lead, and what they say about it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from worker.domain.web_address import taken_apart
from worker.render.placeholders import MARK
from worker.render.preflight.findings import ERROR, WARNING, Spot, rule
from worker.render.preflight.proof import Proof

_FULL = re.compile(rf"https?://[^/?#\s]+|mailto:[^?]*@|mailto:\?|tel:\+?[\d(]|{MARK}|#", re.IGNORECASE)
_VAGUE = {"here", "click here", "link", "this link", "this", "more", "read more", "learn more", "this page", "click"}
_SHORTENERS = re.compile(
    r"https?://(www\.)?(bit\.ly|t\.co|tinyurl\.com|goo\.gl|ow\.ly|is\.gd|buff\.ly|rebrand\.ly|cutt\.ly|lnkd\.in|shorturl\.at"
    r"|t\.ly|rb\.gy|tiny\.cc|v\.gd)(/|$)",
    re.IGNORECASE,
)


@rule("link-address", ERROR, "a mail has no page that an address could be relative to")
def addresses_are_full(proof: Proof) -> Iterator[Spot]:
    """Links are https, http, mailto, tel, or a place in the same mail."""
    for link in proof.destinations():
        web = link.address[:4].lower() == "http"
        if not _FULL.match(link.address) or (web and not taken_apart(link.address).hostname):
            relative = "no scheme" if link.address.startswith("//") else "not a full address"
            yield Spot(f"{relative}: {link.address!r}", "write https://...", link.line)
    written = {link.address for link in proof.destinations()}
    for plan, mail in proof.mails:
        for _, anchor in mail.page.every("a"):
            href = anchor.get("href")
            if href is not None and not _FULL.match(href) and href not in written:
                yield Spot(f"a link of the {plan} mail leads to {href!r}", "mend its template", file="emails")


@rule("link-anchor", ERROR, "pressing it does nothing")
def anchors_exist(proof: Proof) -> Iterator[Spot]:
    """R15: what a link within the mail leads to is in the mail."""
    for plan, mail in proof.mails:
        known = {a[name] for _, a in mail.page.tags if (name := "id" if "id" in a else "name") in a}
        for _, anchor in mail.page.every("a"):
            href = anchor.get("href", "")
            if href.startswith("#") and href[1:] not in known:
                line = next((link.line for link in proof.destinations() if link.address == href), None)
                problem = f"nothing in the {plan} mail is called {href!r}"
                yield Spot(problem, "link to a page on the web, or use a footnote", line)


@rule("link-http", WARNING, "the way there can be read and changed by others")
def addresses_are_encrypted(proof: Proof) -> Iterator[Spot]:
    """Links are https."""
    for link in proof.destinations():
        if link.address.lower().startswith("http://"):
            yield Spot(f"http: {link.address}", "write https://...", link.line)


@rule("link-words", ERROR, "there is nothing to press, and nothing to read aloud")
def links_have_words(proof: Proof) -> Iterator[Spot]:
    """Every link has words, or a picture with words."""
    for link in proof.destinations():
        if link.words == "":
            yield Spot(f"a link without words: {link.address}", "write [words](https://...)", link.line)
    silent = {link.address for link in proof.destinations() if link.words == ""}
    for plan, mail in proof.mails:
        for at, anchor in mail.page.every("a"):
            # Of an image without words another rule speaks.
            href = anchor.get("href", "")
            if href and href not in silent and not mail.page.words(at) and not mail.page.inside(at, "img"):
                yield Spot(f"a link without words in the {plan} mail: {href}", "mend its template", file="emails")


@rule("link-vague", WARNING, "a screen reader lists links by their words alone")
def links_say_where_they_lead(proof: Proof) -> Iterator[Spot]:
    """No link is called `here`."""
    for link in proof.destinations():
        if link.words is not None and link.words.strip(" .…→»").lower() in _VAGUE:
            yield Spot(
                f"{link.words!r} does not say where it leads", "name the page", proof.line(link.line, f"[{link.words}")
            )


@rule("link-shortener", WARNING, "spam filters distrust shorteners, and readers cannot see where they lead")
def links_are_not_shortened(proof: Proof) -> Iterator[Spot]:
    """No link goes by way of a shortener."""
    for link in proof.destinations():
        if _SHORTENERS.match(link.address):
            yield Spot(f"a shortened address: {link.address}", "write the address it stands for", link.line)

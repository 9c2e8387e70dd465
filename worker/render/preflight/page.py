"""The finished page: what a screen reader and Outlook need of it, and what no mail may hold."""

from __future__ import annotations

import re
from collections.abc import Iterator

from worker.render.preflight.findings import ERROR, WARNING, Spot, rule
from worker.render.preflight.proof import Proof

_LETTER = "emails/layouts/letter.mjml.j2"
_WIDEST = 640  # pixels


@rule("language", ERROR, "a screen reader would read it in the wrong language, and from the wrong side")
def language_is_told(proof: Proof) -> Iterator[Spot]:
    """R08, R09: `lang` and `dir` on the page, and on the article within, for Gmail replaces the page."""
    for plan, mail in proof.mails:
        article = next((tag for _, tag in mail.page.every("div") if tag.get("role") == "article"), {})
        for what, tag in (("page", next((tag for _, tag in mail.page.every("html")), {})), ("article", article)):
            if tag.get("lang", "und") in ("", "und") or tag.get("dir") not in ("ltr", "rtl"):
                problem = f"the {what} of the {plan} mail has no lang or no dir"
                yield Spot(problem, "write <mjml lang=... dir=...>", file=_LETTER)


@rule("page-title", ERROR, "it is what a browser and a screen reader call the mail")
def page_has_a_title(proof: Proof) -> Iterator[Spot]:
    """R10: the page has a title."""
    for plan, mail in proof.mails:
        if not re.search(r"<title[^>]*>\s*[^<\s][^<]*</title>", mail.html):
            yield Spot(f"the {plan} mail has no title", "write <mj-title>", file=_LETTER)


@rule("headings", WARNING, "screen readers move by levels, and this one is missing a step")
def headings_step_down(proof: Proof) -> Iterator[Spot]:
    """R30: the first heading is of level 1, the only one, and no level is skipped."""
    for plan, mail in proof.mails:
        level = 0
        for at, _ in mail.page.every("h1", "h2", "h3", "h4", "h5", "h6"):
            found = int(mail.page.tags[at][0][1])
            if found > level + 1 or (found == 1 and level):
                problem = f"from level {level} to {found} in the {plan} mail: {mail.page.words(at)[:60]!r}"
                yield Spot(
                    problem, f"use level {min(level + 1, 2)}", proof.line(proof.text.body_line, mail.page.words(at))
                )
            level = found


@rule("table-role", WARNING, "a screen reader announces rows and columns where there are none")
def tables_say_what_they_are(proof: Proof) -> Iterator[Spot]:
    """R14: a table without <th> is there for looks, and says so."""
    for plan, mail in proof.mails:
        for at, table in mail.page.every("table"):
            if table.get("role") not in ("presentation", "none") and not mail.page.inside(at, "th"):
                yield Spot(f'a table of the {plan} mail has no role="presentation"', "give it one", file="emails")
                break


@rule("active-content", ERROR, "clients strip it, and filters refuse the mail")
def nothing_is_active(proof: Proof) -> Iterator[Spot]:
    """R17: no script, frame, form, object or video, and no on...= attribute."""
    for plan, mail in proof.mails:
        for tag, attributes in mail.page.tags:
            active = next((name for name in attributes if name.startswith("on")), "")
            if tag in ("script", "iframe", "form", "object", "embed", "video", "audio", "input") or active:
                problem = f"the {plan} mail holds <{tag}{f' {active}=...' if active else ''}>"
                yield Spot(problem, "take it out of the template", file="emails")


@rule("leak", ERROR, "readers would see what was meant for the renderer", silenceable=False)
def nothing_leaks(proof: Proof) -> Iterator[Spot]:
    """R18: nothing of MJML, and none of MRML's own escapes."""
    for plan, mail in proof.mails:
        if found := re.search(r"\\u\{[0-9a-f]+\}|\\\"|</?mj-[a-z]*", mail.html):
            yield Spot(f"the {plan} mail holds {found[0]!r}", "look at the templates in emails/", file="emails")


@rule("apostrophe-entity", ERROR, "Outlook prints it as it stands (TryGhost/Ghost#11536)")
def no_apos_entity(proof: Proof) -> Iterator[Spot]:
    """R19: no &apos;."""
    for plan, mail in proof.mails:
        if "&apos;" in mail.html:
            yield Spot(f"the {plan} mail holds &apos;", "write &#39; in the template", file="emails")


@rule("control-character", ERROR, "Gmail cuts the mail off there (hteumeuleu/email-bugs#41)")
def everything_is_printable(proof: Proof) -> Iterator[Spot]:
    """R21: no control character in either part."""
    for plan, mail in proof.mails:
        for part, words in (("HTML", mail.html), ("plain text", mail.text)):
            if found := re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", words):
                yield Spot(f"U+{ord(found[0]):04X} in the {plan} {part}", "take it out", file="emails")


@rule("charset", ERROR, "the mail would go out as iso-8859-1, and Gmail shows such mail clipped (sendgrid-python#1011)")
def charset_is_safe(proof: Proof) -> Iterator[Spot]:
    """R22: both parts hold a character above U+00FF, so that SendGrid declares UTF-8."""
    for plan in proof.plans:
        for part, words in (("HTML", proof.editions[plan].html), ("plain text", proof.editions[plan].text)):
            if max(words, default="") <= "\xff":
                fix = f"keep the hidden padding in {_LETTER}, and the dash above the footer"
                yield Spot(f"the {plan} {part} holds nothing beyond Latin-1", fix, file=_LETTER)


@rule("outlook-comments", ERROR, "Outlook would draw the letter as wide as the window, or show the comment")
def conditional_comments_pair(proof: Proof) -> Iterator[Spot]:
    """R24, R25: there are ghost tables for Outlook, and every conditional comment is closed."""
    for plan, mail in proof.mails:
        opened, closed = mail.html.count("<!--[if"), mail.html.count("<![endif]")
        if opened != closed or not re.search(r"<!--\[if [^\]]*mso[^\]]*\]>\s*<table", mail.html):
            problem = f"the {plan} mail opens {opened} comments for Outlook and closes {closed}, or has no table in one"
            yield Spot(problem, "keep <mj-section> and <mj-column> around everything", file="emails")


@rule("page-width", ERROR, "a window of a mail client is narrower, and the letter would scroll sideways")
def page_is_narrow(proof: Proof) -> Iterator[Spot]:
    """R26: nothing is wider than 640 pixels."""
    for plan, mail in proof.mails:
        widths = [int(px) for px in re.findall(r"max-width:(\d+)px", mail.html)]
        if max(widths, default=0) > _WIDEST or not widths:
            problem = f"the {plan} mail is {max(widths, default=0)} pixels wide"
            yield Spot(problem, 'write <mj-body width="600px">', file=_LETTER)


@rule("preheader", ERROR, "an inbox would show the beginning of the letter behind the preview, or instead of it")
def preheader_comes_first(proof: Proof) -> Iterator[Spot]:
    """R31: the first words are the preview, hidden, and enough padding follows that no others are let through."""
    for plan, mail in proof.mails:
        body = next((at for at, _ in mail.page.every("body")), -1)
        first = next(
            (
                at
                for at, tag in mail.page.every("div")
                if at > body and "display:none" in tag.get("style", "").replace(" ", "")
            ),
            None,
        )
        hidden = "" if first is None else "".join(mail.page.said(first))
        style = "" if first is None else mail.page.tags[first][1]["style"]
        before = mail.page.words_between(body, first) if first is not None and body >= 0 else "x"
        if (
            len(hidden) < 140
            or "mso-hide:all" not in style.replace(" ", "")
            or before
            or re.search("color|font-size", style)
        ):
            problem = f"the {plan} mail does not begin with a hidden preview of at least 140 characters"
            yield Spot(problem, f"keep the first <mj-raw> of {_LETTER}", file=_LETTER)


@rule("duplicate-id", ERROR, "a link within the mail would lead to the wrong place")
def ids_are_unique(proof: Proof) -> Iterator[Spot]:
    """R32: every id stands once."""
    for plan, mail in proof.mails:
        ids = [tag["id"] for _, tag in mail.page.tags if tag.get("id")]
        for twice in sorted({one for one in ids if ids.count(one) > 1}):
            yield Spot(
                f"the id {twice!r} stands twice in the {plan} mail", "rename one in the templates", file="emails"
            )


@rule("button-size", WARNING, "a finger needs 44 pixels")
def buttons_are_large_enough(proof: Proof) -> Iterator[Spot]:
    """What MRML draws as a button is at least 44 pixels high."""
    for plan, mail in proof.mails:
        for at, anchor in mail.page.every("a"):
            style = anchor.get("style", "").replace(" ", "")
            padding, line = re.search(r"(?:^|;)padding:(\d+)px", style), re.search(r"line-height:(\d+)px", style)
            if "display:inline-block" in style and padding and line and 2 * int(padding[1]) + int(line[1]) < 44:
                problem = f"the button {mail.page.words(at)!r} of the {plan} mail is {2 * int(padding[1]) + int(line[1])} pixels high"
                yield Spot(problem, "give mj-button more inner-padding", file="emails/theme.toml")
                return

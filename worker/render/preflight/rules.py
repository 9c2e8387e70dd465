"""The rules about the author's text and the finished mail; one small function each.

Rules about mail clients name where the fact is from. Where a rule can name a line, it looks at the tree; where
only the finished mail shows it, at the editions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from worker.domain.edition import MergeName
from worker.domain.subscriber import Plan
from worker.render.blocks import Code, CodeBlock, Figure, Heading, Link, Merge, Text
from worker.render.inlines import wording
from worker.render.links import LINK_PATHS
from worker.render.placeholders import MARK, marked
from worker.render.preflight.findings import Finding, Proof, Rule, Severity
from worker.render.preflight.gate import paid_words_stay_paid
from worker.render.preflight.size import html_stays_whole, styles_stay_whole
from worker.render.walk import blocks_in, nodes_in

ERROR, WARNING = Severity.ERROR, Severity.WARNING

_FOREIGN = re.compile(r"\{\{|\}\}|\{%|%\}|\|[A-Z_]{3,}\||<%")
_BROKEN_TAG = re.compile(r"\{\s*(" + "|".join(MergeName) + r")\b")
_VAGUE = {"here", "click here", "link", "this link", "this", "more", "read more"}
_IMAGES = re.compile(r"\.(jpe?g|png|gif)$", re.IGNORECASE)


def subject_is_there(proof: Proof) -> Iterator[Finding]:
    """Every edition has a subject."""
    for plan in proof.plans:
        if not proof.text.subject[plan].strip():
            why = "a mail without a subject looks like spam, and many filters agree"
            yield proof.found("subject", ERROR, f"no subject for {plan} readers", why, 'add subject: "..."', 1)


def preview_is_there(proof: Proof) -> Iterator[Finding]:
    """Every edition has a preheader."""
    for plan in proof.plans:
        if not proof.text.preview[plan].strip():
            why = "the inbox shows it beside the subject, and empty space without it"
            yield proof.found("preview", WARNING, f"no preview for {plan} readers", why, 'add preview: "..."', 1)


def audience_is_known(proof: Proof) -> Iterator[Finding]:
    """The audience is everyone, a plan, or a segment of the publication."""
    known = ["everyone", *Plan, *proof.publication.segments]
    if proof.text.audience not in known:
        why = "nobody can be picked by a rule that does not exist"
        fix = f"use one of: {', '.join(known)}"
        yield proof.found("audience", ERROR, f"there is no segment {proof.text.audience!r}", why, fix, 1)


def postal_address_is_shown(proof: Proof) -> Iterator[Finding]:
    """The postal address stands in both parts; the law of many countries asks for it (US: CAN-SPAM, 16 CFR 316)."""
    address = " ".join(proof.publication.postal_address.split())
    for plan in proof.plans:
        edition = proof.editions[plan]
        shown = all(address in " ".join(part.split()) for part in (_unescaped(edition.html), edition.text))
        if not address or not shown:
            fix = "give postal_address, and keep {{ publication.postal_address }} in emails/layouts/footer.mjml.j2"
            yield proof.found(
                "postal-address",
                ERROR,
                f"the {plan} edition shows no postal address",
                "the law asks for it",
                fix,
                file="content/publication.toml",
            )


def leaving_is_possible(proof: Proof) -> Iterator[Finding]:
    """Both parts hold the reader's own unsubscribe link."""
    for plan in proof.plans:
        edition = proof.editions[plan]
        link = next(
            (LINK_PATHS[t.name] + t.tag for t in edition.merge_tags if t.name is MergeName.UNSUBSCRIBE_LINK), None
        )
        if link is None or f'{link}"' not in edition.html or link not in edition.text:
            why = "who cannot leave reports spam, and Gmail and Yahoo refuse bulk mail without it"
            fix = 'keep {{ merge("unsubscribe_link") }} in emails/layouts/footer.mjml.j2'
            yield proof.found(
                "unsubscribe-link",
                ERROR,
                f"the {plan} edition has no unsubscribe link",
                why,
                fix,
                file="emails/layouts/footer.mjml.j2",
            )


def no_tag_is_left_over(proof: Proof) -> Iterator[Finding]:
    """Nothing that looks like a tag of this or another program is left as text."""
    why = "readers would see the braces"
    fix = "write merge tags as {first_name|there}"
    for line, node in nodes_in(proof.tree.blocks):
        if isinstance(node, Text) and (found := _FOREIGN.search(node.text) or _BROKEN_TAG.search(node.text)):
            yield proof.found("leftover-tag", ERROR, f"{found[0]!r} is no merge tag", why, fix, line)
    if found := _FOREIGN.search(proof.text.title) or _BROKEN_TAG.search(proof.text.title):
        yield proof.found(
            "leftover-tag", ERROR, f"{found[0]!r} in the title", why, "take it out: titles have no tags", 1
        )
    for plan in proof.plans:
        for words in (proof.text.subject[plan], proof.text.preview[plan]):
            if found := _FOREIGN.search(words):
                yield proof.found("leftover-tag", ERROR, f"{found[0]!r} is no merge tag", why, fix, 1)
        shown = re.sub(r"<(style|pre|code)\b.*?</\1>", "", proof.editions[plan].html, flags=re.DOTALL)
        if not any(isinstance(n, Code | CodeBlock | Text) and _FOREIGN.search(n.text) for n in _texts(proof)) and (
            found := re.search(r"\{\{|\{%", shown)
        ):
            yield proof.found("leftover-tag", ERROR, f"{found[0]!r} in the {plan} mail", why, "mend the template")


def names_have_a_fallback(proof: Proof) -> Iterator[Finding]:
    """`{first_name}` says something to readers who gave no name."""
    for line, node in nodes_in(proof.tree.blocks):
        if isinstance(node, Merge) and node.name is MergeName.FIRST_NAME and not node.fallback:
            why = "many readers gave no name, and would see a gap"
            yield proof.found(
                "fallback", WARNING, "{first_name} without a fallback", why, "write {first_name|there}", line
            )


def images_have_words(proof: Proof) -> Iterator[Finding]:
    """Images say what they show, are of a kind every client draws, and have an https address."""
    for block in blocks_in(proof.tree.blocks):
        if not isinstance(block, Figure):
            continue
        source = block.picture.source
        if not marked(block.picture.alt).strip():
            why = "most clients hide images at first, and a screen reader has nothing to say"
            severity = ERROR if block.link else WARNING
            yield proof.found("alt", severity, f"no words for {source}", why, "write ![what it shows](...)", block.line)
        if not source.startswith("https://"):
            why = "a mail has no folder beside it, and http is blocked by many clients"
            yield proof.found("image", ERROR, f"not an https address: {source}", why, "write https://...", block.line)
        elif not _IMAGES.search(source.partition("?")[0]):
            why = "Gmail and Outlook draw JPEG, PNG and GIF only"
            yield proof.found(
                "image", WARNING, f"not .jpg, .png or .gif: {source}", why, "export it as JPEG", block.line
            )


def links_lead_somewhere(proof: Proof) -> Iterator[Finding]:
    """Links are absolute, encrypted, and have words that say where they lead."""
    for line, node in nodes_in(proof.tree.blocks):
        if not isinstance(node, Link):
            continue
        address = marked(node.target)
        words = wording(node.children).strip()
        if address.startswith("http://"):
            why = "the way there can be read and changed by others"
            yield proof.found("link", WARNING, f"http: {address}", why, "write https://...", line)
        elif not address.startswith(("https://", "mailto:", "tel:", MARK)):
            why = "a mail has no page that it could be relative to"
            yield proof.found("link", ERROR, f"not a full address: {address!r}", why, "write https://...", line)
        if not words:
            why = "there is nothing to press, and nothing to read aloud"
            yield proof.found(
                "link", ERROR, f"a link without words: {address}", why, "write [words](https://...)", line
            )
        elif words.lower() in _VAGUE:
            why = "a screen reader lists links by their words alone"
            yield proof.found("link", WARNING, f"{words!r} does not say where it leads", why, "name the page", line)


def headings_step_down(proof: Proof) -> Iterator[Finding]:
    """No level is skipped: the title is 1, so the first heading is 2."""
    for plan in proof.plans:
        level = 1
        for block in blocks_in(proof.cut[plan].blocks):
            if isinstance(block, Heading):
                if block.level > level + 1 and level:
                    why = "screen readers move by levels, and this one is missing a step"
                    yield proof.found(
                        "headings",
                        WARNING,
                        f"from level {level} to {block.level}",
                        why,
                        f"use {'#' * (level + 1)}",
                        block.line,
                    )
                level = block.level
        if plan is Plan.FREE and proof.cut[Plan.FREE] == proof.cut[Plan.PAID]:
            return


def charset_is_safe(proof: Proof) -> Iterator[Finding]:
    """Both parts hold a character above U+00FF, so that SendGrid declares UTF-8 (sendgrid-python#1011)."""
    for plan in proof.plans:
        for part, words in (("HTML", proof.editions[plan].html), ("plain text", proof.editions[plan].text)):
            if words.isascii() or max(words) <= "\xff":
                why = "the mail would go out as iso-8859-1, and Gmail shows such mail clipped"
                fix = "keep the hidden padding in emails/layouts/letter.mjml.j2"
                yield proof.found("charset", ERROR, f"the {plan} {part} holds nothing beyond Latin-1", why, fix)


def _texts(proof: Proof) -> Iterable[object]:
    yield from (node for _, node in nodes_in(proof.tree.blocks))
    yield from blocks_in(proof.tree.blocks)


def _unescaped(html: str) -> str:
    return html.replace("&#39;", "'").replace("&#34;", '"').replace("&amp;", "&")


RULES: tuple[Rule, ...] = (
    subject_is_there,
    preview_is_there,
    audience_is_known,
    postal_address_is_shown,
    leaving_is_possible,
    no_tag_is_left_over,
    names_have_a_fallback,
    images_have_words,
    links_lead_somewhere,
    headings_step_down,
    charset_is_safe,
    html_stays_whole,
    styles_stay_whole,
    paid_words_stay_paid,
)

"""How much a mail may hold before clients and servers cut it."""

from __future__ import annotations

from collections.abc import Iterator

from worker.render.preflight.findings import ERROR, WARNING, Spot, rule
from worker.render.preflight.proof import Proof

CLIPPED_AT = 102 * 1024  # bytes of HTML after which Gmail shows "[Message clipped]" (hteumeuleu/email-bugs#41)
NEAR = 92 * 1024
STYLES_DROPPED_AT = 16_384  # characters of all <style> together (hteumeuleu/email-bugs#90)
STYLES_NEAR = 8_192
LONGEST_LINE = 998  # bytes, RFC 5322, 2.1.1


@rule("size", ERROR, "clipped mail hides its end, with the unsubscribe link")
def html_stays_whole(proof: Proof) -> Iterator[Spot]:
    """R01: the HTML stays under what Gmail shows, with the longest values there are."""
    for plan, mail in proof.mails:
        size = len(mail.html.encode())
        if size > NEAR:
            severity = ERROR if size > CLIPPED_AT else WARNING
            problem = f"the {plan} edition is up to {size / 1024:.0f} KiB; Gmail clips at 102"
            yield Spot(problem, "shorten it, or move a part to the web", severity=severity)


@rule("styles", ERROR, "past 16,384 characters Gmail drops every style")
def styles_stay_whole(proof: Proof) -> Iterator[Spot]:
    """R02: the styles stay under what Gmail reads."""
    for _, mail in proof.mails:
        size = sum(map(len, mail.styles))
        if size > STYLES_NEAR:
            severity = ERROR if size > STYLES_DROPPED_AT else WARNING
            fix = "shorten emails/layouts/style.mjml.j2"
            yield Spot(f"{size:,} characters of <style>", fix, file="emails/layouts/style.mjml.j2", severity=severity)
            return


@rule("long-line", ERROR, "servers break a line of more than 998 bytes wherever they like, in the middle of a link too")
def lines_are_short_enough(proof: Proof) -> Iterator[Spot]:
    """No line of either part is longer than 998 bytes, with the longest values there are."""
    for plan, mail in proof.mails:
        for part, words in (("HTML", mail.html), ("plain text", mail.text)):
            longest = max(words.split("\n"), key=lambda line: len(line.encode()))
            if (size := len(longest.encode())) > LONGEST_LINE:
                problem = f"a line of the {plan} {part} has {size:,} bytes: {longest[:40]!r}…"
                yield Spot(problem, "shorten the address or the word that stands there")

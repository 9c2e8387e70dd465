"""Rules about size: what Gmail cuts off."""

from __future__ import annotations

import re
from collections.abc import Iterator

from worker.domain.edition import Edition, MergeName
from worker.render.preflight.findings import Finding, Proof, Severity

CLIPPED_AT = 102 * 1024  # bytes of HTML after which Gmail shows "[Message clipped]" (hteumeuleu/email-bugs#41)
NEAR = 92 * 1024
STYLES_DROPPED_AT = 16_384  # characters of all <style> together (hteumeuleu/email-bugs#90)
STYLES_NEAR = 8_192

# Bytes of the longest value: a name of 100 characters, all of them escaped or of four bytes; links as we sign them.
_LONGEST = {MergeName.FIRST_NAME: 600, MergeName.REFERRAL_COUNT: 7}
_LONGEST_LINK = 300  # an apply link with a launch's id of 200 bytes

_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)


def largest(edition: Edition) -> int:
    """Bytes of the HTML once every merge tag holds the longest value it can."""
    size = len(edition.html.encode())
    for tag in edition.merge_tags:
        longest = max(_LONGEST.get(tag.name, _LONGEST_LINK), len(tag.fallback.encode()))
        size += edition.html.count(tag.tag) * (longest - len(tag.tag))
    return size


def html_stays_whole(proof: Proof) -> Iterator[Finding]:
    """The HTML stays under what Gmail shows."""
    for plan in proof.plans:
        size = largest(proof.editions[plan])
        if size > NEAR:
            severity = Severity.ERROR if size > CLIPPED_AT else Severity.WARNING
            problem = f"the {plan} edition is up to {size / 1024:.0f} KiB; Gmail clips at 102"
            why = "clipped mail hides its end, with the unsubscribe link"
            yield proof.found("size", severity, problem, why, "shorten it, or move a part to the web")


def styles_stay_whole(proof: Proof) -> Iterator[Finding]:
    """The styles stay under what Gmail reads."""
    for plan in proof.plans:
        size = sum(len(css) for css in _STYLE.findall(proof.editions[plan].html))
        if size > STYLES_NEAR:
            severity = Severity.ERROR if size > STYLES_DROPPED_AT else Severity.WARNING
            why = "past 16,384 characters Gmail drops every style"
            fix = "shorten emails/layouts/style.mjml.j2"
            yield proof.found("styles", severity, f"{size:,} characters of <style>", why, fix)

"""A letter without a finding, to change in one place, and what the preflight says to it then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.support.rendering import make_facts, make_issue, make_publication, templates
from worker.domain.issue import Issue
from worker.domain.publication import Publication
from worker.domain.subscriber import Plan
from worker.render.layout import Templates
from worker.render.preflight import Finding, Longest, preflight
from worker.render.preflight.proof import Proof
from worker.render.preflight.rules import RULES
from worker.render.preflight.run import prove
from worker.render.scene import Facts

#: Enough words for a letter, and nothing in them to find.
PLAIN = "\n\n" + "The hills were quiet that week, and I walked up to the old house to see who had come home. " * 5

LINES = {"id": 2, "title": 3, "subject": 4, "preview": 5, "audience": 6, "silence": 7}  # of the front matter
BODY_LINE = 9


def letter(body: str = "Hello {first_name|there},", **changes: object) -> Issue:
    """A letter that begins with `body` on line 9 of its file; `subject` and `preview` may be given as one string."""
    fields: dict[str, object] = {
        "title": "The old house",
        "subject": "Who came home that week",
        "preview": "Four people, one kettle, and the week in which nobody called.",
        "body_line": BODY_LINE,
        "lines": LINES,
    }
    fields |= changes
    for key in ("subject", "preview"):
        if isinstance(fields[key], str):
            fields[key] = dict.fromkeys(Plan, fields[key])
    return make_issue(body + PLAIN, **fields)


def findings(
    body: str = "Hello {first_name|there},",
    *,
    publication: Publication | None = None,
    facts: Facts | None = None,
    looks: Templates | None = None,
    message: str = "issue",
    longest: Longest | None = None,
    sent: bool = False,
    **changes: object,
) -> list[Finding]:
    """What the preflight says to such a letter."""
    return preflight(
        letter(body, **changes),
        publication or make_publication(),
        looks or templates(),
        facts or make_facts(),
        message,
        longest=longest,
        sent=sent,
    )


def proof_with(
    html: Callable[[str], str] = lambda html: html,
    text: Callable[[str], str] = lambda text: text,
    body: str = "Hello {first_name|there},",
) -> Proof:
    """A letter's proof whose finished parts were changed afterwards, as a template of somebody's might."""
    proof = prove(letter(body), make_publication(), templates(), make_facts(), "issue", Longest())
    changed = {plan: replace(mail, html=html(mail.html), text=text(mail.text)) for plan, mail in proof.finished.items()}
    return replace(proof, finished=changed)


def said_by(rule: str, proof: Proof) -> list[Finding]:
    """What one rule finds."""
    return RULES[rule].findings(proof)

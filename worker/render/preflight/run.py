"""Runs every rule over one text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from worker.domain.edition import Edition
from worker.domain.issue import Issue
from worker.domain.publication import Publication
from worker.domain.subscriber import Plan
from worker.errors import SourceError
from worker.render.edition import Facts, parse, render_editions
from worker.render.gate import cut
from worker.render.layout import Templates
from worker.render.preflight.findings import Finding, Severity
from worker.render.preflight.finished import Finished, Longest
from worker.render.preflight.proof import Proof
from worker.render.preflight.raised import finding_of
from worker.render.preflight.rules import RULES
from worker.render.preflight.silence import strange_names

#: Both editions of a text in a message's layout, as render_editions makes them.
Render = Callable[[Issue, Publication, Templates, Facts, str], Mapping[Plan, Edition]]


def preflight(
    text: Issue,
    publication: Publication,
    templates: Templates,
    facts: Facts,
    message: str = "issue",
    *,
    longest: Longest | None = None,
    sent: bool = False,
    render: Render = render_editions,
) -> list[Finding]:
    """Every finding, errors first, then by line. What cannot be rendered at all is one finding by itself.

    `longest` are the longest values in the list of readers; without them the longest there may be. Of a text that has
    been `sent`, nobody asks whether its dates have passed. `render` may know the editions already.
    """
    try:
        proof = prove(text, publication, templates, facts, message, longest or Longest(), render)
    except SourceError as wrong:
        return in_order([*strange_names(text, RULES), finding_of(wrong)])
    return in_order([*strange_names(text, RULES), *judge(proof, sent=sent)])


def prove(
    text: Issue,
    publication: Publication,
    templates: Templates,
    facts: Facts,
    message: str,
    longest: Longest,
    render: Render = render_editions,
) -> Proof:
    """Everything the rules look at. Raises SourceError for what cannot be rendered."""
    tree = parse(text)
    editions = render(text, publication, templates, facts, message)
    return Proof(
        text=text,
        publication=publication,
        facts=facts,
        message=message,
        tree=tree,
        cut={plan: cut(tree, plan) for plan in Plan},
        editions=editions,
        finished={plan: Finished.of(edition, longest) for plan, edition in editions.items()},
    )


def judge(proof: Proof, *, sent: bool = False) -> list[Finding]:
    """What every rule finds but those that the text silences."""
    asked = [one for one in RULES.values() if not (one.timely and sent)]
    heard = [one for one in asked if not (one.silenceable and one.name in proof.text.silence)]
    return [finding for one in heard for finding in one.findings(proof)]


def in_order(found: list[Finding]) -> list[Finding]:
    """Errors first, then by file and line; each once."""
    once = list(dict.fromkeys(found))
    return sorted(once, key=lambda f: (f.severity is Severity.WARNING, f.file, f.line or 0, f.rule))

"""Runs every rule over one text."""

from __future__ import annotations

from worker.domain.issue import Issue
from worker.domain.publication import Publication
from worker.domain.subscriber import Plan
from worker.errors import SourceError
from worker.render.edition import Facts, Scene, parse, render_edition
from worker.render.gate import cut
from worker.render.layout import Templates
from worker.render.preflight.findings import Finding, Proof, Severity
from worker.render.preflight.rules import RULES


def preflight(
    text: Issue, publication: Publication, templates: Templates, facts: Facts, message: str = "issue"
) -> list[Finding]:
    """Every finding, errors first, then by line. What cannot be rendered at all is one finding by itself."""
    try:
        tree = parse(text)
        scenes = {plan: Scene(text, publication, facts, plan) for plan in Plan}
        editions = {plan: render_edition(tree, scene, templates, message) for plan, scene in scenes.items()}
    except SourceError as wrong:
        why = "nothing can be sent until it renders"
        return [Finding(wrong.file, wrong.line, "render", Severity.ERROR, wrong.problem, why, wrong.fix)]
    proof = Proof(text, publication, tree, {plan: cut(tree, plan) for plan in Plan}, editions)
    found = [finding for rule in RULES for finding in rule(proof)]
    return sorted(found, key=lambda f: (f.severity is Severity.WARNING, f.file, f.line or 0, f.rule))

"""Rules that the renderer itself keeps: where one is broken there is no mail to look at, so it is the only finding."""

from __future__ import annotations

from collections.abc import Iterator

from worker.errors import SourceError
from worker.render.preflight.findings import ERROR, Finding, Spot, rule
from worker.render.preflight.proof import Proof


@rule("render", ERROR, "nothing can be sent until it renders", silenceable=False)
def it_renders(proof: Proof) -> Iterator[Spot]:
    """Everything else that cannot become mail without harm."""
    return iter(())


@rule("merge-tag", ERROR, "readers would see the braces", silenceable=False)
def merge_tags_are_known(proof: Proof) -> Iterator[Spot]:
    """Every `{name}` is on the list of merge tags."""
    return iter(())


@rule("fallback", ERROR, "many readers gave no name, and would read `Hi ,`", silenceable=False)
def names_have_a_fallback(proof: Proof) -> Iterator[Spot]:
    """`{first_name}` says something to readers who gave no name."""
    return iter(())


@rule(
    "link-scheme",
    ERROR,
    "such a link runs code, opens a file, or leads where a reader's own name says",
    silenceable=False,
)
def links_only_lead_to_pages(proof: Proof) -> Iterator[Spot]:
    """No `javascript:`, `data:` or any scheme but http, https, mailto and tel; no reader's value before the path."""
    return iter(())


RAISED = (it_renders, merge_tags_are_known, names_have_a_fallback, links_only_lead_to_pages)


def finding_of(wrong: SourceError) -> Finding:
    """What the renderer refused, as a finding."""
    kept = next((one for one in RAISED if one.name == wrong.rule), it_renders)
    return Finding(wrong.file, wrong.line, kept.name, ERROR, wrong.problem, kept.why, wrong.fix)

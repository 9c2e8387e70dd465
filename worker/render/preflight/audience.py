"""Who receives a letter, held against who may read its parts."""

from __future__ import annotations

from collections.abc import Iterator

from worker.domain.subscriber import Plan
from worker.render.blocks import Container
from worker.render.preflight.findings import ERROR, WARNING, Spot, rule
from worker.render.preflight.proof import Proof
from worker.render.walk import blocks_in

_ONLY_FOR_PAID = ("paid", "discount")
_ONLY_FOR_FREE = ("free", "pitch")


@rule("audience", ERROR, "nobody can be picked by a rule that does not exist", silenceable=False)
def audience_is_known(proof: Proof) -> Iterator[Spot]:
    """The audience is everyone, a plan, or a segment of the publication."""
    known = ["everyone", *Plan, *proof.publication.segments]
    if proof.text.audience not in known:
        fix = f"use one of: {', '.join(known)}"
        yield Spot(f"there is no segment {proof.text.audience!r}", fix, proof.text.line_of("audience"))


@rule(
    "audience-paywall",
    ERROR,
    "either the audience or the part is not what was meant, and one plan reads the wrong letter",
)
def audience_and_parts_agree(proof: Proof) -> Iterator[Spot]:
    """No paywall and no part for free readers in a letter to paying readers alone, and the other way round."""
    audience = proof.text.audience
    if audience not in (Plan.PAID, Plan.FREE):
        return
    idle = ("paywall", *(_ONLY_FOR_FREE if audience == Plan.PAID else _ONLY_FOR_PAID))
    for block in blocks_in(proof.tree.blocks):
        if isinstance(block, Container) and block.name in idle:
            what = "which nobody needs there" if audience == Plan.PAID else "which nobody there may read"
            if block.name == "paywall" and audience == Plan.FREE:
                what = "and nobody there may read what follows"
            problem = f"the letter goes to {audience} readers alone and has a `::: {block.name}`, {what}"
            yield Spot(problem, "write audience: everyone, or take that block out", block.line)


@rule("paid-part", WARNING, "paying readers are told of something that the letter does not hold")
def promised_part_is_there(proof: Proof) -> Iterator[Spot]:
    """A letter whose subject or preview differs by plan has a part that does."""
    if len(proof.plans) < 2 or proof.cut[Plan.FREE] != proof.cut[Plan.PAID]:
        return
    for key, by_plan in (("subject", proof.text.subject), ("preview", proof.text.preview)):
        if by_plan[Plan.FREE] != by_plan[Plan.PAID] and all(by_plan.values()):
            problem = f"the {key} says something else to paying readers, who get the same letter as everybody"
            fix = "put their part into `::: paid` or behind `::: paywall`, or write one text for both"
            yield Spot(problem, fix, proof.text.line_of(key))
            return

"""The gate: what a plan may not read is cut from the tree before anything is derived from it.

HTML, plain text, sizes and pages are made from the cut tree alone, so what was cut cannot leak from anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from worker.domain.subscriber import Plan
from worker.render.blocks import Block, Container, Tree

_READABLE_BY = {"paid": Plan.PAID, "free": Plan.FREE}  # containers that only gate
_SHOWN_TO = {"pitch": Plan.FREE, "discount": Plan.PAID}  # blocks for one plan


def is_gate(name: str) -> bool:
    """Whether what stands in such a container is for one plan alone."""
    return name == "paywall" or name in _READABLE_BY or name in _SHOWN_TO


def cut(tree: Tree, plan: Plan) -> Tree:
    """The tree as `plan` may read it, without any gate left in it. A block without one is the very same.

    For free readers a paywall ends the letter and becomes a pitch that holds what stood in it.
    """
    blocks = tree.blocks
    for at, block in enumerate(blocks):
        if isinstance(block, Container) and block.name == "paywall":
            ending = (replace(block, name="pitch"),) if plan is Plan.FREE else blocks[at + 1 :]
            blocks = (*blocks[:at], *ending)
            break
    return replace(tree, blocks=tuple(_readable(blocks, plan)))


def _readable(blocks: Iterable[Block], plan: Plan) -> Iterable[Block]:
    for block in blocks:
        if not isinstance(block, Container):
            yield block
        elif block.name in _READABLE_BY:
            if _READABLE_BY[block.name] is plan:
                yield from _readable(block.blocks, plan)
        elif _SHOWN_TO.get(block.name, plan) is plan:
            inner = tuple(_readable(block.blocks, plan))
            yield block if inner == block.blocks else replace(block, blocks=inner)

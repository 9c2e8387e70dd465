"""Merge tags: none is left over, and none of another program's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from worker.domain.edition import MergeName
from worker.render.blocks import Code, CodeBlock, Text
from worker.render.preflight.findings import ERROR, Spot, rule
from worker.render.preflight.proof import Proof
from worker.render.walk import blocks_in, nodes_in

_FOREIGN = re.compile(r"\{\{|\}\}|\{%|%\}|\|[A-Z_]{3,}\||<%")
_BROKEN = re.compile(r"\{\s*(" + "|".join(MergeName) + r")\b")


@rule("leftover-tag", ERROR, "readers would see the braces")
def no_tag_is_left_over(proof: Proof) -> Iterator[Spot]:
    """Nothing that looks like a tag of this or another program is left as text."""
    fix = "write merge tags as {first_name|there}"
    for line, node in nodes_in(proof.tree.blocks):
        if isinstance(node, Text) and (found := _FOREIGN.search(node.text) or _BROKEN.search(node.text)):
            yield Spot(f"{found[0]!r} is no merge tag", fix, proof.line(line, found[0]))
    for link in proof.destinations():
        if found := _FOREIGN.search(link.address):
            yield Spot(f"{found[0]!r} in an address is no merge tag", fix, link.line)
    if found := _FOREIGN.search(proof.text.title) or _BROKEN.search(proof.text.title):
        yield Spot(f"{found[0]!r} in the title", "take it out: titles have no tags", proof.text.line_of("title"))
    for key, by_plan in (("subject", proof.text.subject), ("preview", proof.text.preview)):
        for words in dict.fromkeys(by_plan[plan] for plan in proof.plans):
            if found := _FOREIGN.search(words):
                yield Spot(f"{found[0]!r} is no merge tag", fix, proof.text.line_of(key))
    if any(_FOREIGN.search(words) for words in _written(proof)):
        return  # a letter about templates: it is the author's own
    for plan, mail in proof.mails:
        shown = re.sub(r"<(style|pre|code)\b.*?</\1>", "", mail.html, flags=re.DOTALL)
        if found := re.search(r"\{\{|\{%", shown):
            yield Spot(f"{found[0]!r} in the {plan} mail", "mend the template", file="emails/layouts/letter.mjml.j2")


def _written(proof: Proof) -> Iterable[str]:
    yield proof.text.title
    yield from (words for _, words in proof.passages())
    yield from (link.address for link in proof.destinations())
    for _, node in nodes_in(proof.tree.blocks):
        if isinstance(node, Code | Text):
            yield node.text
    yield from (block.text for block in blocks_in(proof.tree.blocks) if isinstance(block, CodeBlock))

"""What the author wrote for one plan, as a hash: it tells an edit from what changes by itself.

A live count, a closed launch or another template is no edit; nor is a line moved, or a word in a part that this plan may
not read: the tree is cut first, as for everything else.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from typing import Any

from worker.domain.issue import Issue
from worker.domain.subscriber import Plan
from worker.render.edition import parse
from worker.render.gate import cut

_PLACES = frozenset({"line", "key"})  # where something stands in the file


def source_hashes(text: Issue) -> dict[Plan, str]:
    """By plan, SHA-256 over everything in an issue or a step that its readers see. Raises RenderError with file and line."""
    tree = parse(text)
    day = text.published_on and text.published_on.isoformat()
    around = [text.title, day, _plain(text.audio), text.comments]
    return {
        plan: _hash([plan.value, *around, text.subject[plan], text.preview[plan], _plain(cut(tree, plan).blocks)])
        for plan in Plan
    }


def _hash(said: list[Any]) -> str:
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _plain(node: Any) -> Any:
    """A node of the tree as plain lists: its kind and what it holds, but not the line it stands on or what follows from the rest."""
    if is_dataclass(node):
        held = [_plain(getattr(node, one.name)) for one in fields(node) if one.compare and one.name not in _PLACES]
        return [type(node).__name__, *held]
    if isinstance(node, tuple):
        return [_plain(one) for one in node]
    return node

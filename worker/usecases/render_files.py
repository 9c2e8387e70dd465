"""Render an issue to files: what each edition's reader would get, with somebody's merge values filled in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from worker.domain.delivery import Recipient
from worker.domain.edition import Edition
from worker.domain.issue import Issue
from worker.domain.milestone import Milestone
from worker.domain.publication import Publication
from worker.domain.subscriber import Plan
from worker.render.edition import Facts, Scene, mjml_of, parse, render_both
from worker.render.layout import Templates
from worker.render.links import Signer
from worker.render.merge import MergeWriter

SAMPLE = Recipient(0, 0, "ada@example.com", "Ada Moreno", "sample", referral_count=2)


def render_files(
    issue: Issue,
    publication: Publication,
    templates: Templates,
    facts: Facts,
    *,
    signer: Signer,
    recipient: Recipient,
    folder: Path,
    message: str = "issue",
) -> list[dict[str, Any]]:
    """Write `<edition>.html`, `.txt`, `.mjml` and `.json` per plan; returns what the JSON files hold.

    A recipient with subscriber id 0 gets links that work for nobody. Raises RenderError or SourceError.
    """
    tree = parse(issue)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    scenes = {plan: Scene(issue, publication, facts, plan) for plan in Plan}
    for plan, edition in render_both(tree, scenes, templates, message).items():
        filled = fill_in(edition, recipient, signer, facts.base_url, publication.referral.milestones)
        facts_of = _facts(edition, filled)
        (folder / f"{plan}.html").write_text(filled["html"], encoding="utf-8")
        (folder / f"{plan}.txt").write_text(filled["text"], encoding="utf-8")
        (folder / f"{plan}.mjml").write_text(mjml_of(tree, scenes[plan], templates, message), encoding="utf-8")
        (folder / f"{plan}.json").write_text(
            json.dumps(facts_of, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
        written.append(facts_of)
    return written


def fill_in(
    edition: Edition, recipient: Recipient, signer: Signer, base_url: str, milestones: Sequence[Milestone] = ()
) -> dict[str, str]:
    """Subject, preheader, HTML and text as this recipient would read them."""
    launch = "sample" if any(tag.name in ("apply_link", "mute_link") for tag in edition.merge_tags) else None
    values, _ = MergeWriter(edition.merge_tags, base_url, signer, 0, launch, milestones).write(recipient)
    parts = {"subject": edition.subject, "preheader": edition.preheader, "html": edition.html, "text": edition.text}
    for tag, value in json.loads(values).items():
        parts = {name: part.replace(tag, value) for name, part in parts.items()}
    return parts


def _facts(edition: Edition, filled: dict[str, str]) -> dict[str, Any]:
    return {
        "edition": edition.plan.value,
        "subject": filled["subject"],
        "preheader": filled["preheader"],
        "merge_tags": [
            {"tag": t.tag, "name": t.name.value, "fallback": t.fallback, "place": t.place.name.lower()}
            for t in edition.merge_tags
        ],
        "html_bytes": len(filled["html"].encode()),
        "text_bytes": len(filled["text"].encode()),
        "hash": edition.hash,
    }

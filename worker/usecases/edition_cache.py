"""Editions that were rendered before: in memory for this process, on disk for the next one.

A worker renders in a child that ends with its job, so planning that is tried again starts from the disk. An entry is
found by the key of everything it is made of (worker/render/key.py). A broken file is as good as none; nothing fails for
want of a cache. Holds no reader's values: editions have placeholders in their stead.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from worker.domain.edition import Card, Edition, MergeName, MergeTag, Place
from worker.domain.issue import Issue
from worker.domain.publication import Publication
from worker.domain.subscriber import Plan
from worker.render.edition import render_editions
from worker.render.key import editions_key, settled
from worker.render.layout import Templates
from worker.render.scene import Facts
from worker.render.written import source_hashes
from worker.usecases.renderer_state import renderer_state

KEPT_ON_DISK = 64  # texts; both editions of a long letter take 150 KB
KEPT_IN_MEMORY = 8

Editions = Mapping[Plan, Edition]


class EditionCache:
    """Renders, or finds what was rendered before. Without a folder, or where it cannot be used, memory alone is used.

    `state` says which renderer runs here; where it says None, nothing is read from disk or written to it.
    """

    def __init__(self, folder: Path | None = None, state: Callable[[], str | None] = renderer_state) -> None:
        self._folder = folder
        self._state = state
        self._memory: OrderedDict[str, Editions] = OrderedDict()

    def render(
        self, text: Issue, publication: Publication, templates: Templates, facts: Facts, message: str = "issue"
    ) -> Editions:
        """Both editions, each with its source hash. Raises RenderError; what cannot be rendered is not remembered."""
        facts = settled(facts, publication)
        state = self._state()
        key = editions_key(text, publication, templates, facts, message, state or "")
        found = self._memory.get(key) or (self._read(key) if state else None)
        if found is None:
            written = source_hashes(text)
            made = render_editions(text, publication, templates, facts, message)
            found = {plan: replace(edition, source_hash=written[plan]) for plan, edition in made.items()}
            if state:
                self._write(key, found)
        self._memory[key] = found
        self._memory.move_to_end(key)
        while len(self._memory) > KEPT_IN_MEMORY:
            self._memory.popitem(last=False)
        return found

    def _read(self, key: str) -> Editions | None:
        if self._folder is None:
            return None
        path = self._folder / f"{key}.json"
        try:
            found = _editions(json.loads(path.read_bytes()), key)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # the one that was not asked for longest goes first
        return found

    def _write(self, key: str, editions: Editions) -> None:
        if self._folder is None:
            return
        written = json.dumps({"key": key, "editions": [_plain(edition) for edition in editions.values()]})
        unfinished = self._folder / f"{key}.{secrets.token_hex(4)}.new"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                unfinished.write_text(written, encoding="utf-8")
                unfinished.replace(self._folder / f"{key}.json")
            finally:
                unfinished.unlink(missing_ok=True)
            self._forget_oldest(self._folder)
        except OSError:
            return

    def _forget_oldest(self, folder: Path) -> None:
        kept = sorted((path.stat().st_mtime, path) for path in folder.iterdir() if path.suffix in (".json", ".new"))
        for _, path in kept[: max(0, len(kept) - KEPT_ON_DISK)]:
            path.unlink(missing_ok=True)


def _plain(edition: Edition) -> dict[str, Any]:
    tags = [[one.tag, one.name, one.fallback, one.place] for one in edition.merge_tags]
    parts = {name: getattr(edition, name) for name in ("plan", "subject", "preheader", "html", "text", "source_hash")}
    cards = [[one.launch_id, one.closes_at.isoformat()] for one in edition.cards]
    return {**parts, "merge_tags": tags, "cards": cards, "hash": edition.hash}


def _editions(written: dict[str, Any], key: str) -> Editions:
    """Raises ValueError, KeyError or TypeError for anything but what `_plain` wrote for this key."""
    if written["key"] != key:
        raise ValueError("an entry under another's name")
    found = {}
    for one in written["editions"]:
        tags = tuple(
            MergeTag(tag, MergeName(name), fallback, Place(place)) for tag, name, fallback, place in one["merge_tags"]
        )
        plan = Plan(one["plan"])
        parts = (one["subject"], one["preheader"], one["html"], one["text"])
        cards = tuple(Card(launch_id, datetime.fromisoformat(at)) for launch_id, at in one["cards"])
        found[plan] = Edition(plan, *parts, tags, source_hash=one["source_hash"], cards=cards)
        if found[plan].hash != one["hash"]:
            raise ValueError("an entry that was changed or cut short")
    if set(found) != set(Plan):
        raise ValueError("an entry without both editions")
    return found

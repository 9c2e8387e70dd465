"""Look at one text as its readers would get it, with what preflight finds; nothing is planned and nothing written.

What is wrong with the text is part of the answer, with its file and line, so that whoever shows it can go on.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from worker import sources
from worker.domain.address import address_key
from worker.domain.delivery import Recipient
from worker.domain.subscriber import Subscriber
from worker.errors import SourceError
from worker.render.layout import Templates
from worker.render.links import Signer
from worker.sources.texts import excerpt, list_text_names, read_named_text
from worker.store.engine import Engine, reading
from worker.store.milestones import earned_among
from worker.store.referrals import count_verified
from worker.store.subscribers import by_address_key
from worker.usecases.edition_cache import EditionCache
from worker.usecases.find_problems import find_problems
from worker.usecases.prepare_mailing import gather_facts
from worker.usecases.render_files import SAMPLE, fill_in


@dataclass(frozen=True, slots=True)
class Glass:
    """What is looked through: the database, the project, how links begin, who signs a reader's own, what is rendered already."""

    engine: Engine
    project: Path
    base_url: str
    signer: Signer
    cache: EditionCache = field(default_factory=EditionCache)


def look_at_text(glass: Glass, name: str, address: str, now: datetime) -> dict[str, Any]:
    """A text by its slug or `sequence/step` (empty: the newest issue), with a reader's values (empty: a sample's).

    Plain values: `name`, `names` (what else there is), `sender`, `title`, `editions` by plan (subject, preheader, html,
    text, html_bytes), `findings`, `reader` (None for the sample), `unknown` (the address is not on the list), `error`
    (None, or problem, fix, file, line, excerpt).
    """
    names = list_text_names(glass.project)
    name = name or next(iter(names), "")
    reader, recipient = _reader(glass.engine, address)
    seen: dict[str, Any] = {
        "name": name,
        "names": names,
        "sender": "",
        "title": "",
        "editions": {},
        "findings": [],
        "reader": reader and {"address": reader.address, "name": reader.name, "plan": reader.plan.value},
        "unknown": bool(address.strip()) and reader is None,
        "error": None,
    }
    try:
        seen.update(_rendered(glass, name, recipient, now))
    except SourceError as wrong:
        seen["error"] = {
            "problem": wrong.problem,
            "fix": wrong.fix,
            "file": wrong.file,
            "line": wrong.line,
            "excerpt": excerpt(glass.project, wrong.file, wrong.line) if wrong.line else [],
        }
    return seen


def _rendered(glass: Glass, name: str, recipient: Recipient, now: datetime) -> dict[str, Any]:
    publication = sources.read_publication(glass.project)
    text, message = read_named_text(glass.project, name)
    templates = Templates(sources.read_templates(glass.project), sources.read_theme(glass.project))
    facts = gather_facts(glass.engine, glass.project, text, templates, base_url=glass.base_url, now=now)
    made = glass.cache.render(text, publication, templates, facts, message)
    found = find_problems(glass.engine, text, publication, templates, facts, message, glass.cache)
    editions = {}
    for plan, edition in made.items():
        filled = fill_in(edition, recipient, glass.signer, glass.base_url, publication.referral.milestones)
        editions[plan.value] = {**filled, "html_bytes": len(filled["html"].encode())}
    return {
        "sender": publication.author,
        "title": text.title,
        "editions": editions,
        "findings": [asdict(one) for one in found],
    }


def find_reader(engine: Engine, address: str) -> tuple[Subscriber, Recipient] | None:
    """The subscriber with this address, and what their merge values are made of. ValueError where it is no address."""
    key = address_key(address)
    with reading(engine) as connection:
        found = by_address_key(connection, key)
        if found is None:
            return None
        brought, reached = count_verified(connection, found.id), earned_among(connection, [found.id])
    reader = (found.id, found.address, found.name, found.referral_code)
    return found, Recipient(0, *reader, brought, ",".join(sorted(reached)))


def _reader(engine: Engine, address: str) -> tuple[Subscriber | None, Recipient]:
    try:
        found = find_reader(engine, address) if address.strip() else None
    except ValueError:
        found = None
    return found or (None, SAMPLE)

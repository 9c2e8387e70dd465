"""Find the problems of a text: the preflight, with what the database knows of its readers. Writes nothing.

`check`, `preview`, `send` and `correct` ask here, so that all of them say the same.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from worker.domain.issue import Issue
from worker.domain.mailing import MailingStatus
from worker.domain.publication import Publication
from worker.errors import UsageError
from worker.render.layout import Templates
from worker.render.preflight import Finding, Longest, preflight
from worker.render.scene import Facts
from worker.store.engine import Engine, reading
from worker.store.ledger.mailings import find_mailing
from worker.store.measure import longest_values
from worker.store.segments import audience_rule
from worker.usecases.edition_cache import EditionCache
from worker.usecases.reaching_hour import reaching_hour
from worker.usecases.schedule_broadcast import broadcast_key

_NOT_YET = (MailingStatus.DRAFT, MailingStatus.SCHEDULED, MailingStatus.CANCELLED)


def find_problems(
    engine: Engine,
    text: Issue,
    publication: Publication,
    templates: Templates,
    facts: Facts,
    message: str = "issue",
    cache: EditionCache | None = None,
) -> list[Finding]:
    """Errors first. The longest values are the list's own; a letter that is on its way is not asked for its dates, and one
    that is scheduled is looked at as of its hour. `facts.now` is when it would go."""
    with reading(engine) as connection:
        found = longest_values(connection)
        mailing = find_mailing(connection, broadcast_key(text)) if message == "issue" else None
    if mailing is not None and mailing.status is MailingStatus.SCHEDULED:
        with suppress(UsageError):  # its segment is gone, which planning will say
            rule = audience_rule(mailing.segment, publication)
            facts = replace(facts, now=reaching_hour(engine, mailing, rule, facts.now))
    return preflight(
        text,
        publication,
        templates,
        facts,
        message,
        longest=Longest(*found) if found else None,
        sent=mailing is not None and mailing.status not in _NOT_YET,
        render=(cache or EditionCache()).render,
    )

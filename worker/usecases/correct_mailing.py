"""Correct a mailing: its text as it is written now, for what is still pending. Nothing here happens by itself: it is an
operator's explicit act. For those who have the old text: broadcast_again.py.

Of a staged mailing only what is pending is corrected: what waits at SendGrid keeps its text until it is taken back
(worker/store/ledger/recall.py), which makes it pending.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from worker.domain.edition import Edition
from worker.domain.mailing import Mailing, MailingKind
from worker.domain.segment import Rule
from worker.domain.subscriber import Plan
from worker.errors import SourceError, UnknownIssue
from worker.render.written import source_hashes
from worker.store.engine import Engine, reading, write
from worker.store.ledger.correct import Reach, correct_pending, newest_editions, reach
from worker.usecases.prepare_mailing import find_text

Prepare = Callable[[Mailing], tuple[Mapping[Plan, Edition], Rule]]


@dataclass(frozen=True, slots=True)
class Difference:
    """What was planned beside what is written now.

    `lines` holds the editions that have changed, each as a unified difference of subject, preheader and plain text; no
    lines where the change shows in the HTML alone. `editions` are all as written now.
    """

    lines: Mapping[Plan, list[str]]
    reach: Reach
    editions: Mapping[Plan, Edition]

    @property
    def changed(self) -> bool:
        """Whether any edition has."""
        return bool(self.lines)

    @property
    def texts(self) -> set[str]:
        """The source hashes of the editions as written now."""
        return {one.source_hash for one in self.editions.values()}


def difference(engine: Engine, mailing: Mailing, prepare: Prepare) -> Difference:
    """Render the mailing's text as it is now and compare. Raises what `prepare` raises.

    Only what the author wrote counts as a change: a live count or a launch that has closed meanwhile does not.
    """
    editions, _rule = prepare(mailing)
    with reading(engine) as connection:
        before = newest_editions(connection, mailing.id)
        found = reach(connection, mailing.id, {one.source_hash for one in editions.values()})
    lines = {
        plan: _compare(before[plan], now)
        for plan, now in editions.items()
        if plan in before and before[plan].source_hash != now.source_hash
    }
    return Difference(lines, found, editions)


def source_changed(engine: Engine, project: Path, mailing: Mailing) -> bool:
    """Whether the author has written something else since a mailing was planned, if only what cannot be used.

    False where the issue is no longer found, and for an alert, which nobody writes.
    """
    if mailing.planned_at is None or mailing.kind is MailingKind.ALERT:
        return False
    try:
        text, _message = find_text(project, mailing.source)
        written = source_hashes(text)
    except UnknownIssue:
        return False
    except SourceError:
        return True
    with reading(engine) as connection:
        newest = newest_editions(connection, mailing.id)
    # An edition from before there were source hashes has none.
    return any(one.source_hash not in ("", written[plan]) for plan, one in newest.items())


def correct_mailing(engine: Engine, mailing: Mailing, editions: Mapping[Plan, Edition]) -> int:
    """Give what is still pending the text of `editions`; returns how many readers get it. Repeating it changes nothing."""
    return write(engine, lambda connection: correct_pending(connection, mailing.id, editions))


def _compare(before: Edition, now: Edition) -> list[str]:
    return list(difflib.unified_diff(_lines(before), _lines(now), "as planned", "as written now", lineterm="", n=2))


def _lines(edition: Edition) -> list[str]:
    head = [f"Subject: {_readable(edition, edition.subject)}", f"Preview: {_readable(edition, edition.preheader)}", ""]
    return [*head, *_readable(edition, edition.text).splitlines()]


def _readable(edition: Edition, text: str) -> str:
    """With merge tags by their names: their numbers may differ where nothing else does."""
    for tag in edition.merge_tags:
        fallback = f"|{tag.fallback}" if tag.fallback else ""
        text = text.replace(tag.tag, f"{{{tag.name.value}{fallback}}}")
    return text

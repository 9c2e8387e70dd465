"""Correct a mailing: its text as it is written now, for what is still pending, or as a second broadcast to who has the old one.

Nothing here happens by itself: each is an operator's explicit act.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from worker.domain.edition import Edition
from worker.domain.late import Late
from worker.domain.mailing import Mailing, MailingKind
from worker.domain.segment import Rule
from worker.domain.subscriber import Plan
from worker.errors import BroadsheetError
from worker.store.engine import Engine, reading, writing
from worker.store.ledger.correct import Reach, correct_pending, newest_editions, reach
from worker.store.ledger.mailings import NewMailing, create_mailing
from worker.usecases.prepare_mailing import find_text

Prepare = Callable[[Mailing], tuple[Mapping[Plan, Edition], Rule]]


@dataclass(frozen=True, slots=True)
class Difference:
    """What was planned beside what is written now. `lines` by plan, as a unified difference of subject, preheader and text."""

    changed: bool
    lines: Mapping[Plan, list[str]]
    reach: Reach
    editions: Mapping[Plan, Edition]

    @property
    def source_hash(self) -> str:
        """That of the text as it is now."""
        return next(iter(self.editions.values())).source_hash


def difference(engine: Engine, mailing: Mailing, prepare: Prepare) -> Difference:
    """Render the mailing's text as it is now and compare. Raises what `prepare` raises.

    Only what the author wrote counts as a change: a live count or a launch that has closed meanwhile does not.
    """
    editions, _rule = prepare(mailing)
    with reading(engine) as connection:
        before = newest_editions(connection, mailing.id)
        source_hash = next(iter(editions.values())).source_hash
        found = reach(connection, mailing.id, source_hash)
    changed = any(one.source_hash != source_hash for one in before.values())
    lines = {plan: _compare(before[plan], editions[plan]) for plan in before if plan in editions} if changed else {}
    return Difference(changed, lines, found, editions)


def source_changed(engine: Engine, project: Path, mailing: Mailing) -> bool:
    """Whether the author has written something else since a mailing was planned; False where the text cannot be read."""
    if mailing.planned_at is None:
        return False
    try:
        text, _message = find_text(project, mailing.source)
    except BroadsheetError:
        return False
    with reading(engine) as connection:
        frozen = {one.source_hash for one in newest_editions(connection, mailing.id).values()}
    return bool(frozen - {"", text.source_hash})


def correct_mailing(engine: Engine, mailing: Mailing, editions: Mapping[Plan, Edition]) -> int:
    """Give what is still pending the text of `editions`; returns how many readers get it. Repeating it changes nothing."""
    with writing(engine) as connection:
        return correct_pending(connection, mailing.id, editions)


def broadcast_again(
    engine: Engine, mailing: Mailing, editions: Mapping[Plan, Edition], batch_size: int, now: datetime
) -> int | None:
    """A second broadcast, now, to who has the old text; None where there is one of this very text already.

    Its audience is frozen at planning: whoever has it for sure, in another text than this, and did not leave since.
    """
    source_hash = next(iter(editions.values())).source_hash
    with writing(engine) as connection:
        return create_mailing(
            connection,
            NewMailing(
                key=f"{mailing.key}:correction:{source_hash[:12]}",
                kind=MailingKind.BROADCAST,
                source=mailing.source,
                segment=mailing.segment,
                send_at=now,
                wall_time=now.isoformat(timespec="minutes"),
                zone=mailing.zone,
                batch_size=batch_size,
                late=Late.ASK,
                corrects_id=mailing.id,
            ),
            now,
        )


def _compare(before: Edition, now: Edition) -> list[str]:
    return list(difflib.unified_diff(_lines(before), _lines(now), "as planned", "as written now", lineterm="", n=2))


def _lines(edition: Edition) -> list[str]:
    head = [f"Subject: {_readable(edition, edition.subject)}", f"Preview: {_readable(edition, edition.preheader)}", ""]
    return [*head, *_readable(edition, edition.text).splitlines()]


def _readable(edition: Edition, text: str) -> str:
    """With merge tags by their names: their numbers may differ where nothing else does."""
    for tag in edition.merge_tags:
        text = text.replace(tag.tag, f"{{{tag.name.value}}}")
    return text

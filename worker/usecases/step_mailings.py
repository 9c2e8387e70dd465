"""Step mailings: those who get one step of one run in one hour, as a mailing of the ledger. Within the caller's transaction.

While a pass goes on, later parts join the mailing an earlier part made, as long as nobody has begun to plan it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from worker.domain.calendar import wall_time
from worker.domain.mailing import MailingKind
from worker.domain.sequence import late_policy
from worker.domain.step_rules import dump_rules
from worker.domain.subscriber import Plan
from worker.store.engine import Connection
from worker.store.followups.due import Overtaken
from worker.store.ledger.mailings import NewAddressee, NewMailing, add_addressees, create_mailing
from worker.usecases.content import Content
from worker.usecases.decide_steps import Verdict

MOST = 20_000  # readers of one mailing

# run, step, the hour in which it was due, and which of a reader's steps in that hour (a mailing goes to each reader once)
_Group = tuple[int, str, datetime, int]


@dataclass
class _Open:
    mailing_id: int
    readers: set[int] = field(default_factory=set)


class StepMailings:
    """The mailings of one pass. `created` are those that are committed (`keep`)."""

    def __init__(self, content: Content, now: datetime, batch_size: int) -> None:
        self.created: list[int] = []
        self._content, self._now, self._batch_size = content, now, batch_size
        self._open: dict[_Group, _Open] = {}
        self._new: list[int] = []

    def write(self, connection: Connection, going: Sequence[Verdict]) -> dict[tuple[int, str], int]:
        """Let these go; the mailing of each, by enrollment and step."""
        self._new = []
        parts: dict[_Group, list[Verdict]] = defaultdict(list)
        for one in going:
            parts[self._group(one, parts)].append(one)
        return {
            (one.row.enrollment_id, one.row.step_id): mailing_id
            for group, part in parts.items()
            for mailing_id in (self._mail(connection, group, part),)
            for one in part
        }

    def keep(self) -> None:
        """What was written last is committed."""
        self.created += self._new
        self._new = []

    def _group(self, one: Verdict, parts: dict[_Group, list[Verdict]]) -> _Group:
        hour = one.row.due_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        turn = 0
        while True:
            group = (one.run.id, one.row.step_id, hour, turn)
            begun = self._open.get(group)
            here = {other.row.subscriber_id for other in parts.get(group, ())}
            if one.row.subscriber_id not in here and (begun is None or one.row.subscriber_id not in begun.readers):
                return group
            turn += 1

    def _mail(self, connection: Connection, group: _Group, part: Sequence[Verdict]) -> int:
        addressees = [NewAddressee(one.row.subscriber_id, Plan(one.plan)) for one in part]
        readers = {one.row.subscriber_id for one in part}
        begun = self._open.get(group)
        ends = _last_end(part)
        if begun and len(begun.readers) < MOST and add_addressees(connection, begun.mailing_id, addressees, ends):
            begun.readers |= readers
            return begun.mailing_id
        mailing_id = create_mailing(connection, self._mailing(part, addressees), self._now)
        if mailing_id is None:
            raise Overtaken("another clock planned these steps", fix="nothing is lost; the next tick goes on")
        self._open[group] = _Open(mailing_id, readers)
        self._new.append(mailing_id)
        return mailing_id

    def _mailing(self, part: Sequence[Verdict], addressees: Sequence[NewAddressee]) -> NewMailing:
        first = part[0]
        run, step = first.run, first.step
        if step is None:
            raise AssertionError("a step that is in no file does not go")
        zone = run.anchors.zone
        send_at = min(one.row.due_at for one in part)
        enrollment = min(one.row.enrollment_id for one in part)
        return NewMailing(
            key=f"step:{run.id}:{step.id}:{enrollment}",
            kind=MailingKind.STEP,
            source=f"step:{step.sequence}/{step.id}",
            send_at=send_at,
            wall_time=wall_time(send_at, zone).isoformat(timespec="minutes"),
            zone=zone,
            batch_size=self._batch_size,
            launch_id=run.launch_id,
            addressees=addressees,
            late=late_policy(step, run.launch_id is not None, self._content.publication.late.policy),
            expires_at=_last_end(part),
            run_id=run.id,
            step_id=step.id,
            rules=dump_rules(step.rules, self._content.publication.slot.zone),
        )


def _last_end(part: Sequence[Verdict]) -> datetime:
    """Until when it makes sense to somebody. Whose own time is over before that is left out (SkipReason.LATE)."""
    return max(one.moment.expires_at for one in part)

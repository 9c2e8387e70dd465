"""Report a launch: count what came of it, in one view of the database, so that the sums hold. Writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from itertools import groupby

from worker.domain.calendar import wall_time
from worker.domain.delivery import DeliveryState
from worker.domain.launch import Launch
from worker.domain.launch_report import LaunchReport, Told
from worker.domain.publication import Publication
from worker.domain.segment import HasPlan
from worker.domain.subscriber import Plan
from worker.store.engine import Engine, reading_steadily
from worker.store.launch_report import (
    Mailed,
    Row,
    count_clicked,
    count_excluded,
    count_how,
    count_people,
    count_states,
    stream_conversions,
)
from worker.store.launches import count_muted

_WAITING = (DeliveryState.PENDING, DeliveryState.CLAIMED, DeliveryState.SUBMITTING)
Key = tuple[str, str, str]  # kind, source, plan


def report_launch(
    engine: Engine, launch: Launch, publication: Publication, now: datetime, *, counts_clicks: bool = True
) -> LaunchReport:
    """Every count. Segments are asked as of `now`; `counts_clicks`: whether clicks are asked for at present."""
    with reading_steadily(engine) as connection:
        credited, days, unprompted = _credit(stream_conversions(connection, launch.id), launch.zone)
        people = count_people(connection, launch, now)
        return LaunchReport(
            people=people,
            by_plan={plan: count_people(connection, launch, now, HasPlan(plan)) for plan in Plan},
            by_segment={
                name: count_people(connection, launch, now, rule) for name, rule in sorted(publication.segments.items())
            },
            how=count_how(connection, launch.id),
            rows=_rows(count_states(connection, launch.id), count_clicked(connection, launch), credited),
            unprompted=unprompted,
            muted=count_muted(connection, launch.id),
            excluded={_name(source): reasons for source, reasons in count_excluded(connection, launch.id).items()},
            days=sorted(days.items()),
            counts_clicks=counts_clicks or people.clicked > 0,
        )


def _credit(found: Iterable[Mailed], zone: str) -> tuple[Counter[Key], Counter[date], int]:
    """Each recorded conversion to the last mail before it; by day; and how many came before any mail."""
    credited, days, unprompted = Counter[Key](), Counter[date](), 0
    for _, rows in groupby(found, key=lambda one: one.subscriber_id):
        mails = list(rows)
        days[wall_time(mails[0].converted_at, zone).date()] += 1
        before = [one for one in mails if one.mailed_at is not None and one.mailed_at <= one.converted_at]
        if not before:
            unprompted += 1
            continue
        last = max(before, key=lambda one: (one.mailed_at, one.source))
        credited[str(last.kind), str(last.source), str(last.plan)] += 1
    return credited, days, unprompted


def _rows(states: Iterable[Row], clicked: dict[Key, int], credited: Counter[Key]) -> list[Told]:
    """In the order in which the mails first went, free before paid."""
    counted: dict[Key, Counter[str]] = {}
    first: dict[str, datetime] = {}
    for row in states:
        first[row.source] = min(row.send_at, first.get(row.source, row.send_at))
        counted.setdefault((row.kind, row.source, row.plan), Counter())[row.state] += row.number
    return [
        Told(
            kind=kind,
            name=_name(source),
            plan=Plan(plan),
            owed=found.total(),
            announced=found[DeliveryState.SUBMITTED],
            skipped=found[DeliveryState.SKIPPED],
            refused=found[DeliveryState.REFUSED],
            uncertain=found[DeliveryState.UNCERTAIN],
            cancelled=found[DeliveryState.CANCELLED],
            waiting=sum(found[state] for state in _WAITING),
            clicked=clicked.get((kind, source, plan), 0),
            applied=credited[kind, source, plan],
        )
        for (kind, source, plan), found in sorted(counted.items(), key=lambda one: (first[one[0][1]], one[0]))
    ]


def _name(source: str) -> str:
    """`step:launch/reminder` is the step reminder, `issue:20261123-quiet-weeks` that issue."""
    return source.partition(":")[2].rpartition("/")[2]

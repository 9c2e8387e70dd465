"""Watching: status, with its progress while it goes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from worker.cli.following import follow
from worker.cli.shape import (
    HERE,
    AsJson,
    Project,
    app,
    err,
    local,
    open_context,
    out,
    print_json,
    say,
    short,
    show,
    table,
)
from worker.context import Context
from worker.domain.delivery import Counts, DeliveryState
from worker.domain.mailing import Mailing, MailingStatus, Queue
from worker.domain.staging import CUTOFF
from worker.errors import UsageError
from worker.usecases.correct_mailing import source_changed
from worker.usecases.foresee_pace import warm_up_days
from worker.usecases.overview import Overview, find_by_words, latest, overview


@app.command(short_help="How far mailings are, and what needs attention.")
def status(
    slug: Annotated[str, typer.Argument(metavar="[SLUG]", help="Left away: the newest mailings, a line each.")] = "",
    watch: Annotated[bool, typer.Option("--watch", help="Show progress until nothing is left to submit.")] = False,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Counts by state and edition, what is excluded and why, and what needs attention."""
    context = open_context(project)
    if not slug:
        if watch:
            raise UsageError("which mailing should be watched?", fix="`broadsheet status SLUG --watch`")
        _list(context, as_json)
        return
    mailing = find_by_words(context.engine, context.settings.project, slug)
    if watch and not as_json:
        follow(context.engine, mailing.id)
    seen = overview(context.engine, mailing.id)
    days = _days_left(context, seen)
    edited = source_changed(context.engine, context.settings.project, mailing)
    if as_json:
        print_json(as_dict(seen) | {"warm_up_days": days, "text_changed": edited})
    else:
        print_overview(seen)
        if edited:
            say(f"The text has changed since it was planned: `broadsheet diff {mailing.id}` shows how.")
        if days:
            say(warm_up_words(days))
    if needs_attention(seen):
        raise typer.Exit(1)


def needs_attention(seen: Overview) -> bool:
    """Whether a person should look at it."""
    open_ones = seen.set_aside or seen.whole.by_state[DeliveryState.UNCERTAIN]
    return bool(seen.mailing.needs_attention or seen.fenced or open_ones)


def as_dict(seen: Overview) -> dict[str, Any]:
    """The overview as plain JSON values."""
    mailing = seen.mailing
    return {
        "id": mailing.id,
        "key": mailing.key,
        "kind": mailing.kind,
        "status": mailing.status,
        "send_at": mailing.send_at,
        "wall_time": mailing.wall_time,
        "zone": mailing.zone,
        "candidates": mailing.candidates,
        **_counts(seen.whole),
        "excluded": seen.excluded,
        "editions": {plan.value: _counts(counts) for plan, counts in seen.editions.items()},
        "batches": {status.value: number for status, number in seen.batches.items()},
        "set_aside": seen.set_aside,
        "needs_attention": mailing.needs_attention,
        "fenced": seen.fenced,
        "stage_at": mailing.stage_at,
        "local_hour": mailing.local_hour,
        "hours": by_moment(seen.hours),
        "recall_to": mailing.recall_to,
        "waits_until": seen.waiting.until if seen.waiting else None,
    }


def print_overview(seen: Overview) -> None:
    """One table per mailing, an edition a row; then whoever was left out, and what needs attention."""
    mailing = seen.mailing
    say((mailing.key, "bold"), f"  {mailing.status}  {local(mailing.send_at, mailing.zone)}")
    if mailing.planned_at is not None:
        show(_editions(seen))
    if mailing.local_hour:
        say(f"to each reader at {mailing.wall_time.replace('T', ' ')} where they live, the first of them then")
    if seen.hours:
        print_hours(seen.hours, mailing.zone, "still to come")
    if words := staging_words(mailing):
        say(words)
    if seen.excluded:
        say(f"left out when it was planned: {reasons(seen.excluded)}")
    if seen.waiting and _still_owed(seen):
        say(f"waits until {local(seen.waiting.until, mailing.zone)}: {seen.waiting.because}")
    for problem in (mailing.needs_attention, seen.fenced):
        if problem:
            say(("needs attention: ", "bold red"), problem)
    if uncertain := seen.whole.by_state[DeliveryState.UNCERTAIN]:
        say(
            (f"{uncertain:,} uncertain: ", "bold red"),
            "handed over perhaps, never resent by themselves; an event settles them. "
            f"`broadsheet deliveries {mailing.id} --state uncertain` lists them by name, "
            f"`broadsheet reconcile {mailing.id}` decides.",
        )
    if seen.set_aside:
        words = f"batches kept failing and are not tried any more; `broadsheet reconcile {mailing.id}` decides."
        say((f"{seen.set_aside:,} set aside: ", "bold red"), words)


def print_hours(hours: Mapping[datetime, int], zone: str, heading: str = "readers") -> None:
    """How many readers at which moment, at local hours."""
    made = table(f"!at, in {zone}", f"#{heading}")
    for at, readers in hours.items():
        made.add_row(local(at, zone), f"{readers:,}")
    show(made)


def by_moment(hours: Mapping[datetime, int]) -> dict[str, int]:
    """The same as plain JSON values."""
    return {at.isoformat(): readers for at, readers in hours.items()}


def staging_words(mailing: Mailing) -> str:
    """Where its mail waits, and until when it can be taken back; empty for one that is not staged."""
    if mailing.stage_at is None:
        return ""
    cutoff = short(mailing.send_at - CUTOFF, mailing.zone)
    match mailing.status:
        case MailingStatus.SCHEDULED:
            return f"handed over from {short(mailing.stage_at, mailing.zone)} on, and can be taken back until {cutoff}"
        case MailingStatus.STAGED:
            return f"waits at SendGrid for its hour, and can be taken back until {cutoff}"
        case MailingStatus.RECALLING:
            return f"is being taken back from SendGrid; then it is {mailing.recall_to}"
    return ""


def warm_up_words(days: int) -> str:
    """How long a broadcast takes under the warm-up."""
    return f"Under the warm-up this takes {days} days." if days > 1 else "The warm-up lets it all go on one day."


def reasons(numbers: dict[str, int]) -> str:
    """`bounced 1, unsubscribed 3`."""
    return ", ".join(f"{reason} {number:,}" for reason, number in sorted(numbers.items()))


def _still_owed(seen: Overview) -> int:
    return seen.whole.by_state[DeliveryState.PENDING] + seen.whole.by_state[DeliveryState.CLAIMED]


def _days_left(context: Context, seen: Overview) -> int | None:
    """Days until the rest of a broadcast is out; None where no warm-up holds it back."""
    if seen.mailing.rules.queue is not Queue.BULK:
        return None
    return warm_up_days(context.engine, context.publication, _still_owed(seen), seen.mailing.send_at)


def _editions(seen: Overview) -> Table:
    always = (DeliveryState.SUBMITTED, DeliveryState.UNCERTAIN)
    others = [s for s in DeliveryState if s not in (*always, DeliveryState.SKIPPED) and seen.whole.by_state[s]]
    shown = [*others, *always]
    made = table("edition", "#audience", *(f"#{one}" for one in shown), "skipped")
    parts = [(plan.value, counts) for plan, counts in sorted(seen.editions.items())]
    for name, counts in [*parts, *([("all", seen.whole)] if len(parts) != 1 else [])]:
        skipped = f"{counts.by_state[DeliveryState.SKIPPED]:,}"
        if counts.skipped:
            skipped += f" ({reasons(counts.skipped)})"
        made.add_row(name, f"{counts.audience:,}", *(f"{counts.by_state[one]:,}" for one in shown), skipped)
    return made


def _counts(counts: Counts) -> dict[str, Any]:
    states = {state.value: number for state, number in counts.by_state.items()}
    return {"audience": counts.audience, **states, "skipped_because": counts.skipped}


def _list(context: Context, as_json: bool) -> None:
    mailings = latest(context.engine)
    if as_json:
        print_json([as_dict(overview(context.engine, mailing.id)) for mailing in mailings])
        return
    if not mailings:
        out.print("Nothing has been scheduled yet. `broadsheet send SLUG` does.")
        return
    zone = context.publication.slot.zone
    made = table("#id", "mailing", "!status", "!hour", "#audience")
    for one in mailings:
        made.add_row(str(one.id), one.key, one.status, short(one.send_at, zone), f"{one.audience:,}")
    show(made)
    say(f"Hours are those of {zone}.", console=err)
    for one in mailings:
        if one.needs_attention:
            say((f"{one.id} needs attention: ", "bold red"), one.needs_attention)
    if fenced := overview(context.engine, mailings[0].id).fenced:
        say(("needs attention: ", "bold red"), fenced)

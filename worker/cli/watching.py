"""Watching: status, with a progress bar while it goes, and deliveries, one row per candidate."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from worker.cli.shape import HERE, AsJson, Project, app, local, open_context, out, print_json, table
from worker.context import Context
from worker.domain.delivery import Counts, DeliveryState
from worker.domain.mailing import MailingStatus
from worker.errors import UsageError
from worker.store.engine import Engine, reading
from worker.store.ledger.candidates import EXCLUDED, Candidate, stream_candidates
from worker.usecases.overview import Overview, find_by_words, latest, overview

_OPEN = (DeliveryState.PENDING, DeliveryState.CLAIMED, DeliveryState.SUBMITTING)
_POLL_SECONDS = 0.5
_RESTING = (MailingStatus.FINISHED, MailingStatus.CANCELLED, MailingStatus.PAUSED, MailingStatus.DRAFT)


@app.command()
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
    if as_json:
        print_json(as_dict(seen))
    else:
        print_overview(seen)
    if needs_attention(seen):
        raise typer.Exit(1)


@app.command()
def deliveries(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="An issue's slug or id, a mailing's key, or its number.")],
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Only this state; may be repeated. `excluded` is one of them.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV on standard output.")] = False,
    project: Project = HERE,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line on standard output.")] = False,
) -> None:
    """Who got it, who did not, and why: one row per candidate."""
    known = {one.value for one in DeliveryState} | {EXCLUDED}
    if unknown := set(state or ()) - known:
        raise UsageError(
            f"--state: there is no state {', '.join(sorted(unknown))}", fix=f"use {', '.join(sorted(known))}"
        )
    context = open_context(project)
    mailing = find_by_words(context.engine, context.settings.project, slug)
    with reading(context.engine) as connection:
        rows = stream_candidates(connection, mailing.id, frozenset(state or ()))
        if as_csv:
            _write_csv(rows)
        elif as_json:
            for row in rows:
                print(json.dumps(asdict(row), default=str, ensure_ascii=False))
        else:
            _write_table(rows, mailing.zone)


def follow(engine: Engine, mailing_id: int) -> None:
    """A progress bar with rate and time left, until nothing is left to submit. Ctrl-C ends the watching only."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=out) as bar:
        task = bar.add_task("planning", total=None, rate="")
        began: tuple[float, int] | None = None
        while True:
            seen = overview(engine, mailing_id)
            left = sum(seen.whole.by_state[one] for one in _OPEN)
            reached = seen.whole.audience - left
            planned = seen.mailing.planned_at is not None
            if planned:
                began = began or (time.monotonic(), reached)
                spent = time.monotonic() - began[0]
                rate = f"{(reached - began[1]) / spent:,.0f}/s" if spent > 1 else ""
                bar.update(
                    task,
                    description=seen.mailing.status,
                    total=max(seen.whole.audience, 1),
                    completed=reached,
                    rate=rate,
                )
            if seen.mailing.status in _RESTING or (planned and left == 0) or seen.fenced:
                return
            time.sleep(_POLL_SECONDS)


def needs_attention(seen: Overview) -> bool:
    """Whether a person should look at it."""
    return bool(seen.mailing.needs_attention or seen.fenced or seen.whole.by_state[DeliveryState.UNCERTAIN])


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
        "needs_attention": mailing.needs_attention,
        "fenced": seen.fenced,
    }


def print_overview(seen: Overview) -> None:
    """One table per mailing: an edition a row."""
    mailing = seen.mailing
    out.print(f"[bold]{mailing.key}[/]  {mailing.status}  {local(mailing.send_at, mailing.zone)}")
    shown = [one for one in DeliveryState if seen.whole.by_state[one] or one is DeliveryState.SUBMITTED]
    made = table("edition", "#audience", *(f"#{one}" for one in shown), "skipped because")
    for name, counts in [
        *((plan.value, counts) for plan, counts in sorted(seen.editions.items())),
        ("all", seen.whole),
    ]:
        cells = [f"{counts.by_state[one]:,}" for one in shown]
        made.add_row(name, f"{counts.audience:,}", *cells, _reasons(counts.skipped))
    out.print(made)
    if seen.excluded:
        out.print(f"left out when it was planned: {_reasons(seen.excluded)}")
    for problem in (mailing.needs_attention, seen.fenced):
        if problem:
            out.print(f"[bold red]needs attention:[/] {problem}", soft_wrap=True)
    if uncertain := seen.whole.by_state[DeliveryState.UNCERTAIN]:
        out.print(
            f"[bold red]{uncertain:,} uncertain:[/] handed over perhaps, never resent by themselves; an event settles them. "
            f"`broadsheet deliveries {mailing.id} --state uncertain` lists them by name.",
            soft_wrap=True,
        )


def _counts(counts: Counts) -> dict[str, Any]:
    states = {state.value: number for state, number in counts.by_state.items()}
    return {"audience": counts.audience, **states, "skipped_because": counts.skipped}


def _reasons(reasons: dict[str, int]) -> str:
    return ", ".join(f"{reason} {number:,}" for reason, number in sorted(reasons.items()))


def _list(context: Context, as_json: bool) -> None:
    mailings = latest(context.engine)
    if as_json:
        print_json([as_dict(overview(context.engine, mailing.id)) for mailing in mailings])
        return
    if not mailings:
        out.print("Nothing has been scheduled yet. `broadsheet send SLUG` does.")
        return
    made = table("#id", "mailing", "status", "hour", "#audience", "needs attention")
    for one in mailings:
        made.add_row(
            str(one.id),
            one.key,
            one.status,
            local(one.send_at, one.zone),
            f"{one.audience:,}",
            one.needs_attention or "",
        )
    out.print(made)


def _write_csv(rows: Iterator[Candidate]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(Candidate.__dataclass_fields__)
    for row in rows:
        writer.writerow([_cell(value) for value in asdict(row).values()])


def _cell(value: Any) -> Any:
    # A spreadsheet runs what starts like a formula.
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _write_table(rows: Iterator[Candidate], zone: str) -> None:
    made = table("address", "plan", "state", "reason", "submitted", "outcome")
    for row in rows:
        made.add_row(row.address, row.plan, row.state, row.reason, local(row.submitted_at, zone), row.outcome)
    out.print(made)

"""Deliveries: who got it, who did not, and why; a row per candidate, or one person's story. Streams, however many."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Annotated, Any

import orjson
import typer

from worker.cli.shape import HERE, Project, app, brief, err, local, open_context, say, show, table
from worker.domain.address import address_key
from worker.domain.mailing import Mailing
from worker.errors import UsageError
from worker.store.engine import Engine, reading_steadily
from worker.store.ledger.candidates import Candidate, known_outcomes, known_states, stream_candidates
from worker.store.ledger.story import Step, read_story
from worker.usecases.overview import find_by_words

_PAGE_ROWS = 1_000  # of a table on a screen: it is printed page by page, never held as a whole


@app.command(short_help="Who got it, who did not, and why.")
def deliveries(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="An issue's slug or id, a mailing's key, or its number.")],
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Only this state; may be repeated. `excluded` is one of them.")
    ] = None,
    outcome: Annotated[
        list[str] | None,
        typer.Option("--outcome", help="Only this outcome; may be repeated. `none`: nothing has come back."),
    ] = None,
    address: Annotated[
        str, typer.Option("--address", help="One person: every call that carried their message, and every event.")
    ] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV on standard output, safe for spreadsheets.")] = False,
    project: Project = HERE,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON Lines on standard output: one object a line, not one array.")
    ] = False,
) -> None:
    """Who got it, who did not, and why: one row per candidate, with the call that counts and how it is known."""
    states, outcomes = set(state or ()), set(outcome or ())
    _require("--state", states, known_states())
    _require("--outcome", outcomes, known_outcomes())
    if address and (states or outcomes):
        raise UsageError("--address is about one person", fix="leave --state and --outcome away")
    context = open_context(project)
    mailing = find_by_words(context.engine, context.settings.project, slug)
    if address:
        _story(context.engine, mailing, address, as_csv, as_json)
        return
    with reading_steadily(context.engine) as connection:
        rows = stream_candidates(connection, mailing.id, frozenset(states), frozenset(outcomes))
        if as_csv:
            write_csv(Candidate._fields, rows)
        elif as_json:
            for page in _pages(row._asdict() for row in rows):
                print("\n".join(orjson.dumps(row).decode() for row in page))
        else:
            _table(rows, mailing.zone)


def write_csv(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """CSV on standard output. No cell is run as a formula by a spreadsheet."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(value) for value in row] for row in rows)


def _require(option: str, given: set[str], known: list[str]) -> None:
    if unknown := given - set(known):
        named = option.removeprefix("--")
        raise UsageError(f"{option}: there is no {named} {', '.join(sorted(unknown))}", fix=f"use {', '.join(known)}")


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, int):
        return value
    # A spreadsheet runs what starts like a formula.
    return f"'{value}" if value and value[0] in "=+-@\t\r\n" else value


def _pages(rows: Iterable[Any]) -> Iterator[list[Any]]:
    found = iter(rows)
    while page := list(islice(found, _PAGE_ROWS)):
        yield page


def _table(rows: Iterator[Candidate], zone: str) -> None:
    found = False
    for page in _pages(rows):
        found = True
        made = table("address", "!plan", "!state", "outcome or why", "!evidence", "!submitted")
        made.columns[0].min_width = min(31, max(len(row.address) for row in page))
        for row in page:
            words = row.reason or row.outcome
            made.add_row(row.address, row.plan, row.state, words, row.evidence, brief(row.submitted_at, zone))
        show(made)
    say(f"Hours are those of {zone}." if found else "Nobody.", console=err)


def _story(engine: Engine, mailing: Mailing, address: str, as_csv: bool, as_json: bool) -> None:
    try:
        key = address_key(address)
    except ValueError as wrong:
        raise UsageError(f"--address: that is no mail address: {wrong}") from None
    with reading_steadily(engine) as connection:
        found = read_story(connection, mailing.id, key)
    if found is None:
        say(f"Nobody with this address is a candidate of {mailing.key}.", console=err)
        raise typer.Exit(1)
    candidate, steps = found
    if as_csv:
        write_csv(Step._fields, steps)
    elif as_json:
        story = [step._asdict() for step in steps]
        print(orjson.dumps(candidate._asdict() | {"story": story}).decode())
    else:
        _tell(candidate, steps, mailing.zone)


def _tell(candidate: Candidate, steps: Sequence[Step], zone: str) -> None:
    reason = f": {candidate.reason}" if candidate.reason else ""
    say((candidate.address or "(erased)", "bold"), f"  {candidate.plan}  {candidate.state}{reason}")
    if candidate.submitted_at is not None:
        message = f", message {candidate.message_id}" if candidate.message_id else ""
        say(f"submitted {local(candidate.submitted_at, zone)}, known by {candidate.evidence}{message}")
    if candidate.outcome:
        say(f"{candidate.outcome} {local(candidate.outcome_at, zone)}")
    made = table("!hour", "!what", "detail", "#batch", "!submission")
    for step in steps:
        batch = "" if step.batch_id is None else str(step.batch_id)
        made.add_row(brief(step.at, zone), step.what, step.detail, batch, step.submission_key)
    show(made)
    say(f"Hours are those of {zone}.", console=err)

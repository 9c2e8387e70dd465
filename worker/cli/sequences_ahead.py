"""What sequences are to do: one reader's timetable, everybody's, and what an edit changes for whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

import typer

from worker.cli.sequences import Name, sequences
from worker.cli.shape import HERE, AsJson, Project, agree, open_context, print_json, say, short, show, table
from worker.context import Context
from worker.domain.calendar import instant
from worker.domain.sequence import Anchors
from worker.domain.subscriber import Plan
from worker.errors import BroadsheetError, UsageError
from worker.store.engine import reading
from worker.usecases.apply_edits import RunChange, apply_edits, find_changes
from worker.usecases.find_subscriber import find_subscriber
from worker.usecases.foresee_sequence import Outlook, simulate, timetable

_AHEAD = timedelta(days=400)
As = Annotated[str, typer.Option("--as", metavar="ADDRESS", help="One subscriber, with their zone, plan and rules.")]


@sequences.command("preview", short_help="The timetable of one reader, before anything runs.")
def preview(name: Name, as_address: As = "", project: Project = HERE, as_json: AsJson = False) -> None:
    """What one reader would get and when, and why not, if the sequence met them now (a launch: at its beginning).

    Without --as a reader of whom nothing is known. The texts themselves: `broadsheet preview NAME/STEP`.
    """
    context = open_context(project)
    content, now = context.content, datetime.now(UTC)
    reader = _reader(context, as_address)
    _refuse_broken(content.broken, name)
    found = timetable(context.engine, content, name, now, now + _AHEAD, reader)
    subjects = {step.id: step.text.subject for step in content.steps.get(name, ())}
    if as_json:
        print_json([_plain(one) | {"subject": subjects.get(one.seen.step_id)} for one in found])
        return
    zone = context.publication.slot.zone
    if not found:
        say("Nothing is to come: its launches have closed, or it has no step.")
        return
    made = table("!step", f"when ({zone})", "what happens", "subject (free)", "subject (paid)")
    for one in found:
        texts = subjects.get(one.seen.step_id, {})
        made.add_row(
            one.seen.step_id,
            short(one.seen.at, zone),
            _happens(one),
            texts.get(Plan.FREE, ""),
            texts.get(Plan.PAID, ""),
        )
    show(made)


@sequences.command("simulate", short_help="Who would get what and when, and why not, until a day.")
def simulate_until(
    name: Name,
    until: Annotated[str, typer.Option("--until", metavar="DATE", help="To the end of that day: 2026-12-31.")],
    as_address: As = "",
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """What the sequence would do to everybody who is in it, or whom an open or coming launch concerns, if nothing changed.

    Writes nothing. It knows what other sequences send meanwhile; what has not happened yet (a friend, a purchase, an issue
    not scheduled) nobody foresees.
    """
    context = open_context(project)
    content, now, zone = context.content, datetime.now(UTC), context.publication.slot.zone
    end = instant(datetime.combine(_day(until) + timedelta(days=1), time()), zone)
    _refuse_broken(content.broken, name)
    found = simulate(context.engine, content, name, end, now, _reader(context, as_address))
    if as_json:
        print_json([_plain(one) for one in found])
        return
    if not found:
        say(f"Nothing is to happen until {until}.")
        return
    made = table(f"when ({zone})", "!step", "#readers", "what happens", "run")
    for one in found:
        made.add_row(short(one.seen.at, zone), one.seen.step_id, f"{one.readers:,}", _happens(one), one.run)
    show(made)
    mailed = sum(one.readers for one in found if one.seen.sent)
    say(f"{mailed:,} mails; {sum(one.readers for one in found) - mailed:,} steps would not go.")


@sequences.command("apply", short_help="Show what an edit changes for whom, and let it hold.")
def apply(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Show what an edited `when`, a moved launch, a new or a removed step changes for whom, and ask whether it shall hold.

    Until then the steps it names wait. With --json nothing is asked: add --yes to let it hold.
    """
    context = open_context(project)
    now, zone = datetime.now(UTC), context.publication.slot.zone
    changes = find_changes(context.engine, context.content, name, now)
    if not as_json:
        _show_changes(changes, zone)
    if changes and (yes or not as_json):
        agree(yes, "Let it hold?", "Nothing was changed; the steps wait.")
        for change in changes:
            if not apply_edits(context.engine, change, now):
                raise BroadsheetError("the run was changed meanwhile, and nothing was done", fix="look at it once more")
    if as_json:
        print_json({"applied": bool(changes) and yes, "runs": [_plain_change(one) for one in changes]})
    elif changes:
        say("It holds from now on.")


def _show_changes(changes: Sequence[RunChange], zone: str) -> None:
    if not changes:
        say("Nothing was edited that needs anybody: texts and rules hold at once.")
    for change in changes:
        say((change.run.key, "bold"))
        if change.anchors != change.run.anchors:
            say(f"It counted from {_ends(change.run.anchors)}, and would from {_ends(change.anchors)}.")
        made = table("!step", "was", "would be", "#readers", "first was", "first would be", "#passed by")
        for step in change.steps:
            hours = (short(step.old_at, zone), short(step.new_at, zone))
            sentences = (step.before or "(new)", step.after or "(removed)")
            made.add_row(step.step_id, *sentences, f"{step.readers:,}", *hours, f"{step.passed:,}")
        show(made)


def _ends(anchors: Anchors) -> str:
    if anchors.opens is None or anchors.closes is None:
        return anchors.zone
    return f"{anchors.opens:%d %b %Y %H:%M} to {anchors.closes:%d %b %Y %H:%M} ({anchors.zone})"


def _happens(one: Outlook) -> str:
    seen = one.seen
    waited = f" after waiting ({seen.put_off.replace('_', ' ')})" if seen.put_off and seen.sent else ""
    if seen.sent:
        return f"mailed{waited}"
    why = seen.why.replace("_", " ")
    return f"leaves the sequence: {why}" if seen.stopped else f"skipped: {why}"


def _plain(one: Outlook) -> dict[str, Any]:
    seen = one.seen
    return {
        "run": one.run,
        "step": seen.step_id,
        "at": seen.at,
        "readers": one.readers,
        "mailed": seen.sent,
        "why": seen.why or None,
        "put_off": seen.put_off or None,
        "leaves": seen.stopped,
    }


def _plain_change(change: RunChange) -> dict[str, Any]:
    return {
        "run": change.run.key,
        "steps": [
            {
                "step": step.step_id,
                "before": step.before or None,
                "after": step.after or None,
                "readers": step.readers,
                "passed": step.passed,
                "old_at": step.old_at,
                "new_at": step.new_at,
            }
            for step in change.steps
        ],
    }


def _reader(context: Context, address: str) -> int | None:
    if not address:
        return None
    with reading(context.engine) as connection:
        return find_subscriber(connection, address).id


def _refuse_broken(broken: Mapping[str, str], name: str) -> None:
    if name in broken:
        raise UsageError(f"{name} cannot be read: {broken[name]}", fix="`broadsheet check` names file, line and fix")


def _day(words: str) -> date:
    try:
        found = date.fromisoformat(words)
    except ValueError:
        raise UsageError(f"--until: {words!r} is no day", fix="write it as 2026-12-31") from None
    if not 1970 <= found.year <= datetime.now(UTC).year + 10:
        raise UsageError(f"--until: {words} is too far away", fix="ten years are the most")
    return found

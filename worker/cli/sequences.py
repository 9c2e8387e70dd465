"""Sequences: which there are, and how their runs stand. What is to come is worker/cli/sequences_ahead.py's."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from worker.cli.shape import HERE, AsJson, Project, app, err, local, open_context, print_json, say, short, show, table
from worker.cli.watching import reasons
from worker.domain.run import Run
from worker.domain.segment_words import describe
from worker.usecases.look_at_sequence import RunLook, SequenceLook, look_at_sequence, look_at_sequences

Name = Annotated[str, typer.Argument(metavar="NAME", help="A folder of content/sequences/.")]

sequences = typer.Typer(help="Timed mails: `content/sequences/`.", no_args_is_help=True)
app.add_typer(sequences, name="sequences")


@sequences.command("list", short_help="Every sequence, what it counts from, and who is in it.")
def list_all(project: Project = HERE, as_json: AsJson = False) -> None:
    """Every sequence, what it counts from, who is in its runs, and what needs attention."""
    context = open_context(project)
    found = look_at_sequences(context.engine, context.content)
    if as_json:
        print_json([plain(one) for one in found])
        return
    made = table("!sequence", "counts from", "#steps", "#runs", "#active", "#finished", "#stopped", "needs attention")
    for one in found:
        totals = [sum(look.counts.enrolled.get(status, 0) for look in one.runs) for status in _STATUSES]
        open_runs = sum(look.run.ended_at is None for look in one.runs)
        needs = one.broken or "; ".join(filter(None, (look.run.needs_attention for look in one.runs)))
        numbers = [f"{number:,}" for number in (len(one.steps), open_runs, *totals)]
        made.add_row(one.name, one.counts_from, *numbers, needs)
    show(made)


_STATUSES = ("active", "finished", "stopped")


@sequences.command("show", short_help="One sequence: its steps, its runs, and what became of each step.")
def show_one(name: Name, project: Project = HERE, as_json: AsJson = False) -> None:
    """One sequence: its steps and their rules, and for each run who is in it and what became of each step, and why."""
    context = open_context(project)
    found = look_at_sequence(context.engine, context.content, name)
    if as_json:
        print_json(plain(found))
        return
    zone = context.publication.slot.zone
    say((found.name, "bold"), f"  counts from {found.counts_from}" if found.counts_from else "")
    if found.broken:
        say(("cannot be read", "red"), f" {found.broken}", console=err)
    _show_steps(found)
    for look in found.runs:
        _show_run(look, zone)
    if not found.runs:
        say("It has not begun for anybody.")


def _show_steps(found: SequenceLook) -> None:
    made = table("!step", "when", "only if", "stop if", "file")
    for step in found.steps:
        rules = [describe(rule) if rule else "" for rule in (step.rules.only_if, step.rules.stop_if)]
        made.add_row(step.id, str(step.timing), *rules, step.text.file)
    if found.steps:
        show(made)


def _show_run(look: RunLook, zone: str) -> None:
    run = look.run
    ended = f", ended {short(run.ended_at, zone)}" if run.ended_at else ""
    say("\n", (run.key, "bold"), f"  since {local(run.started_at, zone)}{ended}{_ends(run)}")
    numbers = ", ".join(f"{look.counts.enrolled.get(status, 0):,} {status}" for status in _STATUSES)
    say(f"{numbers}{f' ({reasons(look.counts.stopped)})' if look.counts.stopped else ''}")
    if run.needs_attention:
        say(("needs attention", "yellow"), f" {run.needs_attention}")
    made = table("!step", "#due", "next", "put off", "#on its way", "#mailed", "#uncertain", "not mailed")
    for step_id in dict.fromkeys([*run.timings, *look.counts.steps]):
        counts = look.counts.steps.get(step_id)
        if counts is None:
            made.add_row(step_id, "0", "", "", "0", "0", "0", "")
            continue
        ledger = [f"{number:,}" for number in (counts.on_its_way, counts.mailed, counts.uncertain)]
        ahead = (f"{counts.due:,}", short(counts.next_at, zone), reasons(counts.put_off))
        made.add_row(step_id, *ahead, *ledger, reasons(counts.skipped))
    show(made)


def _ends(run: Run) -> str:
    anchors = run.anchors
    if anchors.opens is None or anchors.closes is None:
        return ""
    return f"; opens {anchors.opens:%d %b %H:%M}, closes {anchors.closes:%d %b %H:%M} ({anchors.zone})"


def plain(found: SequenceLook) -> dict[str, Any]:
    """A sequence for JSON."""
    return {
        "sequence": found.name,
        "counts_from": found.counts_from,
        "broken": found.broken or None,
        "waiting": found.waiting,
        "steps": [
            {
                "step": step.id,
                "when": str(step.timing),
                "only_if": describe(step.rules.only_if) if step.rules.only_if else None,
                "stop_if": describe(step.rules.stop_if) if step.rules.stop_if else None,
                "file": step.text.file,
            }
            for step in found.steps
        ],
        "runs": [_plain_run(look) for look in found.runs],
    }


def _plain_run(look: RunLook) -> dict[str, Any]:
    run = look.run
    return {
        "run": run.key,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "needs_attention": run.needs_attention,
        "enrolled": {status: look.counts.enrolled.get(status, 0) for status in _STATUSES},
        "stopped": look.counts.stopped,
        "edits": {"moved": look.edits.moved, "added": look.edits.added, "removed": look.edits.removed},
        "steps": {
            step_id: {
                "due": counts.due,
                "next_at": counts.next_at,
                "put_off": counts.put_off,
                "on_its_way": counts.on_its_way,
                "mailed": counts.mailed,
                "uncertain": counts.uncertain,
                "skipped": counts.skipped,
            }
            for step_id, counts in look.counts.steps.items()
        },
    }

"""Watch edits: steps of a running sequence that would now go at another hour wait until somebody has agreed to it."""

from __future__ import annotations

from datetime import datetime

from worker.domain.launch import Launch
from worker.domain.run import Edits, Run, find_edits
from worker.domain.sequence import timings_of
from worker.store.engine import Connection, Engine, reading, writing
from worker.store.followups.due import Held
from worker.store.followups.runs import agree, has_enrolled, open_runs, say_attention
from worker.usecases.content import Content


def watch_edits(engine: Engine, content: Content, now: datetime) -> Held:
    """What waits, by run. Writes only where a run begins or ends to need a person, or nobody is in it yet."""
    held: dict[int, frozenset[str] | None] = {}
    told: list[tuple[Run, str | None]] = []
    adopted: list[Run] = []
    with reading(engine) as connection:
        for run in open_runs(connection):
            why, waits, edits = look_at_run(run, content)
            if edits and not has_enrolled(connection, run.id):
                adopted.append(run)
                continue
            if waits is not None and not edits and content.anchors_now(run) != run.anchors:
                adopted.append(run)  # no hour changes, only until when what is left makes sense
            if waits is None or waits:
                held[run.id] = waits
            if why != run.needs_attention:
                told.append((run, why))
    if told or adopted:
        with writing(engine) as connection:
            for run, why in told:
                say_attention(connection, run, why)
            for run in adopted:
                _adopt(connection, content, run)
    return held


def look_at_run(run: Run, content: Content) -> tuple[str | None, frozenset[str] | None, Edits]:
    """Why a person should look, what waits until then (None: all of it), and what was edited."""
    launch = content.launches.get(run.launch_id or "")
    if launch is not None and launch.sequence != run.sequence:
        return _other_sequence(run, launch, content), None, Edits()
    if why := content.broken.get(run.sequence):
        return f"{run.sequence} cannot be read, and waits: {why}", None, Edits()
    if run.sequence not in content.steps:
        return f"content/sequences/{run.sequence} is gone, and what is due of it waits", None, Edits()
    anchors = content.anchors_now(run)
    if anchors is None:
        return f"the launch {run.launch_id} {_gone(content)}, and {run.sequence} waits", None, Edits()
    edits = find_edits(run, content.steps[run.sequence], anchors)
    reasons = filter(None, (_nobody(run, content), describe_edits(run.sequence, edits)))
    return "; ".join(reasons) or None, frozenset(edits.moved), edits


def _other_sequence(run: Run, launch: Launch, content: Content) -> str:
    """Where both can be read and steps would be lost, a person decides (follow_renames.py carries over the rest)."""
    said = f"{launch.file} names the sequence {launch.sequence}, and its mails so far are those of {run.sequence}, which waits"
    if content.steps.get(launch.sequence):
        return f"{said}: put {run.sequence} back, or let it hold with `broadsheet sequences apply {launch.sequence}`"
    return f"{said}: {content.broken.get(launch.sequence, f'content/sequences/{launch.sequence} has no step')}"


def _nobody(run: Run, content: Content) -> str | None:
    """Why nobody can be enrolled; who is in it already goes on."""
    launch, known = content.launches.get(run.launch_id or ""), content.publication.audiences
    if launch is None or launch.audience in known:
        return None
    return (
        f"nobody is enrolled: {launch.file} names the audience {launch.audience!r}, which is none of {', '.join(known)}"
    )


def _gone(content: Content) -> str:
    if content.unreadable:
        return f"is in no file that can be read ({'; '.join(content.unreadable)})"
    return "is gone from content/launches"


def describe_edits(sequence: str, edits: Edits) -> str | None:
    """One sentence; None where nobody needs to agree to anything."""
    if not edits:
        return None
    parts = [f"{', '.join(edits.moved)} would go at another hour"] if edits.moved else []
    parts += [
        f"{', '.join(edits.added)} is new" if len(edits.added) == 1 else f"{', '.join(edits.added)} are new"
    ] * bool(edits.added)
    return (
        f"{sequence} was edited while it runs: {' and '.join(parts)}. `broadsheet sequences apply {sequence}` shows it"
    )


def _adopt(connection: Connection, content: Content, run: Run) -> None:
    """Nobody is in it, or no step goes at another hour: nothing changes for anybody."""
    anchors = content.anchors_now(run)
    if anchors is not None:
        agree(connection, run, anchors, timings_of(content.steps[run.sequence]))

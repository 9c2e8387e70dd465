"""Segments: which there are, how many each would reach now, and who would be left out and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from worker.cli.shape import HERE, AsJson, Project, app, open_context, print_json, say, show, table
from worker.cli.watching import reasons
from worker.usecases.look_at_segment import SegmentLook, look_at_segment, look_at_segments

SAMPLE = 5
SAMPLE_MOST = 100

segments = typer.Typer(help="Saved rules over subscribers: `content/publication.toml`.", no_args_is_help=True)
app.add_typer(segments, name="segments")


@segments.command("list", short_help="Every segment with its rule and how many it would reach now.")
def list_all(project: Project = HERE, as_json: AsJson = False) -> None:
    """Every segment with its rule, how many it would reach now, and how many of those it picks would be left out."""
    context = open_context(project)
    found = look_at_segments(context.engine, context.publication, datetime.now(UTC))
    if as_json:
        print_json([_plain(one) for one in found])
        return
    made = table("!segment", "#readers", "left out", "rule")
    for one in found:
        made.add_row(one.name, f"{one.audience:,}", reasons(one.left_out), one.words)
    show(made)


@segments.command("show", short_help="One segment: readers of each plan, who is left out, and a few by address.")
def show_one(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A segment, or everyone, paid, free.")],
    sample: Annotated[
        int | None,
        typer.Option(
            "--sample", min=0, max=SAMPLE_MOST, help="Name so many of its readers; with --json none unless asked."
        ),
    ] = None,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """One segment as a broadcast planned now would find it."""
    context = open_context(project)
    wanted = sample if sample is not None else 0 if as_json else SAMPLE
    look = look_at_segment(context.engine, context.publication, name, datetime.now(UTC), wanted)
    if as_json:
        print_json(_plain(look) | ({"sample": list(look.sample)} if wanted else {}))
        return
    say((look.name, "bold"), f"  {look.words}")
    made = table("plan", "#readers", "left out")
    for plan, part in sorted(look.parts.items()):
        made.add_row(plan, f"{part.get('audience', 0):,}", reasons({k: n for k, n in part.items() if k != "audience"}))
    made.add_row("all", f"{look.audience:,}", reasons(look.left_out))
    show(made)
    if look.sample:
        say(f"Among them: {', '.join(look.sample)}")


def _plain(look: SegmentLook) -> dict[str, Any]:
    return {
        "segment": look.name,
        "rule": look.words,
        "at": look.at,
        "audience": look.audience,
        "left_out": look.left_out,
        "plans": {plan: dict(part) for plan, part in sorted(look.parts.items())},
    }

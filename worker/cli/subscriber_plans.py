"""What subscribers were given: granting paid time, revoking it, and the list of both."""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime
from typing import Annotated, Any

import typer

from worker.cli.list_subscribers import subscribers
from worker.cli.shape import HERE, MOST_ID, AsJson, Project, local, open_context, print_json, say, short, show, table
from worker.domain.plan import Grant, PlanState, Span, lay_out
from worker.errors import UsageError
from worker.store.engine import reading_steadily
from worker.store.grants import read_grants
from worker.usecases.find_subscriber import find_subscriber
from worker.usecases.grant_plan import grant_plan
from worker.usecases.revoke_grant import revoke_grant

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="A subscriber's address.")]


@subscribers.command("grant", short_help="Give somebody paid time, or more of it.")
def grant(
    address: Address,
    months: Annotated[
        int | None, typer.Option("--months", metavar="N", help="So many months, from where what they have ends.")
    ] = None,
    until: Annotated[
        str, typer.Option("--until", metavar="DATE", help="From now to the end of that day: 2026-12-31.")
    ] = "",
    source: Annotated[str, typer.Option("--source", help="comped, gifted, trial or reward.")] = "comped",
    note: Annotated[str, typer.Option("--note", help="Why, for the record.")] = "",
    key: Annotated[
        str, typer.Option("--key", help="A name for this grant: the same name counts once, however often it is given.")
    ] = "",
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Give somebody paid time. Months stack: they begin when what is there ends. Days are those of the publication's zone."""
    context = open_context(project)
    zone = context.publication.slot.zone
    granted = grant_plan(
        context.engine,
        address,
        key=f"manual:{key or secrets.token_hex(8)}",
        source=source,
        months=months,
        until=_day(until),
        note=note,
        zone=zone,
        now=datetime.now(UTC),
    )
    if as_json:
        print_json({"given": granted.given} | plan_values(granted.state))
        return
    say(
        "Given." if granted.given else "That key was given before; nothing changed.",
        f" {plan_words(granted.state, zone)}",
    )


@subscribers.command("revoke", short_help="Take back paid time that was given.")
def revoke(
    address: Address,
    number: Annotated[
        int | None,
        typer.Option(
            "--grant", min=1, max=MOST_ID, metavar="ID", help="Which one, where they have several (`plans` shows them)."
        ),
    ] = None,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Take a grant back from now on. What was given after it moves up. A mailing that is planned keeps its edition."""
    context = open_context(project)
    zone = context.publication.slot.zone
    state = revoke_grant(context.engine, address, number, zone, datetime.now(UTC))
    if as_json:
        print_json(plan_values(state))
        return
    say("Revoked. ", plan_words(state, zone))


@subscribers.command("plans", short_help="What somebody was given, and when it runs.")
def plans(address: Address, project: Project = HERE, as_json: AsJson = False) -> None:
    """What somebody was given, when each runs, and what plan that makes now."""
    context = open_context(project)
    zone = context.publication.slot.zone
    with reading_steadily(context.engine) as connection:
        found = find_subscriber(connection, address)
        given = read_grants(connection, found.id)
    state = PlanState(found.plan, found.plan_source, found.plan_ends_at)
    if as_json:
        print_json(plan_values(state) | {"grants": grant_values(given, zone)})
        return
    say(plan_words(state, zone))
    if given:
        show_grants(given, zone)


def plan_values(state: PlanState) -> dict[str, Any]:
    """A plan for JSON."""
    return {"plan": state.plan, "source": state.source, "ends_at": state.ends_at}


def plan_words(state: PlanState, zone: str) -> str:
    """`The plan is paid (comped) until Tue 01 Dec 2026 00:00 (Europe/Lisbon).`"""
    source = f" ({state.source})" if state.source else ""
    end = f" until {local(state.ends_at, zone)}" if state.ends_at else ""
    return f"The plan is {state.plan}{source}{end}."


def grant_values(given: list[Grant], zone: str) -> list[dict[str, Any]]:
    """Grants for JSON, each with when it runs (null where it never did, or waits)."""
    spans = {span.grant_id: span for span in lay_out(given, zone)}
    return [
        {
            "id": one.id,
            "source": one.source,
            "months": one.months,
            "granted_at": one.granted_at,
            "runs_from": spans[one.id].starts_at if one.id in spans else None,
            "runs_to": spans[one.id].ends_at if one.id in spans else None,
            "revoked_at": one.revoked_at,
            "note": one.note,
            "key": one.key,
        }
        for one in given
    ]


def show_grants(given: list[Grant], zone: str) -> None:
    """Grants as a table."""
    spans = {span.grant_id: span for span in lay_out(given, zone)}
    made = table("#grant", "source", "#months", "given", "runs", "note")
    for one in given:
        months = "" if one.months is None else str(one.months)
        made.add_row(
            str(one.id),
            one.source or "import",
            months,
            short(one.granted_at, zone),
            _runs(one, spans.get(one.id), zone),
            one.note,
        )
    show(made)


def _runs(one: Grant, span: Span | None, zone: str) -> str:
    revoked = f", revoked {short(one.revoked_at, zone)}" if one.revoked_at else ""
    if span is None:
        return f"never{revoked}" if one.revoked_at else "when what is there ends"
    end = short(span.ends_at, zone) if span.ends_at else "without an end"
    return f"{short(span.starts_at, zone)} to {end}{revoked}"


def _day(words: str) -> date | None:
    if not words:
        return None
    try:
        return date.fromisoformat(words)
    except ValueError:
        raise UsageError(f"--until: {words!r} is no day", fix="write it as 2026-12-31") from None

"""Reconciling: shows what is known of batches nobody could settle, and takes the operator's word on them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from worker.cli.shape import (
    HERE,
    MOST_ID,
    AsJson,
    Project,
    agree,
    app,
    err,
    local,
    offer,
    open_context,
    print_json,
    say,
    tell_queue_is_away,
)
from worker.context import Context
from worker.domain.mailing import Mailing, MailingStatus
from worker.domain.verdict import VERDICTS, Doubt, Verdict
from worker.errors import UsageError
from worker.store.ledger.doubts import Doubtful
from worker.usecases.overview import find_by_words
from worker.usecases.reconcile import Reconciliation, acknowledge, decide, look, require_possible

_MEANS = {
    Doubt.UNCERTAIN: "it was handed over, and nobody knows whether SendGrid took it",
    Doubt.SET_ASIDE: "it kept failing and is not tried any more",
    Doubt.FORGOTTEN: "it is pending, but went out perhaps in the time this database has forgotten",
    Doubt.CONTRADICTED: "an operator said that it went out, but its late answer says that it did not",
}
_CHOICES = {
    Verdict.SUBMITTED: "it went out",
    Verdict.AGAIN: "it did not go out: send it now",
    Verdict.REFUSED: "it did not go out, and is not sent",
}
_LEAVE = "leave"


@app.command(short_help="Decide what nobody could settle.")
def reconcile(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="An issue's slug or id, a mailing's key, or its number.")],
    batch: Annotated[
        list[int] | None, typer.Option("--batch", min=1, max=MOST_ID, help="Decide this batch; may be repeated.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Decide every batch that allows the verdict.")] = False,
    verdict: Annotated[
        Verdict | None,
        typer.Option(
            "--as", help="submitted: it went out; again: it did not, send it; refused: it did not, and stays."
        ),
    ] = None,
    seen: Annotated[
        bool, typer.Option("--seen", help="What needs attention was looked at; a paused mailing keeps it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Show everything known of batches nobody could settle, then decide them, one by one or with --batch, --all and --as.

    Exit code 1: something is left to decide.
    """
    if (verdict is None) is (bool(batch) or every):
        raise UsageError(
            "--as needs --batch ID or --all, and they need --as", fix="`broadsheet reconcile SLUG` shows all"
        )
    context = open_context(project)
    mailing = find_by_words(context.engine, context.settings.project, slug)
    known = look(context.engine, mailing.id)
    decided: dict[int, str] = {}
    if not as_json:
        print_known(known)
    if verdict is not None:
        chosen = _chosen(known, batch or [], verdict)
        require_possible(known.mailing, chosen, verdict)
        _ask(yes, known.mailing, chosen, verdict)
        decided = _carry_out(context, known.mailing, chosen, verdict)
    elif known.doubtful and not as_json and sys.stdin.isatty():
        for one in known.doubtful:
            decided |= _choose(context, known.mailing, one)
    if seen and not acknowledge(context.engine, mailing.id):
        say(f"{mailing.key} is paused; `broadsheet resume {mailing.id}` goes on with it.", console=err)
    left = look(context.engine, mailing.id)
    if as_json:
        print_json(as_dict(left) | {"decided": decided})
    elif left.doubtful:
        say(f"{len(left.doubtful)} batches are left to decide.")
    if left.doubtful:
        raise typer.Exit(1)


def as_dict(known: Reconciliation) -> dict[str, Any]:
    """What is known, as plain JSON values."""
    return {
        "mailing": known.mailing.id,
        "key": known.mailing.key,
        "status": known.mailing.status,
        "needs_attention": known.mailing.needs_attention,
        "fenced": known.fenced,
        "webhook": asdict(known.report) if known.report else None,
        "webhook_silent_since": known.silent_since,
        "batches": [asdict(one) | {"verdicts": list(VERDICTS[one.doubt])} for one in known.doubtful],
    }


def print_known(known: Reconciliation) -> None:
    """What is known, before anything is asked."""
    mailing = known.mailing
    say((mailing.key, "bold"), f"  {mailing.status}")
    for problem in (mailing.needs_attention, known.fenced):
        if problem:
            say(("needs attention: ", "bold red"), problem)
    if known.fenced and mailing.planned_at is None:
        say(
            f"It is not planned in this database. If it went out, `broadsheet cancel {mailing.id}` keeps it from going again."
        )
    if not known.doubtful:
        say("Nothing is left to decide.")
        return
    for one in known.doubtful:
        _print_batch(one, mailing)
    say(_webhook_words(known))
    say(
        f"`broadsheet deliveries {mailing.id} --state uncertain` lists readers by name; SendGrid's activity can be asked."
    )


def _print_batch(one: Doubtful, mailing: Mailing) -> None:
    say((f"batch {one.batch_id}", "bold"), f"  {one.doubt}: {one.readers:,} readers, {one.plan} edition")
    say(f"  {_MEANS[one.doubt]}{f' ({one.problem})' if one.problem else ''}")
    if call := one.last_call:
        code = f" ({call.status_code})" if call.status_code else ""
        answered = f"{call.answer}{code} {local(call.answered_at, mailing.zone)}" if call.answer else "none so far"
        say(f"  called {local(call.started_at, mailing.zone)}, submission {call.submission_id}, call {one.calls}")
        say(f"  answer: {answered}{f': {call.detail}' if call.detail else ''}")
    told = ", ".join(f"{kind} {number:,}" for kind, number in one.events.items())
    say(f"  events about its readers: {told or 'none'}")
    if one.foreign_readers:
        say(f"  {one.foreign_readers:,} of them have mail from a submission that this database does not know")


def _webhook_words(known: Reconciliation) -> str:
    if known.report is None:
        return "No event has ever arrived: the event webhook seems not to be set up. `broadsheet doctor` looks at it."
    zone = known.mailing.zone
    said = f"The last event of all came {local(known.report.received_at, zone)}: {known.report.type}"
    if known.silent_since is None:
        return f"{said}, about something that happened {local(known.report.happened_at, zone)}."
    since = local(known.silent_since, zone)
    return f"{said}. None about any mail has come since the call of {since}: the event webhook seems not to be set up."


def _chosen(known: Reconciliation, wanted: Sequence[int], verdict: Verdict) -> list[Doubtful]:
    if not wanted:
        chosen = [one for one in known.doubtful if verdict in VERDICTS[one.doubt]]
        if known.doubtful and not chosen:
            raise UsageError(f"no batch in doubt can be decided as {verdict}")
        return chosen
    by_id = {one.batch_id: one for one in known.doubtful}
    if missing := sorted(set(wanted) - by_id.keys()):
        named = ", ".join(map(str, missing))
        raise UsageError(
            f"nothing is to be decided about batch {named}", fix=f"`broadsheet reconcile {known.mailing.id}`"
        )
    return [by_id[one] for one in sorted(set(wanted))]


def _ask(yes: bool, mailing: Mailing, chosen: Sequence[Doubtful], verdict: Verdict) -> None:
    """Once; twice where somebody could get the mail twice."""
    if not chosen:
        return
    readers = sum(one.readers for one in chosen)
    named = f"batch {', '.join(str(one.batch_id) for one in chosen)} ({readers:,} readers)"
    agree(yes, f"Decide for {named} that {_CHOICES[verdict]}?", "Nothing was decided.")
    twice = [one for one in chosen if one.doubt in (Doubt.UNCERTAIN, Doubt.FORGOTTEN)]
    if verdict is Verdict.AGAIN and twice:
        agree(yes, _twice_words(mailing, twice), "Nothing was decided.")


def _twice_words(mailing: Mailing, twice: Sequence[Doubtful]) -> str:
    readers = sum(one.readers for one in twice)
    seen = sum(sum(one.events.values()) for one in twice)
    told = f" There are {seen:,} events about them: they may well have it." if seen else ""
    return (
        f"If SendGrid did take the first call, all {readers:,} readers of "
        f"{', '.join(f'batch {one.batch_id}' for one in twice)} get {mailing.key} twice, and nothing can take that "
        f"back.{told} Send it again?"
    )


def _carry_out(context: Context, mailing: Mailing, chosen: Sequence[Doubtful], verdict: Verdict) -> dict[int, str]:
    moved, due = decide(context.engine, mailing, chosen, verdict, datetime.now(UTC))
    for one in chosen:
        said = verdict if one.batch_id in moved else "settled meanwhile; nothing was changed"
        say(f"batch {one.batch_id}: {said}", console=err)
    if due and mailing.status is MailingStatus.PAUSED:
        say(f"{mailing.key} is paused: it is sent after `broadsheet resume {mailing.id}`.", console=err)
    elif due and not offer(context, due):
        tell_queue_is_away()
    return dict.fromkeys(moved, verdict.value)


def _choose(context: Context, mailing: Mailing, one: Doubtful) -> dict[int, str]:
    """Ask about one batch. A no, or Ctrl-D, leaves it."""
    allowed = [v for v in VERDICTS[one.doubt] if not (mailing.status is MailingStatus.CANCELLED and v is Verdict.AGAIN)]
    words = ", ".join([*(f"{v} ({_CHOICES[v]})" for v in allowed), f"{_LEAVE} (as it is)"])
    answer = typer.prompt(f"Batch {one.batch_id}, {one.readers:,} readers: {words}?", default=_LEAVE, err=True)
    if answer.strip() not in {v.value for v in allowed}:
        say(f"batch {one.batch_id}: left as it is", console=err)
        return {}
    verdict = Verdict(answer.strip())
    try:
        _ask(False, mailing, [one], verdict)
    except typer.Exit as end:
        if end.exit_code == 1:  # a no; Ctrl-C ends it all
            return {}
        raise
    return _carry_out(context, mailing, [one], verdict)

"""A mistake found after planning: what has changed, a correction for what is pending, a second broadcast for the rest."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from worker import sources
from worker.cli.authoring import find_problems, print_problems
from worker.cli.shape import (
    HERE,
    AsJson,
    Project,
    agree,
    app,
    err,
    offer,
    open_context,
    print_json,
    say,
    tell_queue_is_away,
)
from worker.context import Context
from worker.domain.mailing import Mailing, MailingKind, MailingStatus
from worker.errors import BroadsheetError, UsageError
from worker.render.preflight import Severity
from worker.usecases.correct_mailing import Difference, broadcast_again, correct_mailing, difference
from worker.usecases.due import Due
from worker.usecases.overview import find_by_words

Words = Annotated[str, typer.Argument(metavar="SLUG", help="An issue's slug or id, a mailing's key, or its number.")]


@app.command(short_help="What has changed in a text since it was planned.")
def diff(slug: Words, project: Project = HERE, as_json: AsJson = False) -> None:
    """Show what has changed in a text since it was planned. Exit code 1 if anything has."""
    context = open_context(project)
    mailing = _planned(context, slug)
    found = difference(context.engine, mailing, context.prepare)
    if as_json:
        print_json(_as_dict(found))
    else:
        _show(found)
    if found.changed:
        raise typer.Exit(1)


@app.command(short_help="Send what is still pending with the text as it is now.")
def correct(
    slug: Words,
    again: Annotated[
        bool, typer.Option("--again", help="Instead: a second broadcast, to those who have the old text.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Show what has changed since planning and whom it can still reach; ask; then correct what is pending.

    What was handed over keeps the old text; --again mails the new one to those readers as a second broadcast.
    """
    context = open_context(project)
    mailing = _planned(context, slug)
    found = difference(context.engine, mailing, context.prepare)
    if not as_json:
        _show(found)
    if not found.changed and not again:
        if as_json:
            print_json(_as_dict(found) | {"corrected": 0})
        return
    _refuse_errors(context, mailing, as_json)
    if again:
        _again(context, mailing, found, yes, as_json)
    else:
        _correct(context, mailing, found, yes, as_json)


def _correct(context: Context, mailing: Mailing, found: Difference, yes: bool, as_json: bool) -> None:
    if mailing.status is MailingStatus.STAGED and found.reach.handed_over and not as_json:
        say(f"To change what waits at SendGrid too: `broadsheet pause {mailing.id}` first, then correct, then resume.")
    if found.reach.pending:
        agree(yes, f"Correct it for {found.reach.pending:,} readers?", "Nothing was corrected.")
    corrected = correct_mailing(context.engine, mailing, found.editions) if found.reach.pending else 0
    if as_json:
        print_json(_as_dict(found) | {"corrected": corrected})
        return
    say(f"{corrected:,} readers get the new text." if corrected else "Nothing is pending: nobody gets the new text.")
    if found.reach.handed_over:
        say(
            f"{found.reach.handed_over:,} have the old one; `broadsheet correct {mailing.id} --again` mails them the new one."
        )


def _again(context: Context, mailing: Mailing, found: Difference, yes: bool, as_json: bool) -> None:
    if mailing.kind is not MailingKind.BROADCAST:
        raise UsageError("only a broadcast can be sent again as a correction")
    if not found.reach.handed_over:
        raise UsageError("nobody has another text than the one written now", fix="there is nothing to correct")
    agree(
        yes,
        f"Mail the new text to up to {found.reach.handed_over:,} readers who have the old one?",
        "Nothing was sent.",
    )
    size, now = context.settings.batch_size, datetime.now(UTC)
    made = broadcast_again(context.engine, mailing, found.editions, size, now)
    if made is None:
        raise UsageError("this very text was sent as a correction before", fix="`broadsheet status` lists it")
    if not offer(context, [Due("plan_mailing", made, mailing.rules.queue)]):
        tell_queue_is_away()
    if as_json:
        print_json(_as_dict(found) | {"mailing": made})
    else:
        say(f"Scheduled as mailing {made}. `broadsheet status {made} --watch` shows it go.")


def _planned(context: Context, slug: str) -> Mailing:
    mailing = find_by_words(context.engine, context.settings.project, slug)
    if mailing.planned_at is None:
        raise UsageError(f"{slug} is not planned yet: it goes with the text as it is at its hour")
    return mailing


def _refuse_errors(context: Context, mailing: Mailing, as_json: bool) -> None:
    if not mailing.source.startswith("issue:"):
        return
    issue = sources.read_issue(context.settings.project, mailing.source.removeprefix("issue:"))
    problems = find_problems(context, issue)
    if any(one.severity is Severity.ERROR for one in problems):
        print_problems(problems, err)
        raise BroadsheetError(f"{issue.file} has errors and cannot be sent", fix="mend them first")


def _show(found: Difference) -> None:
    if not found.changed:
        say("Nothing has changed since it was planned.")
        return
    for plan, lines in found.lines.items():
        say((f"{plan.value} edition", "bold"))
        for line in lines:
            style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
            say((line, style) if style else line)
    reach = found.reach
    say(
        f"{reach.pending:,} readers are pending, {reach.in_hand:,} in a worker's hands,"
        f" {reach.handed_over:,} have or may have the old text."
    )


def _as_dict(found: Difference) -> dict[str, object]:
    return {
        "changed": found.changed,
        "differences": {plan.value: lines for plan, lines in found.lines.items()},
        "pending": found.reach.pending,
        "in_hand": found.reach.in_hand,
        "handed_over": found.reach.handed_over,
    }

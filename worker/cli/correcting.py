"""A mistake found after planning: what has changed, a correction for what is pending, a second broadcast for the rest."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

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
from worker.cli.watching import reasons
from worker.context import Context
from worker.domain.mailing import Mailing, MailingKind, MailingStatus
from worker.errors import BroadsheetError, UsageError
from worker.render.preflight import Severity
from worker.usecases.broadcast_again import broadcast_again, preview_second, refuse_second, refuse_while_moving
from worker.usecases.correct_mailing import Difference, correct_mailing, difference
from worker.usecases.due import Due
from worker.usecases.overview import find_by_words
from worker.usecases.prepare_mailing import find_text

Words = Annotated[str, typer.Argument(metavar="SLUG", help="An issue's slug or id, a mailing's key, or its number.")]
HTML_ONLY = "(subject, preview and plain text are the same: the change shows in the HTML alone)"


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
    if again:
        refuse_second(mailing, datetime.now(UTC))
    elif mailing.status is MailingStatus.RECALLING:
        raise UsageError(
            f"{mailing.key} is being taken back from SendGrid",
            fix="say it again in a moment: then all of it can be corrected",
        )
    _refuse_errors(context, mailing)
    found = difference(context.engine, mailing, context.prepare)
    if not as_json:
        _show(found)
    if again:
        _again(context, mailing, found, yes, as_json)
    else:
        _correct(context, mailing, found, yes, as_json)


def _correct(context: Context, mailing: Mailing, found: Difference, yes: bool, as_json: bool) -> None:
    reach = found.reach
    if mailing.status is MailingStatus.STAGED and reach.have and not as_json:
        say(f"To change what waits at SendGrid too: `broadsheet pause {mailing.id}` first, then correct, then resume.")
    corrected = 0
    if reach.pending:
        agree(yes, f"Correct it for {reach.pending:,} readers?", "Nothing was corrected.")
        corrected = correct_mailing(context.engine, mailing, found.editions)
    if as_json:
        print_json(_as_dict(found) | {"corrected": corrected})
        return
    if corrected:
        say(f"{corrected:,} readers get the new text.")
    elif found.changed or reach.have:
        say("Nothing is pending in another text: nobody more gets the new one.")
    if reach.in_hand:
        say(f"{reach.in_hand:,} were in a worker's hands and keep theirs; say it again for what came back from there.")
    if reach.have and mailing.status is not MailingStatus.STAGED:
        say(f"{reach.have:,} have the old one; `broadsheet correct {mailing.id} --again` mails them the new one.")


def _again(context: Context, mailing: Mailing, found: Difference, yes: bool, as_json: bool) -> None:
    reach = found.reach
    refuse_while_moving(mailing, reach)
    people = preview_second(context.engine, mailing, found.texts)
    audience = people.pop("audience", 0)
    if not audience:
        say("Nobody who may be mailed has another text than the one written now: nothing was sent.", console=err)
        if as_json:
            print_json(_as_dict(found) | {"mailing": None, "made": False, "audience": 0, "excluded": people})
        return
    if people:
        say(f"left out: {reasons(people)}", console=err)
    if reach.uncertain:
        say(
            f"{reach.uncertain:,} uncertain ones are left out: nobody knows whether they have it."
            f" `broadsheet reconcile {mailing.id}` first, if they should hear of it.",
            console=err,
        )
    agree(yes, f"Mail the new text to {audience:,} readers who have the old one?", "Nothing was sent.")
    second = broadcast_again(context.engine, mailing, context.settings.batch_size, datetime.now(UTC))
    number = second.mailing_id
    if second.made and not offer(context, [Due("plan_mailing", number, mailing.rules.queue)]):
        tell_queue_is_away()
    if as_json:
        made = {"mailing": number, "made": second.made, "audience": audience, "excluded": people}
        print_json(_as_dict(found) | made)
    elif second.made:
        say(f"Scheduled as mailing {number}. `broadsheet status {number} --watch` shows it go.")
    else:
        say(
            f"A correction is on its way already, as mailing {number}: nothing more was scheduled."
            f" If the text has changed since that was planned: `broadsheet correct {number}`."
        )


def _planned(context: Context, slug: str) -> Mailing:
    mailing = find_by_words(context.engine, context.settings.project, slug)
    if mailing.planned_at is None:
        raise UsageError(f"{slug} is not planned yet: it goes with the text as it is at its hour")
    if mailing.kind is MailingKind.ALERT:
        raise UsageError(f"{mailing.key} is an alert: no author wrote it")
    return mailing


def _refuse_errors(context: Context, mailing: Mailing) -> None:
    text, message = find_text(context.settings.project, mailing.source)
    problems = find_problems(context, text, message)
    if any(one.severity is Severity.ERROR for one in problems):
        print_problems(problems, err)
        raise BroadsheetError(f"{text.file} has errors and cannot be sent", fix="mend them first")


def _show(found: Difference) -> None:
    if not found.changed:
        say("Nothing has changed since it was planned.")
    for plan, lines in found.lines.items():
        say((f"{plan.value} edition", "bold"))
        for line in lines or [HTML_ONLY]:
            style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
            say((line, style) if style else line)
    reach = found.reach
    parts = [
        (reach.pending, "are pending"),
        (reach.in_hand, "are in a worker's hands"),
        (reach.have, "were handed over"),
        (reach.uncertain, "are uncertain"),
    ]
    if said := ", ".join(f"{number:,} {words}" for number, words in parts if number):
        say(f"Readers whose text is another than the one written now: {said}.")


def _as_dict(found: Difference) -> dict[str, Any]:
    return {
        "changed": found.changed,
        "differences": {plan.value: lines for plan, lines in found.lines.items()},
        "pending": found.reach.pending,
        "in_hand": found.reach.in_hand,
        "have": found.reach.have,
        "uncertain": found.reach.uncertain,
    }

"""One person's record: showing, adding, removing, erasing, moving and merging."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from worker.cli.list_subscribers import subscribers
from worker.cli.shape import HERE, AsJson, Project, agree, err, offer, open_context, print_json, say
from worker.cli.show_record import record_values, show_record, standing
from worker.context import Context
from worker.domain.standing import WORDS, Standing
from worker.providers.suppression_lists import SuppressionLists
from worker.store.engine import reading, reading_steadily
from worker.store.records import read_record
from worker.usecases.add_by_operator import add_by_operator
from worker.usecases.change_address import change_address
from worker.usecases.erase_subscriber import ELSEWHERE, erase_subscriber
from worker.usecases.find_leftovers import find_leftovers
from worker.usecases.find_subscriber import find_subscriber, typed_key
from worker.usecases.merge_subscribers import merge_subscribers
from worker.usecases.push_suppressions import push_due
from worker.usecases.unsubscribe import unsubscribe

MOVED_ON = (
    "This address was merged into another record, or given up for another. Its reader may be here under that one, and is"
    " not erased by this: erase them by the address they have now."
)

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="A subscriber's address.")]
WithoutSendGrid = Annotated[
    bool, typer.Option("--without-sendgrid", help="Go on where SendGrid must be told first and cannot be.")
]


@subscribers.command("show", short_help="Everything that is known of one person.")
def show_one(address: Address, project: Project = HERE, as_json: AsJson = False) -> None:
    """Everything that is known of one person: for them, if they ask. Nobody else's address is part of it.

    Exit code 1 where nobody has the address, or where it was erased.
    """
    context = open_context(project)
    zone = context.publication.slot.zone
    with reading_steadily(context.engine) as connection:
        record = read_record(connection, typed_key(address))
    word = standing(record)
    nobody = word in (Standing.UNKNOWN, Standing.ERASED) and not (record.messages or record.signups)
    if as_json:
        print_json(record_values(record, address, zone))
    elif word is Standing.ERASED:
        say(f"This address {WORDS[word]}: {record.hashed}.", console=err)
    elif nobody:
        say("Nobody here has this address: no subscriber, no suppression, no mail.", console=err)
    else:
        show_record(record, address, zone)
    if word in (Standing.UNKNOWN, Standing.ERASED):
        raise typer.Exit(1)


@subscribers.command("add", short_help="Add somebody whose consent you can prove.")
def add(
    address: Address,
    consent: Annotated[
        str, typer.Option("--consent", help='What proves it, in words: "signed the sheet at the fair, 3 May".')
    ],
    name: Annotated[str, typer.Option("--name", help="Their name.")] = "",
    tag: Annotated[list[str] | None, typer.Option("--tag", help="A tag; may be repeated.")] = None,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Add somebody whose consent you can prove, or confirm somebody who signed up. Nobody who left comes back this way."""
    context = open_context(project)
    added = add_by_operator(context.engine, address, consent, datetime.now(UTC), name=name, tags=frozenset(tag or ()))
    if as_json:
        print_json({"added": added})
    else:
        say("Added, and confirmed." if added else "They are here already, and confirmed. Nothing changed but tags.")


@subscribers.command("remove", short_help="Unsubscribe somebody who asks you to.")
def remove(address: Address, project: Project = HERE, as_json: AsJson = False) -> None:
    """Unsubscribe somebody, as their own link does. Their record stays; `erase` removes it."""
    context = open_context(project)
    with reading(context.engine) as connection:
        found = find_subscriber(connection, address)
    removed = unsubscribe(context.engine, found.id, datetime.now(UTC), evidence="operator")
    tell_sendgrid(context)
    if as_json:
        print_json({"removed": removed})
    else:
        say("Unsubscribed." if removed else "They had left before; nothing changed.")


@subscribers.command("erase", short_help="Remove everything about somebody who asks to be forgotten.")
def erase(
    address: Address,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    without_sendgrid: WithoutSendGrid = False,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Remove a person's data everywhere here. Opt-outs and old mailings keep a hash, so that nobody is mailed again."""
    context = open_context(project)
    settings = context.settings
    settings.require("secret_key")
    agree(yes, "Erase everything about this address? It cannot be taken back.", "Nothing was erased.")
    lists = _lists(context)
    erased = erase_subscriber(context.engine, address, datetime.now(UTC), lists, without_sendgrid=without_sendgrid)
    files = find_leftovers([settings.project, settings.path(settings.state_dir)], list(erased.names))
    if as_json:
        print_json(
            {
                "erased": bool(erased.rows),
                "rows": dict(erased.rows),
                "to_be_skipped": erased.to_be_skipped,
                "told_sendgrid": erased.told_sendgrid,
                "moved_on": erased.moved_on,
                "files": files,
                "elsewhere": ELSEWHERE,
            }
        )
        return
    if erased.moved_on:
        say(MOVED_ON)
    if not erased.rows:
        say("Nothing changed." if erased.moved_on else "This address was erased before; nothing changed.")
        return
    say("Erased. Rows changed: ", ", ".join(f"{name} {count:,}" for name, count in sorted(erased.rows.items())), ".")
    if erased.to_be_skipped:
        say(f"{erased.to_be_skipped:,} of their messages were planned and have not gone; they are skipped.")
    if files:
        say("These files hold the address still: ", ", ".join(map(str, files)))
    say(ELSEWHERE)


@subscribers.command("change-address", short_help="Give somebody their new address.")
def change(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The address they have.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The address they want.")],
    without_sendgrid: WithoutSendGrid = False,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Give somebody their new address. What is pending goes there; nobody is mailed twice."""
    context = open_context(project)
    context.settings.require("secret_key")
    found = change_address(
        context.engine,
        old,
        new,
        datetime.now(UTC),
        _lists(context),
        zone=context.publication.slot.zone,
        without_sendgrid=without_sendgrid,
    )
    tell_sendgrid(context)
    if as_json:
        print_json({"id": found.id, "address": found.address})
    else:
        say("Changed. What has not gone yet goes to the new address; the old one is kept out of imports.")


@subscribers.command("merge", short_help="Make one record of two that are the same person.")
def merge(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The address of the record that ends.")],
    into: Annotated[str, typer.Argument(metavar="INTO", help="The address of the record that goes on.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    without_sendgrid: WithoutSendGrid = False,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Make one record of two that are the same person. Nobody is mailed twice; whoever left under one has left."""
    context = open_context(project)
    context.settings.require("secret_key")
    agree(yes, "Merge the first record into the second? It cannot be taken back.", "Nothing was merged.")
    zone = context.publication.slot.zone
    merged = merge_subscribers(
        context.engine, source, into, zone, datetime.now(UTC), _lists(context), without_sendgrid=without_sendgrid
    )
    tell_sendgrid(context)
    if as_json:
        print_json({"into": merged.into_id, "skipped": merged.skipped, "rows": dict(merged.rows)})
    else:
        say(f"Merged. {merged.skipped:,} messages are skipped, for the other record has, had or may have them.")


def tell_sendgrid(context: Context) -> None:
    """Mail that waits at SendGrid must not reach who has just left. Without a queue the clock offers it a moment later."""
    with reading(context.engine) as connection:
        due = push_due(connection, datetime.now(UTC))
    if due:
        offer(context, due)


def _lists(context: Context) -> SuppressionLists | None:
    """SendGrid's lists, if there is a key to ask them with."""
    return context.lists if context.settings.sendgrid_api_key.get_secret_value() else None

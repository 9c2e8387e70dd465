"""Referrals: who brought most, one reader's friends and rewards, what waits for a look, and all of it as a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.table import Table

from worker.cli.shape import HERE, MOST_ID, AsJson, Project, app, open_context, print_json, say, short, show, table
from worker.domain.milestone import Reward
from worker.domain.referral import Referral
from worker.domain.subscriber import first_name
from worker.errors import BroadsheetError, UsageError
from worker.render.links import referral_path
from worker.render.merge import shown_name
from worker.store.engine import reading
from worker.store.milestones import EarnedReward, waiting_rewards
from worker.store.referral_reports import ReferralLine, referrals_by, referrals_in_review, top_referrers
from worker.store.subscribers import by_id
from worker.usecases.approve_reward import approve_reward
from worker.usecases.export_referrals import export_referrals, plain_line
from worker.usecases.export_subscribers import whole_file
from worker.usecases.find_subscriber import find_subscriber
from worker.usecases.look_at_friends import look_at_friends
from worker.usecases.review_referral import accept_referral, reject_referral

referrals = typer.Typer(help="Who brought whom, and what it earned.", no_args_is_help=True)
app.add_typer(referrals, name="referrals")

_Done = TypeVar("_Done")


@referrals.command("top", short_help="Who brought most friends, without names unless asked.")
def top(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, metavar="N", help="So many readers.")] = 10,
    addresses: Annotated[bool, typer.Option("--addresses", help="With their addresses.")] = False,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Who brought most friends that count. First names stand only where readers let theirs stand on their link's page."""
    context = open_context(project)
    with reading(context.engine) as connection:
        found = top_referrers(connection, limit)
    lines: list[dict[str, Any]] = [
        {
            "reader": (shown_name(first_name(one.name)) if one.is_named else "") or "a reader",
            "friends": one.verified,
            "pending": one.pending,
            "review": one.review,
        }
        | ({"address": one.address} if addresses else {})
        for one in found
    ]
    if as_json:
        print_json(lines)
        return
    made = table("#", "reader", "#friends", "#pending", "#in review", *(["address"] if addresses else []))
    for rank, line in enumerate(lines, 1):
        counts = (f"{line[name]:,}" for name in ("friends", "pending", "review"))
        made.add_row(str(rank), line["reader"], *counts, *([line["address"]] if addresses else []))
    show(made)


@referrals.command("show", short_help="One reader's friends, rewards and link.")
def show_one(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="A subscriber's address.")],
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """How many friends of a reader count, what comes next, what they earned, and each friend with what became of it."""
    context = open_context(project)
    publication = context.publication
    with reading(context.engine) as connection:
        reader = find_subscriber(connection, address)
        lines = referrals_by(connection, reader.id)
    friends = look_at_friends(context.engine, reader.id, publication.referral)
    assert friends is not None  # noqa: S101  they have an address, so they are not erased
    link = context.settings.base_url.rstrip("/") + referral_path(reader.referral_code)
    if as_json:
        ahead = friends.ahead
        print_json(
            {
                "link": link,
                "friends": friends.count,
                "next": {"milestone": ahead.id, "name": ahead.name, "to_go": friends.to_go} if ahead else None,
                "rewards": [_plain_reward(one) for one in friends.rewards],
                "referrals": [plain_line(one) for one in lines],
            }
        )
        return
    zone = publication.slot.zone
    say((f"{friends.count:,} that count", "bold"), f"  {link}")
    if friends.ahead:
        say(f"{friends.to_go:,} more for {friends.ahead.name}")
    for one in friends.rewards:
        say(f"{one.name}: {one.state}, {_words(one.reward)}, reached {short(one.reached_at, zone)}")
    if lines:
        show(_lines(lines, zone))


@referrals.command("review", short_help="What waits for a look; accept or reject it.")
def review(
    accept: Annotated[
        list[int] | None,
        typer.Option("--accept", min=1, max=MOST_ID, metavar="ID", help="It counts. May be given several times."),
    ] = None,
    reject: Annotated[
        list[int] | None,
        typer.Option("--reject", min=1, max=MOST_ID, metavar="ID", help="It does not count; nobody is told."),
    ] = None,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Referrals that wait because many came from one network within an hour, or one came from the referrer's own.

    Families and offices share a network: accept what you believe. The friends are subscribed either way.
    """
    accepted, rejected = accept or [], reject or []
    if both := sorted({*accepted} & {*rejected}):
        raise UsageError(f"{both[0]} cannot be both accepted and rejected", fix="name it once")
    context = open_context(project)
    publication, now = context.publication, datetime.now(UTC)
    zone = publication.slot.zone
    acts = [partial(accept_referral, context.engine, one, publication.referral, zone, now) for one in accepted]
    acts += [partial(reject_referral, context.engine, one, now) for one in rejected]
    done, wrong = _one_by_one(acts, None if as_json else _tell_decided)
    with reading(context.engine) as connection:
        waiting = referrals_in_review(connection)
    if as_json:
        decided = [{"id": one.id, "state": one.state.value, "reason": one.reason} for one in done]
        print_json({"decided": decided, "waiting": [plain_line(one) for one in waiting]})
    if wrong is not None:
        raise wrong
    if as_json:
        return
    if waiting:
        show(_lines(waiting, zone, with_referrer=True))
    else:
        say("Nothing waits for review.")


@referrals.command("approve", short_help="Rewards that wait for your word; grant them.")
def approve(
    numbers: Annotated[
        list[int] | None, typer.Argument(min=1, max=MOST_ID, metavar="[ID]...", help="Which; without one, lists them.")
    ] = None,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Grant milestones with `approval = "manual"`. Paid months are added at once, and the milestone's mail goes."""
    context = open_context(project)
    rules, zone = context.publication.referral, context.publication.slot.zone
    acts = [partial(approve_reward, context.engine, one, rules, zone, datetime.now(UTC)) for one in numbers or []]
    granted, wrong = _one_by_one(acts, None if as_json else _tell_granted)
    with reading(context.engine) as connection:
        waiting = waiting_rewards(connection)
        whose = {one.id: here.address for one in waiting if (here := by_id(connection, one.subscriber_id))}
    if as_json:
        listed = [_plain_reward(one) | {"id": one.id, "address": whose.get(one.id, "")} for one in waiting]
        print_json({"granted": [one.id for one in granted], "waiting": listed})
    if wrong is not None:
        raise wrong
    if as_json:
        return
    if not waiting:
        say("Nothing waits for approval.")
        return
    made = table("#id", "reader", "reward", "!reached")
    for one in waiting:
        made.add_row(str(one.id), whose.get(one.id, ""), one.name, short(one.reached_at, zone))
    show(made)


@referrals.command("export", short_help="Write every referral to a file.")
def export(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="CSV; JSON Lines where it ends in .jsonl.")],
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Who brought whom and what became of it. It holds personal data: keep it as safe as the list itself."""
    context = open_context(project)
    if not out.parent.is_dir():
        raise UsageError(f"there is no folder {out.parent}", fix="make it, or name another")
    with whole_file(out) as file:
        rows = export_referrals(context.engine, file, out.suffix.casefold() in (".jsonl", ".ndjson"))
    if as_json:
        print_json({"rows": rows, "file": out})
    else:
        say(f"{rows:,} rows are in {out}.")


def _one_by_one(
    acts: Sequence[Callable[[], _Done]], tell: Callable[[_Done], None] | None
) -> tuple[list[_Done], BroadsheetError | None]:
    """Do them in turn, telling each as it is done, up to the first that cannot be; that one's error is for the end."""
    done: list[_Done] = []
    for act in acts:
        try:
            done.append(act())
        except BroadsheetError as wrong:
            return done, wrong
        if tell is not None:
            tell(done[-1])
    return done, None


def _tell_decided(one: Referral) -> None:
    say(f"{one.id}: {one.state}{f' ({one.reason})' if one.reason else ''}")


def _tell_granted(one: EarnedReward) -> None:
    say(f"{one.id}: {one.name} is granted.")


def _lines(lines: Sequence[ReferralLine], zone: str, *, with_referrer: bool = False) -> Table:
    made = table("#id", *(["referrer"] if with_referrer else []), "friend", "!state", "why", "!signed up")
    for one in lines:
        who = [one.referrer or "(erased)"] if with_referrer else []
        made.add_row(str(one.id), *who, one.friend or "(erased)", one.state, one.reason, short(one.recorded_at, zone))
    return made


def _plain_reward(one: EarnedReward) -> dict[str, Any]:
    return {
        "milestone": one.milestone_id,
        "name": one.name,
        "state": one.state.value,
        "reached_at": one.reached_at,
        "granted_at": one.granted_at,
    }


def _words(reward: Reward) -> str:
    if reward.months:
        return f"{reward.months} month{'' if reward.months == 1 else 's'} of the paid letter"
    return reward.file or reward.link or reward.text

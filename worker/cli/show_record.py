"""A person's whole record, for themself: as JSON, and as text. Nobody else's address is part of it."""

from __future__ import annotations

from typing import Any

from worker.cli.shape import err, local, say, short, show, table
from worker.cli.subscriber_plans import grant_values, plan_values, plan_words, show_grants
from worker.domain.plan import PlanState
from worker.domain.standing import WORDS, Standing, standing_of
from worker.domain.subscriber import Subscriber
from worker.domain.suppression import SuppressionReason
from worker.store.records import Message, Record

ELSEWHERE = "(another person's address, not shown)"


def standing(record: Record) -> Standing:
    """The one word for it."""
    reason = record.suppression.reason if record.suppression else None
    if record.hashed and record.subscriber is None:
        reason = SuppressionReason.ERASED
    return standing_of(record.subscriber.status if record.subscriber else None, reason)


def record_values(record: Record, address: str, zone: str) -> dict[str, Any]:
    """Everything, for JSON."""
    found, word = record.subscriber, standing(record)
    values: dict[str, Any] = {
        "address": found.address if found else address.strip(),
        "status": word,
        "mailed": word is Standing.CONFIRMED,
        "why": WORDS[word],
        "subscriber": _subscriber(found) if found else None,
        "consent": _consent(found) if found else None,
        "plan": _plan(record, found, zone) if found else None,
        "suppression": _suppression(record),
        "referrals": _referrals(record),
        "launches": {
            "converted": [_row(one, "launch_id", "how", "converted_at") for one in record.converted],
            "muted": [_row(one, "launch_id", "muted_at") for one in record.muted],
        },
        "deliveries": [_message(one) for one in record.messages],
        "left_out": [_row(one, "key", "kind", "reason", "planned_at") for one in record.left_out],
        "sign_ups": [_row(one, "asked_at", "name", "page") for one in record.signups],
        "other_events": [_event(one) for one in record.other_events],
    }
    if record.hashed:
        values["erased_as"] = record.hashed
    return values


def show_record(record: Record, address: str, zone: str) -> None:
    """Everything, as text."""
    found, word = record.subscriber, standing(record)
    say((found.address if found else address.strip(), "bold"), f"  {word}: {WORDS[word]}.")
    if found:
        _show_subscriber(found, zone)
        say(plan_words(PlanState(found.plan, found.plan_source, found.plan_ends_at), zone))
        if record.grants:
            show_grants(list(record.grants), zone)
    if record.suppression:
        told = f", told SendGrid {short(record.told_sendgrid_at, zone)}" if record.told_sendgrid_at else ""
        one = record.suppression
        say(f"Suppressed: {one.reason}, {local(one.at, zone)}, known by {one.evidence or 'nothing kept'}{told}")
    _show_referrals(record, zone)
    for row in record.signups:
        say(f"Typed into the form {local(row.asked_at, zone)} on {row.page or 'an unknown page'}; not looked at yet")
    for row in record.converted:
        say(f"Launch {row.launch_id}: {row.how} {local(row.converted_at, zone)}")
    for row in record.muted:
        say(f"Launch {row.launch_id}: muted {local(row.muted_at, zone)}")
    _show_messages(record, zone)
    say(f"Hours are those of {zone}.", console=err)


def _subscriber(one: Subscriber) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "language": one.language,
        "zone": one.zone,
        "country": one.country,
        "tags": sorted(one.tags),
        "wants": one.wants,
        "paused_until": one.paused_until,
        "referral_code": one.referral_code,
        "stripe_id": one.stripe_id,
    }


def _consent(one: Subscriber) -> dict[str, Any]:
    return {
        "source": one.source,
        "consent": one.consent,
        "joined_at": one.joined_at,
        "confirmed_at": one.confirmed_at,
        "unsubscribed_at": one.unsubscribed_at,
    }


def _plan(record: Record, one: Subscriber, zone: str) -> dict[str, Any]:
    state = PlanState(one.plan, one.plan_source, one.plan_ends_at)
    return plan_values(state) | {"grants": grant_values(list(record.grants), zone)}


def _suppression(record: Record) -> dict[str, Any] | None:
    one = record.suppression
    if one is None:
        return None
    return {"reason": one.reason, "at": one.at, "evidence": one.evidence, "told_sendgrid_at": record.told_sendgrid_at}


def _referrals(record: Record) -> dict[str, Any]:
    referred = record.referred
    by = None
    if referred.brought_at:
        words = {"state": referred.state, "reason": referred.reason}
        by = {"recorded_at": referred.brought_at, "counts_since": referred.counts_since, **words}
    return {
        "brought_by_a_reader": by,
        "brought_by": _elsewhere(record),
        "brought": referred.brought,
        "brought_and_verified": referred.verified,
        "first_name_on_the_links_page": referred.is_named,
        "rewards": [
            {"milestone": one.milestone_id, "name": one.name, "state": one.state.value, "reached_at": one.reached_at}
            for one in referred.rewards
        ],
    }


def _elsewhere(record: Record) -> str:
    """Who or what brought them as another platform wrote it; where that is somebody's address, it is theirs to know."""
    words = record.subscriber.referrer if record.subscriber else ""
    return ELSEWHERE if "@" in words else words


def _message(one: Message) -> dict[str, Any]:
    candidate = one.candidate
    return {
        "mailing": one.mailing,
        "kind": one.kind,
        "plan": candidate.plan,
        "state": candidate.state,
        "reason": candidate.reason,
        "planned_at": one.planned_at,
        "called_at": candidate.called_at,
        "submitted_at": candidate.submitted_at,
        "message_id": candidate.message_id,
        "outcome": candidate.outcome,
        "outcome_at": candidate.outcome_at,
        "events": [_event(event) for event in one.events],
    }


def _event(row: Any) -> dict[str, Any]:
    return {
        "type": row.type,
        "at": row.happened_at,
        "received_at": row.received_at,
        "reason": row.reason,
        "url": row.url,
    }


def _row(row: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _show_subscriber(one: Subscriber, zone: str) -> None:
    about = {
        "name": one.name,
        "language": one.language,
        "zone": one.zone,
        "country": one.country,
        "tags": ", ".join(sorted(one.tags)),
        "wants": one.wants,
        "paused until": local(one.paused_until, zone),
        "Stripe id": one.stripe_id,
        "referral code": one.referral_code,
        "joined": local(one.joined_at, zone),
        "confirmed": local(one.confirmed_at, zone),
        "unsubscribed": local(one.unsubscribed_at, zone),
        "consent from": one.source,
        "consent": one.consent,
    }
    for what, words in about.items():
        if words:
            say(f"{what}: {words}")


def _show_referrals(record: Record, zone: str) -> None:
    referred = record.referred
    if referred.brought_at:
        counts = f", {referred.state}{f' ({referred.reason})' if referred.reason else ''}"
        if referred.counts_since:
            counts = f", counts since {short(referred.counts_since, zone)}"
        say(f"Brought by a reader {local(referred.brought_at, zone)}{counts}")
    if words := _elsewhere(record):
        say(f"Brought by, as it was imported: {words}")
    if referred.brought:
        say(f"Brought {referred.brought:,}, of whom {referred.verified:,} count")
    for reward in referred.rewards:
        say(f"Reached {reward.name} ({reward.state}) {local(reward.reached_at, zone)}")


def _show_messages(record: Record, zone: str) -> None:
    if record.messages or record.left_out:
        made = table("mailing", "!state", "why or outcome", "!submitted", "events")
        for one in record.messages:
            candidate = one.candidate
            happened = ", ".join(f"{event.type} {short(event.happened_at, zone)}" for event in one.events)
            words = candidate.reason or candidate.outcome
            made.add_row(one.mailing, candidate.state, words, short(candidate.submitted_at, zone), happened)
        for row in record.left_out:
            made.add_row(row.key, "left out", row.reason, "", "")
        show(made)
    for row in record.other_events:
        say(f"Other mail: {row.type} {local(row.happened_at, zone)}")

"""The table of what follows from an event: whole, careful whom it suppresses, and the same in docs/delivery.md."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from worker.domain.delivery import Outcome
from worker.domain.event import BounceClass, DropReason, Event, EventType
from worker.domain.event_effects import ATTENTION, EFFECTS, Consequence, Effect, effect_of
from worker.domain.suppression import SuppressionReason

PAGE = Path(__file__).parents[3] / "docs" / "delivery.md"
HEAD = "| event | with | outcome | the address | its mailing |\n|---|---|---|---|---|\n"


def an_event(kind, *, bounce=None, drop=None):
    return Event(kind, datetime(2026, 11, 16, tzinfo=UTC), "a@example.com", "k", "", 1, "s", drop, bounce_class=bounce)


def row(kind, detail, effect):
    address = f"suppressed: {effect.suppression}" if effect.suppression else ""
    cells = [kind, detail or "", effect.outcome or "", address, effect.mailing]
    return ("| " + " | ".join(cells) + " |").replace("  |", " |")


def page_table():
    return HEAD + "".join(row(kind, detail, effect) + "\n" for (kind, detail), effect in EFFECTS.items())


def test_the_page_about_delivery_shows_the_table_as_the_code_has_it():
    assert page_table() in PAGE.read_text(encoding="utf-8"), f"docs/delivery.md should hold\n{page_table()}"


@pytest.mark.parametrize("kind", list(EventType))
def test_every_kind_has_an_effect_even_with_a_detail_nobody_knows(kind):
    assert isinstance(effect_of(an_event(kind)), Effect)
    assert isinstance(effect_of(an_event(kind, drop=DropReason.OTHER)), Effect)


def test_only_true_bounces_complaints_opt_outs_and_drops_for_them_suppress():
    suppressing = {key: effect.suppression for key, effect in EFFECTS.items() if effect.suppression}
    assert suppressing == {
        (EventType.BOUNCED, None): SuppressionReason.BOUNCED,
        (EventType.BOUNCED, BounceClass.INVALID_ADDRESS): SuppressionReason.BOUNCED,
        (EventType.BOUNCED, BounceClass.MAILBOX_UNAVAILABLE): SuppressionReason.BOUNCED,
        (EventType.BOUNCED, BounceClass.UNCLASSIFIED): SuppressionReason.BOUNCED,
        (EventType.DROPPED, DropReason.BOUNCED): SuppressionReason.BOUNCED,
        (EventType.DROPPED, DropReason.UNSUBSCRIBED): SuppressionReason.UNSUBSCRIBED,
        (EventType.DROPPED, DropReason.COMPLAINED): SuppressionReason.COMPLAINED,
        (EventType.DROPPED, DropReason.INVALID): SuppressionReason.INVALID,
        (EventType.COMPLAINED, None): SuppressionReason.COMPLAINED,
        (EventType.UNSUBSCRIBED, None): SuppressionReason.UNSUBSCRIBED,
    }


@pytest.mark.parametrize("about", list(BounceClass))
def test_a_block_suppresses_nobody_whatever_it_is_about(about):
    effect = effect_of(an_event(EventType.BLOCKED, bounce=about))
    assert (effect.outcome, effect.suppression) == (Outcome.BLOCKED, None)


@pytest.mark.parametrize("about", [BounceClass.REPUTATION, BounceClass.CONTENT, BounceClass.VOLUME])
def test_a_bounce_that_is_about_the_sender_is_a_block_and_counts_as_one(about):
    effect = effect_of(an_event(EventType.BOUNCED, bounce=about))
    assert effect == Effect(Outcome.BLOCKED, None, Consequence.COUNTED)


@pytest.mark.parametrize(
    "kind", [EventType.OPENED, EventType.CLICKED, EventType.PROCESSED, EventType.RESUBSCRIBED, EventType.UNKNOWN]
)
def test_statistics_and_what_nobody_knows_have_no_effect_at_all(kind):
    assert effect_of(an_event(kind)) == Effect()


def test_whatever_stops_or_flags_a_mailing_has_words_for_it():
    telling = {
        detail
        for (_, detail), effect in EFFECTS.items()
        if effect.mailing in (Consequence.PAUSED, Consequence.ATTENTION)
    }
    assert telling == set(ATTENTION)

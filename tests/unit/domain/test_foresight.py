"""What is to come of one reader's steps, of every sequence they are in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.support.followups import LOUD, make_launch, make_step, wall
from worker.domain.calendar import instant
from worker.domain.due_step import Facts
from worker.domain.foresight import Course, foresee
from worker.domain.quiet import Near, QuietRules
from worker.domain.sequence import Anchors, anchors_of, timings_of
from worker.domain.timing import parse_when

NEAR = Near("UTC")
STEPS = [
    make_step(step_id="opening", when="at opens"),
    make_step(step_id="middle", when="1 week after opens, at 09:00"),
    make_step(step_id="last", when="1 day before closes, at 09:00"),
]
ANCHORS = anchors_of(make_launch(zone="UTC"))
OPENS, CLOSES = instant(wall("2026-11-16T09:00"), "UTC"), instant(wall("2026-12-18T18:00"), "UTC")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def course(*steps, met=OPENS, anchors=ANCHORS, facts=None, **given):
    facts = {step.id: facts or Facts(NEAR) for step in steps}
    return Course(timings_of(steps), anchors, met, facts, **given)


def welcome(met, *sentences, **given):
    """A course that begins when somebody was met."""
    timings = {f"welcome-{number}": parse_when(one) for number, one in enumerate(sentences)}
    return Course(timings, Anchors("UTC"), met, dict.fromkeys(timings, Facts(NEAR)), **given)


def foreseen(*courses, quiet=LOUD, followups=(), now=OPENS, until=CLOSES):
    found = foresee(courses, "UTC", followups, quiet, now, until)
    return [(step.step_id, step.at, step.why or step.put_off or "sent") for _course, step in found]


def test_what_is_to_come_is_foreseen_by_the_decision_of_the_clock():
    assert foreseen(course(*STEPS)) == [
        ("opening", OPENS, "sent"),
        ("middle", OPENS + 7 * DAY, "sent"),
        ("last", datetime(2026, 12, 17, 9, tzinfo=UTC), "sent"),
    ]


def test_who_joined_later_is_not_told_what_has_passed_and_who_is_gone_gets_nothing():
    joined = OPENS + 9 * DAY
    assert [(step, why) for step, _at, why in foreseen(course(*STEPS, met=joined), now=joined)] == [
        ("opening", "joined_later"),
        ("middle", "joined_later"),
        ("last", "sent"),
    ]
    gone = Facts(NEAR, barred="converted")
    assert foreseen(course(*STEPS, facts=gone)) == [("opening", OPENS, "converted")]


def test_a_follow_up_that_is_foreseen_puts_off_the_next():
    tight = [make_step(step_id="a", when="at opens"), make_step(step_id="b", when="2 hours after opens")]
    assert foreseen(course(*tight), quiet=QuietRules()) == [
        ("a", OPENS, "sent"),
        ("b", OPENS + DAY, "near_followup"),
    ]


def test_another_sequences_mail_puts_off_a_launchs_and_the_other_way_round():
    other = welcome(OPENS, "20 hours after confirmed", "8 days after confirmed, at 10:00")
    found = foreseen(course(*STEPS), other, quiet=QuietRules())
    assert [one for one in found if one[0] != "last"] == [
        ("opening", OPENS, "sent"),
        ("welcome-0", OPENS + DAY, "near_followup"),
        ("middle", OPENS + 7 * DAY, "sent"),
        ("welcome-1", OPENS + 8 * DAY + HOUR, "sent"),
    ]


def test_what_has_waited_in_two_sequences_comes_before_what_waits_behind_either():
    """As the clock decides when it is back: what is due at once, then what follows that."""
    one = welcome(OPENS, "at once after confirmed", "1 hour after confirmed")
    other = Course({"thanks": parse_when("2 hours after verified")}, Anchors("UTC"), OPENS, {"thanks": Facts(NEAR)})
    assert foreseen(one, other, quiet=replace(LOUD, per_week=2), now=OPENS + 3 * HOUR) == [
        ("welcome-0", OPENS + 3 * HOUR, "sent"),
        ("thanks", OPENS + 3 * HOUR, "sent"),
        ("welcome-1", OPENS + 3 * HOUR, "week_full"),
    ]


def test_who_leaves_one_sequence_still_gets_the_others():
    gone = course(*STEPS, facts=Facts(NEAR, stop_if=True))
    other = welcome(OPENS, "2 days after confirmed")
    assert foreseen(gone, other) == [("opening", OPENS, "stop_if"), ("welcome-0", OPENS + 2 * DAY, "sent")]


def test_the_step_after_one_that_was_put_off_does_not_go_before_it():
    steps = [make_step(step_id="a", when="at opens"), make_step(step_id="b", when="1 day after opens")]
    put_off = course(*steps, put_off_until=OPENS + 3 * DAY, put_off="near_issue")
    assert foreseen(put_off) == [("a", OPENS + 3 * DAY, "near_issue"), ("b", OPENS + 3 * DAY, "sent")]
    in_time = course(*steps, put_off_until=OPENS + 3 * DAY, put_off="near_issue", facts=Facts(NEAR, grace=6 * HOUR))
    assert foreseen(in_time)[1] == ("b", OPENS + 3 * DAY, "late")


def test_a_held_step_ends_with_its_time_and_one_of_a_nearer_close_with_it():
    held = course(STEPS[0], facts=Facts(NEAR, held=True))
    assert foreseen(held, until=CLOSES) == [("opening", CLOSES, "held")]
    nearer = course(*STEPS, facts=Facts(NEAR, closes=OPENS + DAY))
    assert [why for _step, _at, why in foreseen(nearer)] == ["sent", "closed", "closed"]


def test_nothing_after_until_is_foreseen():
    assert [step for step, _at, _why in foreseen(course(*STEPS), until=OPENS + DAY)] == ["opening"]
    assert foreseen(welcome(OPENS, "9 days after paid"), until=OPENS + 6 * DAY) == []
    assert foreseen() == []

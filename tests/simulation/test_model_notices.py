"""The model can fail: each altered message below is one it must not let pass."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.simulation.checks import check

pytestmark = pytest.mark.timeout(900)


def kinds(ran, mails):
    return {what for what, _, _ in check(ran, mails).wrong}


def first(ran, what):
    return next(one for one in ran.mails if one.subject.startswith(what))


def test_a_message_that_came_twice(ran):
    twice = first(ran, "step groups-open")
    assert "twice" in kinds(ran, [*ran.mails, replace(twice, at=twice.at + timedelta(minutes=1))])


def test_a_message_an_hour_before_its_time(ran):
    early = first(ran, "step groups-open")
    altered = [replace(one, at=one.at - timedelta(hours=1)) if one is early else one for one in ran.mails]
    assert "decided" in kinds(ran, altered)


def test_a_message_that_never_came(ran):
    for what, name in (("step groups-open", "lost"), ("issue sim-03", "issue lost")):
        gone = first(ran, what)
        assert name in kinds(ran, [one for one in ran.mails if one is not gone])


def test_a_message_to_somebody_who_had_left(ran):
    left = next(one for one in ran.world.log if one.what == "left")
    address = ran.world.people[left.record].address
    issue = next(one for one in ran.mails if one.subject.startswith("issue") and one.at > left.at)
    again = replace(issue, to=address, at=left.at + timedelta(minutes=1))
    assert "mailed after" in kinds(ran, [*ran.mails, again])


def test_a_launch_mail_to_somebody_who_had_applied(ran):
    applied = next(one for one in ran.world.log if one.what == "converted")
    person = ran.world.people[applied.record]
    step = replace(first(ran, "step groups-reminder"), to=person.address)
    assert "mailed after" in kinds(ran, [*ran.mails, replace(step, at=max(step.at, applied.at))])


def test_a_paid_word_in_a_free_mail_and_a_card_that_should_be_gone(ran):
    late = max(ran.mails, key=lambda one: one.at)  # past the close, also as it was put off
    free = next(one for one in ran.mails if one.subject == "issue sim-00 free")
    altered = [
        replace(one, cards=("groups",)) if one is late else replace(one, paid_word=True) if one is free else one
        for one in ran.mails
    ]
    assert {"card of a closed launch", "edition"} <= kinds(ran, altered)


def test_a_follow_up_at_night(ran):
    step = next(one for one in ran.mails if one.subject.startswith("step"))
    altered = [replace(one, at=one.at + timedelta(hours=14), delivery=0) if one is step else one for one in ran.mails]
    assert {"decided", "not quiet", "wrong hour", "quiet rule", "lost", "early"} & kinds(ran, altered)

"""The commands around a broadcast that waits at SendGrid."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.support.mailroom import messages
from tests.support.sending import SAMPLE
from worker.usecases.plan_mailing import plan_mailing
from worker.usecases.recall_mailing import recall_mailing
from worker.usecases.stage_mailing import stage_mailing


def in_three_hours():
    """As an author would write it, on the publication's clock."""
    return f"{datetime.now(ZoneInfo('America/Denver')) + timedelta(hours=3):%Y-%m-%d %H:%M}"


@pytest.fixture
def staged(on, readers, context, work):
    """The sample, scheduled for later today, planned ahead of its hour and handed over."""
    assert on("send", SAMPLE, "--yes", "--at", in_three_hours()).code == 0
    plan_mailing(context.engine, 1, context.prepare, datetime.now(UTC))
    return 1


def recall(context):
    recall_mailing(context.engine, context.scheduler, 1)


def test_send_says_from_when_it_waits_and_until_when_it_can_be_taken_back(on, readers):
    ended = on("send", SAMPLE, "--yes", "--at", in_three_hours())
    assert "handed over from" in ended.out
    assert "can be taken back until" in ended.out
    seen = on("status", SAMPLE, "--json").json
    assert seen["stage_at"] is not None
    assert seen["status"] == "scheduled"


def test_a_broadcast_that_goes_at_once_is_not_staged(on, readers):
    assert on("send", SAMPLE, "--yes").code == 0
    assert on("status", SAMPLE, "--json").json["stage_at"] is None


def test_nothing_is_staged_where_the_setting_says_so(on, readers, monkeypatch):
    monkeypatch.setenv("STAGING", "false")
    assert on("send", SAMPLE, "--yes", "--at", in_three_hours()).code == 0
    assert on("status", SAMPLE, "--json").json["stage_at"] is None


def test_one_broadcast_can_be_sent_unstaged(on, readers):
    ended = on("send", SAMPLE, "--yes", "--no-stage", "--at", in_three_hours())
    assert ended.code == 0
    assert "handed over from" not in ended.out
    assert on("status", SAMPLE, "--json").json["stage_at"] is None


def test_cancel_takes_back_what_was_handed_over_and_says_so(on, staged, context, work, mailroom):
    stage_mailing(context.engine, context.scheduler, staged)
    work(staged)
    assert on("status", SAMPLE, "--json").json["submitted"] == 12
    assert "waits at SendGrid" in on("status", SAMPLE).out
    ended = on("cancel", SAMPLE, "--yes")
    assert "being taken back" in ended.out
    recall(context)
    seen = on("status", SAMPLE, "--json").json
    assert (seen["status"], seen["cancelled"], seen["submitted"]) == ("cancelled", 12, 0)
    assert "was cancelled already" in on("cancel", SAMPLE, "--yes").out
    assert messages(mailroom) == []


def test_pause_and_resume_of_what_waits_hand_it_over_again(on, staged, context, work):
    stage_mailing(context.engine, context.scheduler, staged)
    work(staged)
    assert "being taken back" in on("pause", SAMPLE).out
    recall(context)
    assert on("status", SAMPLE, "--json").json["status"] == "paused"
    assert on("resume", SAMPLE).code == 0
    stage_mailing(context.engine, context.scheduler, staged)
    work(staged)
    seen = on("status", SAMPLE, "--json").json
    assert (seen["status"], seen["submitted"]) == ("staged", 12)

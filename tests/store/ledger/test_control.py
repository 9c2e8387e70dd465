"""Pause, resume and cancel in every state, said once and twice, by two hosts, and in the middle of things."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from tests.support.ledger import (
    EDITIONS,
    check_invariants,
    claim,
    claim_and_start,
    counts,
    make_mailing,
    plan,
    planned_mailing,
    start,
    statuses,
)
from tests.support.makers import NOW, make_subscribers
from tests.support.staging import planned_ahead, staged_mailing
from worker.domain.delivery import DeliveryState
from worker.domain.segment import EVERYONE
from worker.domain.staging import RecallTo
from worker.errors import UsageError
from worker.store.engine import reading, snapshot, writing
from worker.store.ledger import settle
from worker.store.ledger.claim import release_claim
from worker.store.ledger.due import is_due_for_planning
from worker.store.ledger.mailings import cancel_mailing, get_mailing, pause_mailing
from worker.store.ledger.plan import begin_planning, freeze_audience
from worker.store.ledger.recall import begin_recall
from worker.store.ledger.sweep import sweep
from worker.store.tables import mailings
from worker.usecases import control


def _scheduled(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 4)
        return make_mailing(connection, batch_size=2)


def _planning(engine):
    mailing_id = _scheduled(engine)
    with writing(engine) as connection:
        begin_planning(connection, mailing_id)
    return mailing_id


def _sending(engine):
    mailing_id = _scheduled(engine)
    plan(engine, mailing_id)
    return mailing_id


def _ended(make, move):
    def build(engine):
        mailing_id = make(engine)
        with writing(engine) as connection:
            move(connection, mailing_id)
        return mailing_id

    return build


def _finish(connection, mailing_id):
    connection.execute(update(mailings).where(mailings.c.id == mailing_id).values(status="finished"))


def _cancel(connection, mailing_id):
    cancel_mailing(connection, mailing_id, NOW)


def _recalling(to):
    return _ended(staged_mailing, lambda connection, mailing_id: begin_recall(connection, mailing_id, RecallTo(to)))


BUILD = {
    "scheduled": _scheduled,
    "planning": _planning,
    "sending": _sending,
    "staged without an id": planned_ahead,
    "staged": staged_mailing,
    "recalling to staged": _recalling("staged"),
    "recalling to paused": _recalling("paused"),
    "recalling to cancelled": _recalling("cancelled"),
    "paused before planning": _ended(_scheduled, pause_mailing),
    "paused": _ended(_sending, pause_mailing),
    "finished": _ended(_sending, _finish),
    "cancelled": _ended(_sending, _cancel),
}
NO = "there is nothing to"
#: What each command makes of each state: the status (and where a recall leads), with `=` where it was so already.
AFTER = {
    "scheduled": ("paused", "=scheduled", "cancelled"),
    "planning": ("paused", "=planning", "cancelled"),
    "sending": ("paused", "=sending", "cancelled"),
    "staged without an id": ("paused", "=staged", "cancelled"),
    "staged": ("recalling paused", "=staged", "recalling cancelled"),
    "recalling to staged": ("recalling paused", "=recalling staged", "recalling cancelled"),
    "recalling to paused": ("=recalling paused", "recalling staged", "recalling cancelled"),
    "recalling to cancelled": (NO, NO, "=recalling cancelled"),
    "paused before planning": ("=paused", "scheduled", "cancelled"),
    "paused": ("=paused", "sending", "cancelled"),
    "finished": (NO, NO, "nothing can be taken back"),
    "cancelled": (NO, NO, "=cancelled"),
}
COMMANDS = {
    "pause": control.pause,
    "resume": control.resume,
    "cancel": lambda engine, mailing_id: control.cancel(engine, mailing_id, NOW),
}


def stands(mailing):
    return f"{mailing.status} {mailing.recall_to or ''}".strip()


def now_stands(engine, mailing_id):
    with reading(engine) as connection:
        return stands(get_mailing(connection, mailing_id))


@pytest.mark.parametrize("command", range(3), ids=list(COMMANDS))
@pytest.mark.parametrize("state", BUILD)
def test_each_command_in_each_state_said_twice(engine, state, command):
    mailing_id = BUILD[state](engine)
    say, expected = list(COMMANDS.values())[command], AFTER[state][command]
    before = now_stands(engine, mailing_id)
    if expected in (NO, "nothing can be taken back"):
        for _ in range(2):
            with pytest.raises(UsageError, match=expected):
                say(engine, mailing_id)
        assert now_stands(engine, mailing_id) == before
        return
    first, second = say(engine, mailing_id), say(engine, mailing_id)
    assert (stands(first.mailing), first.done) == (expected.lstrip("="), not expected.startswith("="))
    assert (stands(second.mailing), second.done, second.due) == (expected.lstrip("="), False, ())
    assert second.states == first.states
    check_invariants(engine)


@pytest.mark.parametrize("pair", [("pause", "pause"), ("cancel", "cancel"), ("pause", "cancel"), ("resume", "cancel")])
def test_two_hosts_at_once_agree_and_neither_fails(engine, pair):
    mailing_id = BUILD["paused" if "resume" in pair else "sending"](engine)
    barrier, said, trouble = threading.Barrier(2), [], []

    def run(name):
        barrier.wait()
        try:
            said.append(COMMANDS[name](engine, mailing_id))
        except UsageError as refused:  # the other one cancelled it a moment before
            trouble.append(str(refused))

    threads = [threading.Thread(target=run, args=(name,)) for name in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all("is cancelled" in one for one in trouble)
    assert len(said) + len(trouble) == 2
    assert sum(one.done for one in said) >= 1
    if pair[0] == pair[1]:
        assert [one.done for one in said].count(True) == 1
    assert now_stands(engine, mailing_id) == ("cancelled" if "cancel" in pair else "paused")
    check_invariants(engine)


def freeze(engine, mailing_id, attempt):
    with snapshot(engine) as connection:
        return freeze_audience(connection, get_mailing(connection, mailing_id), EVERYONE, EDITIONS, NOW, attempt)


def test_a_pause_in_the_middle_of_planning_is_not_overridden(engine):
    mailing_id = _scheduled(engine)
    with writing(engine) as connection:
        attempt = begin_planning(connection, mailing_id)
    control.pause(engine, mailing_id)
    assert freeze(engine, mailing_id, attempt) is None
    assert (now_stands(engine, mailing_id), statuses(engine, mailing_id)) == ("paused", [])


def test_after_a_resume_only_what_was_rendered_since_is_frozen(engine):
    mailing_id = _scheduled(engine)
    with writing(engine) as connection:
        old = begin_planning(connection, mailing_id)
    control.pause(engine, mailing_id)
    control.resume(engine, mailing_id)
    with writing(engine) as connection:
        new = begin_planning(connection, mailing_id)
    assert freeze(engine, mailing_id, old) is None
    assert freeze(engine, mailing_id, new).audience == 4


def test_planning_twice_at_once_without_a_pause_keeps_whichever_is_ready_first(engine):
    mailing_id = _scheduled(engine)
    with writing(engine) as connection:
        slow = begin_planning(connection, mailing_id)
        begin_planning(connection, mailing_id)
    assert freeze(engine, mailing_id, slow).audience == 4


def test_a_mailing_resumed_before_its_hour_is_not_due_until_then(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 1)
        mailing_id = make_mailing(connection, send_at=NOW + timedelta(days=7))
    control.pause(engine, mailing_id)
    control.resume(engine, mailing_id)
    with reading(engine) as connection:
        assert not is_due_for_planning(connection, mailing_id, NOW + timedelta(days=6))
        assert is_due_for_planning(connection, mailing_id, NOW + timedelta(days=7))


def test_a_claim_does_not_start_after_a_pause_nor_after_a_cancel(engine):
    mailing_id = _sending(engine)
    one, two = claim(engine, mailing_id), claim(engine, mailing_id)
    control.pause(engine, mailing_id)
    assert start(engine, one) is None
    with writing(engine) as connection:
        assert release_claim(connection, one)
    turned = control.cancel(engine, mailing_id, NOW)
    assert turned.states[DeliveryState.CANCELLED] == 4
    assert start(engine, two) is None
    with writing(engine) as connection:
        assert not release_claim(connection, two)
    assert statuses(engine, mailing_id) == ["cancelled", "cancelled"]


@pytest.mark.parametrize("command", ["pause", "cancel"])
def test_a_call_in_flight_is_settled_whatever_was_said_meanwhile(engine, command):
    mailing_id = _sending(engine)
    started = claim_and_start(engine, mailing_id)
    turned = COMMANDS[command](engine, mailing_id)
    assert turned.states[DeliveryState.SUBMITTING] == 2
    with writing(engine) as connection:
        settle.settle_accepted(connection, started, NOW, message_id="m")
    assert counts(engine, mailing_id).by_state[DeliveryState.SUBMITTED] == 2
    check_invariants(engine)


def test_a_call_that_was_not_taken_is_cancelled_once_it_comes_back(engine):
    mailing_id = _sending(engine)
    started = claim_and_start(engine, mailing_id)
    control.cancel(engine, mailing_id, NOW)
    with writing(engine) as connection:
        settle.settle_pending(connection, started, "rate_limited", NOW, not_before=None, problem="too fast")
        sweep(connection, NOW)
    assert control.cancel(engine, mailing_id, NOW).states[DeliveryState.CANCELLED] == 4


def test_cancel_counts_each_message_where_it_was_at_that_moment(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 10)
    mailing_id = planned_mailing(engine, batch_size=2)
    done, lost, _flying = (claim_and_start(engine, mailing_id) for _ in range(3))
    with writing(engine) as connection:
        settle.settle_accepted(connection, done, NOW, message_id="m")
        settle.settle_uncertain(connection, lost, NOW, problem="lost", status_code=None)
    claim(engine, mailing_id)
    states = control.cancel(engine, mailing_id, NOW).states
    assert {state.value: number for state, number in states.items() if number} == {
        "cancelled": 4,
        "submitted": 2,
        "uncertain": 2,
        "submitting": 2,
    }


def test_pausing_all_and_resuming_all_leaves_what_was_paused_for_a_reason(engine):
    going = [_sending(engine), _scheduled(engine)]
    over = BUILD["finished"](engine)
    troubled = _sending(engine)
    with writing(engine) as connection:
        pause_mailing(connection, troubled, "the key was refused")
    assert [one.mailing.id for one in control.pause_all(engine)] == going
    assert control.pause_all(engine) == []
    turned, left = control.resume_all(engine)
    assert [one.mailing.id for one in turned] == going
    assert [one.id for one in left] == [troubled]
    assert [now_stands(engine, one) for one in (*going, troubled, over)] == [
        "sending",
        "scheduled",
        "paused",
        "finished",
    ]


def test_pausing_all_takes_back_what_waits_at_sendgrid_too(engine):
    mailing_id = staged_mailing(engine)
    (turned,) = control.pause_all(engine)
    assert (turned.recalling, [one.job for one in turned.due]) == (True, ["recall_mailing"])
    assert now_stands(engine, mailing_id) == "recalling paused"
    assert datetime.now(UTC) < turned.mailing.send_at

"""Push suppressions: tell SendGrid's own list who opted out here, so that mail which waits there is not delivered to them.

At once while mail waits, else with the daily sync. `pushed_at` is set after SendGrid's answer and not before, so a crash
means being told twice, which changes nothing. An address SendGrid refuses is passed over and tried again another time.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from worker.domain.mailing import Queue
from worker.logs import say
from worker.providers.scheduled import Declined, Done, Unreached
from worker.providers.suppression_lists import ADD_MOST, SuppressionLists
from worker.store.engine import Connection, Engine, writing
from worker.store.pushes import Place, anything_unpushed, mail_waits, mark_pushed, unpushed
from worker.store.sync_cursors import end_turn, is_due, put_off, take_turn
from worker.usecases.due import Due

log = logging.getLogger("broadsheet.suppressions")

TASK = "push_suppressions"
LEASE = timedelta(minutes=2)
_AGAIN = timedelta(minutes=1)  # nobody was reached
_MUCH_LATER = timedelta(hours=1)  # it was declined, and will be again
_ANY_TIME = timedelta(0)


@dataclass(frozen=True, slots=True)
class Pushed:
    """How many addresses SendGrid has now, how many it refused by themselves, and what stopped the rest (or empty)."""

    pushed: int = 0
    refused: int = 0
    problem: str = ""


def push_due(connection: Connection, now: datetime) -> list[Due]:
    """The job, while mail waits at SendGrid and somebody has opted out whom it may not know."""
    if anything_unpushed(connection) and mail_waits(connection, now) and is_due(connection, TASK, now, _ANY_TIME):
        return [Due(TASK, 0, Queue.PROMPT)]
    return []


def push_suppressions(engine: Engine, lists: SuppressionLists, now: datetime) -> Pushed | None:
    """Push everything that is not known there; None where another process is at it, or the next try is put off."""
    with writing(engine) as connection:
        if not take_turn(connection, TASK, now, _ANY_TIME, LEASE):
            return None
    ended = _push_all(engine, lists, now)
    with writing(engine) as connection:
        if ended.problem or ended.refused:
            put_off(connection, TASK, now + (_MUCH_LATER if ended.refused else _AGAIN))
        else:
            end_turn(connection, TASK, now)
    if ended.pushed or ended.problem:
        level = logging.WARNING if ended.problem or ended.refused else logging.INFO
        say(log, level, "suppressions pushed", pushed=ended.pushed, refused=ended.refused, problem=ended.problem)
    return ended


def _push_all(engine: Engine, lists: SuppressionLists, now: datetime) -> Pushed:
    pushed, refused, after = 0, 0, None
    while True:
        with writing(engine) as connection:
            places: list[Place] = unpushed(connection, after, ADD_MOST)
        if not places:
            return Pushed(pushed, refused)
        after = places[-1]
        ended = _push(engine, lists, [key for _, key in places], now)
        pushed, refused = pushed + ended.pushed, refused + ended.refused
        if ended.problem:
            return Pushed(pushed, refused, ended.problem)


def _push(engine: Engine, lists: SuppressionLists, keys: Sequence[str], now: datetime) -> Pushed:
    """One call; where SendGrid takes exception to an address among them, halves, until that one stands alone."""
    answer = lists.add(keys)
    match answer:
        case Done():
            with writing(engine) as connection:
                mark_pushed(connection, keys, now)
            return Pushed(pushed=len(keys))
        case Declined(status=400):
            if len(keys) == 1:
                return Pushed(refused=1)
            middle = len(keys) // 2
            first = _push(engine, lists, keys[:middle], now)
            if first.problem:
                return first
            second = _push(engine, lists, keys[middle:], now)
            return Pushed(first.pushed + second.pushed, first.refused + second.refused, second.problem)
        case Declined(reason=reason) | Unreached(reason=reason):
            return Pushed(problem=reason)
        case _:
            assert_never(answer)

"""Lift suppressions of those who came back: first SendGrid's list lets them go, then ours does.

The other way round SendGrid would drop the next mail, and its `dropped` event would suppress them again. Until SendGrid
has answered they stay suppressed, so nothing is mailed in between. The daily sync, which reads the same lists, goes by
when they last said yes (worker/store/pushes.py).
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from worker.domain.mailing import Queue
from worker.logs import say
from worker.providers.scheduled import Done
from worker.providers.suppression_lists import SuppressionLists
from worker.store.consent import Returning, any_returning, finish_return, returning
from worker.store.engine import Connection, Engine, reading, writing
from worker.store.subscribers import by_address_key
from worker.store.sync_cursors import end_turn, is_due, put_off, take_turn
from worker.usecases.due import Due
from worker.usecases.welcome import welcome

log = logging.getLogger("broadsheet.suppressions")

TASK = "lift_suppressions"
LEASE = timedelta(minutes=2)
AT_ONCE = 100
_AGAIN = timedelta(minutes=1)
_ANY_TIME = timedelta(0)
_BY_CONFIRMING = "confirmed by the link in mail "


def confirmed_by(mailing_id: int) -> str:
    """The evidence of somebody who confirmed; after it they are welcomed."""
    return f"{_BY_CONFIRMING}{mailing_id}"


def lift_due(connection: Connection, now: datetime) -> list[Due]:
    """The job, where somebody came back."""
    if any_returning(connection) and is_due(connection, TASK, now, _ANY_TIME):
        return [Due(TASK, 0, Queue.PROMPT)]
    return []


def lift_suppressions(engine: Engine, lists: SuppressionLists, now: datetime) -> list[Due]:
    """Lift everybody's who came back; returns the welcomes to plan. What SendGrid does not take is tried again."""
    with writing(engine) as connection:
        if not take_turn(connection, TASK, now, _ANY_TIME, LEASE):
            return []
    due, problem = _lift_all(engine, lists, now)
    with writing(engine) as connection:
        if problem:
            put_off(connection, TASK, now + _AGAIN)
        else:
            end_turn(connection, TASK, now)
            due += lift_due(connection, now)  # who came back meanwhile
    return due


def _lift_all(engine: Engine, lists: SuppressionLists, now: datetime) -> tuple[list[Due], str]:
    due: list[Due] = []
    lifted, problem, after = 0, "", ""
    while True:
        with reading(engine) as connection:
            waiting = returning(connection, after, AT_ONCE)
        for one in waiting:
            answer = lists.remove(one.address_key)
            if not isinstance(answer, Done):  # the next may go well; this one stays suppressed until it does
                problem = answer.reason
                continue
            with writing(engine) as connection:
                if finish_return(connection, one):
                    lifted += 1
                    due += _welcome(connection, one, now)
        if len(waiting) < AT_ONCE:
            break
        after = waiting[-1].address_key
    if lifted or problem:
        level = logging.WARNING if problem else logging.INFO
        say(log, level, "suppressions lifted", lifted=lifted, problem=problem)
    return due, problem


def _welcome(connection: Connection, one: Returning, now: datetime) -> list[Due]:
    subscriber = by_address_key(connection, one.address_key)
    if subscriber is None or not one.evidence.startswith(_BY_CONFIRMING):
        return []
    return welcome(connection, subscriber, now)

"""Advance follow-ups: follow renamed folders, start runs, enroll whom they concern, and decide what is due.

Derived afresh from the database, the files and `now` on each tick; every part is a conditional update or a unique key, so a
crash between two of them, or another clock, changes nothing. Who may still be mailed is read by the ledger once more, at
planning and again just before each call, not here.
"""

from __future__ import annotations

from datetime import datetime

from worker.store.engine import Engine
from worker.usecases.content import Content
from worker.usecases.enroll_audiences import enroll_audiences
from worker.usecases.enroll_triggers import enroll_triggers
from worker.usecases.follow_renames import follow_renames
from worker.usecases.plan_steps import plan_steps
from worker.usecases.rederive_run import rederive_runs
from worker.usecases.start_runs import start_runs
from worker.usecases.watch_edits import watch_edits


def advance_followups(engine: Engine, content: Content, now: datetime, batch_size: int) -> list[int]:
    """Do what is due at `now`, a bounded part of it; returns the ids of the mailings this call created, often none."""
    follow_renames(engine, content)
    start_runs(engine, content, now)
    enroll_triggers(engine, content, now)
    enroll_audiences(engine, content, now)
    held = watch_edits(engine, content, now)
    rederive_runs(engine, now)
    return plan_steps(engine, content, held, now, batch_size)

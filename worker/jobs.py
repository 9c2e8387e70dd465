"""Every RQ job on one page. A job takes ids, calls one use case and enqueues what that returns after its commit.

No rule of the business lives here. Running a job twice, late, or for a mailing long finished changes nothing.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cache

from worker.config import load_settings, project_folder
from worker.context import Context
from worker.queue.hints import enqueue_hints, fresh_window
from worker.queue.stopping import deferred_stop
from worker.usecases.end_plans import end_every_due_plan
from worker.usecases.lift_suppressions import lift_suppressions as lift
from worker.usecases.plan_mailing import plan_mailing as plan
from worker.usecases.push_suppressions import push_suppressions as push
from worker.usecases.recall_mailing import free_generations as free
from worker.usecases.recall_mailing import recall_mailing as recall
from worker.usecases.refresh_mailing import refresh_mailing as refresh
from worker.usecases.stage_mailing import stage_mailing as stage
from worker.usecases.submit_batches import submit_batches as submit
from worker.usecases.sync_suppressions import sync_suppressions_daily as sync
from worker.usecases.take_signups import take_signups as take


def plan_mailing(mailing_id: int) -> None:
    """Render a mailing's editions and freeze its audience."""
    context = _context()
    end_every_due_plan(context.engine, context.publication.slot.zone)
    due = plan(context.engine, mailing_id, context.prepare, datetime.now(UTC), context.publication.late.grace)
    enqueue_hints(context.queue, due, window=fresh_window())


def submit_batches(mailing_id: int) -> None:
    """Submit a mailing's batches for a slice of time; SIGTERM lets the batch in hand be settled, and takes no more."""
    context = _context()
    with deferred_stop() as stopping:
        due = submit(context.engine, context.provider, mailing_id, context.terms, stopping)
        enqueue_hints(context.queue, due, window=fresh_window())


def refresh_mailing(mailing_id: int) -> None:
    """Render a mailing anew for what is pending, where a launch it shows has closed."""
    context = _context()
    due = refresh(context.engine, mailing_id, context.prepare)
    enqueue_hints(context.queue, due, window=fresh_window())


def stage_mailing(mailing_id: int) -> None:
    """Reserve the batch id under which a staged mailing waits at SendGrid."""
    context = _context()
    due = stage(context.engine, context.scheduler, mailing_id)
    enqueue_hints(context.queue, due, window=fresh_window())


def recall_mailing(mailing_id: int) -> None:
    """Take back what waits at SendGrid for a mailing."""
    context = _context()
    due = recall(context.engine, context.scheduler, mailing_id)
    enqueue_hints(context.queue, due, window=fresh_window())


def free_generations(_mailing_id: int) -> None:
    """Give back the cancel slots of mailings whose hour is long past."""
    context = _context()
    free(context.engine, context.scheduler)


def push_suppressions(_mailing_id: int) -> None:
    """Tell SendGrid's own list who opted out here."""
    context = _context()
    push(context.engine, context.lists, datetime.now(UTC))


def sync_suppressions(_mailing_id: int) -> None:
    """The day's look at SendGrid's suppression lists, both ways."""
    context = _context()
    sync(context.engine, context.lists, datetime.now(UTC))


def take_signups(_mailing_id: int) -> None:
    """Look who waiting sign-ups are about, and ask whoever may be asked."""
    context = _context()
    due = take(context.engine, context.signup_desk, datetime.now(UTC), context.publication.referral)
    enqueue_hints(context.queue, due, window=fresh_window())


def lift_suppressions(_mailing_id: int) -> None:
    """Take those who came back off SendGrid's list, then off ours."""
    context = _context()
    due = lift(context.engine, context.lists, datetime.now(UTC))
    enqueue_hints(context.queue, due, window=fresh_window())


def preload() -> None:
    """Importing this module has loaded the application; read the settings too, so that a wrong one is told at once."""
    _context()


@cache
def _context() -> Context:
    return Context(load_settings(project_folder()))


def _forget_connections() -> None:
    """In a forked child: drop what its parent may have opened, without closing it under the parent."""
    if _context.cache_info().currsize:
        if engine := vars(_context()).get("engine"):  # only if it was opened
            engine.dispose(close=False)
        _context.cache_clear()


os.register_at_fork(after_in_child=_forget_connections)

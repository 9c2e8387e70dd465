"""Revoke a grant: it counts from now on no more, and what was given after it moves up."""

from __future__ import annotations

from datetime import datetime

from worker.domain.plan import Grant, PlanState, lay_out
from worker.errors import BroadsheetError, UsageError
from worker.store.engine import Connection, Engine, write
from worker.store.grants import read_grants, revoke
from worker.usecases.find_subscriber import find_subscriber, hold_subscriber


def revoke_grant(engine: Engine, address: str, grant_id: int | None, zone: str, now: datetime) -> PlanState:
    """Revoke that grant, or the only one that is left; returns the plan they have then.

    Raises UsageError where several are left and none is named, BroadsheetError where there is none.
    """

    def act(connection: Connection) -> PlanState:
        found = hold_subscriber(connection, address)
        chosen = _chosen(read_grants(connection, found.id), grant_id, zone, now)
        revoke(connection, found.id, chosen.id, zone, now)
        after = find_subscriber(connection, address)
        return PlanState(after.plan, after.plan_source, after.plan_ends_at)

    return write(engine, act)


def _chosen(grants: list[Grant], grant_id: int | None, zone: str, now: datetime) -> Grant:
    left = _left(grants, zone, now)
    if grant_id is not None:
        named = [one for one in grants if one.id == grant_id]
        if not named:
            raise BroadsheetError(f"they were given nothing with the number {grant_id}", fix=_shown(left))
        if named[0] not in left:
            raise BroadsheetError(f"grant {grant_id} has ended or was revoked before", fix=_shown(left))
        return named[0]
    if not left:
        raise BroadsheetError(
            "they have no grant that could be revoked", fix="`broadsheet subscribers plans` shows all"
        )
    if len(left) > 1:
        raise UsageError("they have several grants", fix=_shown(left))
    return left[0]


def _left(grants: list[Grant], zone: str, now: datetime) -> list[Grant]:
    """Those that run, or have yet to."""
    ends = {span.grant_id: span.ends_at for span in lay_out(grants, zone)}
    unrevoked = [one for one in grants if one.revoked_at is None]
    return [one for one in unrevoked if one.id not in ends or (ends[one.id] or now) >= now]


def _shown(left: list[Grant]) -> str:
    if not left:
        return "`broadsheet subscribers plans` shows all"
    names = ", ".join(f"{one.id} ({one.source or 'import'})" for one in left)
    return f"name one with --grant: {names}"

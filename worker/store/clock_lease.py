"""Which clock ticks: a lease on the installation's one row, on the database's clock. The others stand by.

Two clocks at once would be harmless, since every action of a tick is a conditional update; the lease saves the work.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import or_, select, update

from worker.store.engine import Connection, Engine, writing
from worker.store.instants import DatabaseNow
from worker.store.tables import installation


def hold_clock(engine: Engine, holder: str, seconds: float) -> bool:
    """Take or renew the lease for `seconds`; False while another holder's has not run out."""
    free = or_(
        installation.c.clock_holder.is_(None),
        installation.c.clock_holder == holder,
        installation.c.clock_lease_until <= DatabaseNow(),
    )
    take = update(installation).where(free)
    lease = {"clock_holder": holder, "clock_lease_until": DatabaseNow(round(seconds * 1000))}
    with writing(engine) as connection:
        return connection.execute(take.values(lease)).rowcount == 1


def release_clock(engine: Engine, holder: str) -> None:
    """Give the lease back, so that another clock takes over at once; nothing where it is no longer ours."""
    with writing(engine) as connection:
        connection.execute(
            update(installation)
            .where(installation.c.clock_holder == holder)
            .values(clock_holder=None, clock_lease_until=None)
        )


def note_tick(engine: Engine) -> None:
    """Write down that a tick has just ended."""
    with writing(engine) as connection:
        connection.execute(update(installation).values(ticked_at=DatabaseNow()))


def since_last_tick(connection: Connection) -> timedelta | None:
    """How long ago the last tick ended, on the database's clock; None before the first one."""
    row = connection.execute(select(installation.c.ticked_at, DatabaseNow())).one()
    return None if row[0] is None else row[1] - row[0]

"""Re-derive the hours of scheduled mailings from wall time and zone: the wall time wins. The clock asks at each tick.

It changes something where the zone database was updated meanwhile, and where the first reader of a mailing at local hours
now lives elsewhere. Repeating it changes nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from worker.domain.calendar import instant, zone_exists
from worker.domain.publication import Publication
from worker.errors import BroadsheetError
from worker.store.engine import Connection, Engine, reading, writing
from worker.store.ledger.hours import ScheduledHour, hours_ahead, move_hour
from worker.store.ledger.local_hours import count_hours
from worker.store.segments import audience_rule
from worker.store.sync_cursors import end_turn, is_due, take_turn

#: To find the first reader's zone every reader is looked at, so not at each tick. Zones differ by quarters of an hour.
LOCAL_EVERY = timedelta(minutes=15)
_LOCAL = "local hours"


def rederive_hours(engine: Engine, publication: Publication, now: datetime) -> list[int]:
    """The ids of mailings whose instant changed."""
    with reading(engine) as connection:  # nearly every tick ends here, without a lock
        ahead = hours_ahead(connection, now)
        look_at_readers = any(one.local_hour for one in ahead) and is_due(connection, _LOCAL, now, LOCAL_EVERY)
        meant = {
            one: at
            for one in ahead
            if not one.local_hour or look_at_readers
            if (at := _meant(connection, one, publication)) != one.send_at
        }
    if not meant and not look_at_readers:
        return []
    with writing(engine) as connection:
        if look_at_readers and take_turn(connection, _LOCAL, now, LOCAL_EVERY, timedelta(0)):
            end_turn(connection, _LOCAL, now)
        return [one.mailing_id for one, at in meant.items() if move_hour(connection, one, at)]


def _meant(connection: Connection, one: ScheduledHour, publication: Publication) -> datetime:
    """The instant its wall time means now; the one it has where nobody can tell any more."""
    if not zone_exists(one.zone):
        return one.send_at
    if not one.local_hour:
        return instant(one.wall, one.zone)
    try:
        rule = audience_rule(one.segment, publication)
    except BroadsheetError:  # planning will say so
        return one.send_at
    return max(one.earliest, min(count_hours(connection, rule, one.wall, one.zone), default=one.send_at))

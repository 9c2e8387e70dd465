"""Python loads this at its start where this folder is on PYTHONPATH: a host whose clock is wrong by SHIFT_CLOCK_SECONDS.

What asks Python for the time gets the wrong one: `time.time`, `datetime.now`. What asks the system by itself does not.
"""

import datetime
import os
import time

_seconds = float(os.environ.get("SHIFT_CLOCK_SECONDS", "0"))
_time, _time_ns, _real = time.time, time.time_ns, datetime.datetime


class _AnyDatetime(type):
    """Those that C code makes are instances too."""

    def __instancecheck__(cls, one):
        return isinstance(one, _real)

    def __subclasscheck__(cls, one):
        return issubclass(one, _real)


class Shifted(_real, metaclass=_AnyDatetime):
    """datetime.datetime, by the wrong clock."""

    __slots__ = ()  # C code asks for the size of the real one

    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls):
        return cls.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls):
        return cls.now()


if _seconds:
    time.time = lambda: _time() + _seconds
    time.time_ns = lambda: _time_ns() + int(_seconds * 1e9)
    datetime.datetime = Shifted

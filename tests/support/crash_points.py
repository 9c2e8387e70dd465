"""Points at which a process may be killed, frozen or told to stop: every statement, every commit, every call to the provider.

Nothing in the product knows of them: they are found through SQLAlchemy's engine events and a provider around the
provider, so new code gets new points by itself.
"""

from sqlalchemy import event


class Points:
    """Counts what is reached and, at the `at`-th point (from 1), calls `act`, which kills, freezes or stops.

    `tell` is given the point's name just before. What follows a statement precedes the next: it is no point of its own.
    """

    def __init__(self):
        self.names = []
        self.calls = 0
        self._at = None
        self._act = None
        self._tell = None

    def arm(self, at, act, tell):
        """Count from the beginning, and act at the `at`-th point."""
        self.names, self.calls = [], 0
        self._at, self._act, self._tell = at, act, tell

    def disarm(self):
        """Count from the beginning, and never act."""
        self.names, self.calls = [], 0
        self._at = None

    def reach(self, name):
        """A point is reached, by any thread."""
        self.names.append(name)
        if self._at == len(self.names):
            self._tell(f"{name} ({self.calls} in flight)" if self.calls else name)
            self._act()

    def watch(self, engine):
        """Count the engine's statements and commits."""
        event.listen(engine, "before_cursor_execute", self._before)
        event.listen(engine, "commit", lambda _connection: self.reach("before the commit"))
        # A connection goes back to the pool once its transaction has ended.
        event.listen(engine, "checkin", lambda *_: self.reach("after the transaction"))

    def around(self, provider):
        """A provider that counts the moments before and after each call of `provider`."""
        return _Watched(provider, self)

    def around_scheduler(self, scheduler):
        """The same for the calls that reserve and take back."""
        return _WatchedScheduler(scheduler, self)

    def _before(self, _connection, _cursor, statement, *_):
        self.reach(f"before {_short(statement)}")


class _Watched:
    def __init__(self, provider, points):
        self._provider = provider
        self._points = points

    def submit(self, submission):
        self._points.reach("before the call")
        self._points.calls += 1
        answer = self._provider.submit(submission)
        self._points.calls -= 1
        self._points.reach(f"after the call: {type(answer).__name__}")
        return answer


class _WatchedScheduler:
    def __init__(self, scheduler, points):
        self._scheduler = scheduler
        self._points = points

    def reserve(self):
        return self._call("reserve")

    def cancel(self, batch_id):
        return self._call("cancel", batch_id)

    def read(self, batch_id):
        return self._call("read", batch_id)

    def free(self, batch_id):
        return self._call("free", batch_id)

    def _call(self, name, *given):
        self._points.reach(f"before the call to {name}")
        answer = getattr(self._scheduler, name)(*given)
        self._points.reach(f"after the call to {name}: {type(answer).__name__}")
        return answer


def _short(statement):
    return " ".join(statement.split())[:70]

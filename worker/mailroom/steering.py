"""What stands under /_mailroom/: counts, faults, the clock, what waits. For tests and people, not a part of SendGrid."""

from __future__ import annotations

import math
from typing import Any

import orjson

from worker.errors import UsageError
from worker.mailroom.events import EventPoster
from worker.mailroom.faults import error_body, json_answer, parse_faults
from worker.mailroom.scheduled import ScheduledMail
from worker.mailroom.script import Script
from worker.mailroom.signing import Signer
from worker.mailroom.tally import Tally
from worker.mailroom.turned_clock import TurnedClock
from worker.mailroom.wire import Answer


class Steering:
    """Answers by method and path (without `/_mailroom/`)."""

    def __init__(
        self,
        tally: Tally,
        script: Script,
        scheduled: ScheduledMail,
        clock: TurnedClock,
        *,
        poster: EventPoster | None,
        signer: Signer,
    ) -> None:
        self._tally = tally
        self._script = script
        self._scheduled = scheduled
        self._clock = clock
        self._poster = poster
        self._signer = signer

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """The answer; 404 for what is not there, 400 for a body that cannot be used."""
        try:
            match method, path:
                case "GET", "stats":
                    return _json(self.stats())
                case "GET", "addresses":
                    self.turn()
                    return _json(self._tally.per_address())
                case "DELETE", "stats":
                    self._tally.clear()
                    self._scheduled.clear_counts()
                    return Answer(204)
                case "GET", "duplicates":
                    self.turn()
                    return _json(sorted(self._tally.repeated_deliveries()))
                case "GET", "faults":
                    return _json(self._script.left())
                case "POST", "faults":
                    self._script.set(parse_faults(_decoded(body)))
                    return _json(self._script.left())
                case "GET", "scheduled":
                    return _json({"waiting": self._scheduled.waiting(), "statuses": self._scheduled.statuses()})
                case "GET", "clock":
                    return self._clock_answer()
                case "POST", "clock":
                    return self._set_clock(_decoded(body))
                case "GET", "public-key":
                    return Answer(200, self._signer.public_key.encode(), {"Content-Type": "text/plain"})
        except UsageError as wrong:
            return json_answer(400, error_body(str(wrong)))
        return json_answer(404, error_body("not found"))

    def stats(self) -> dict[str, Any]:
        """Counts, and what is left of the script."""
        scheduled = self._scheduled.counts()  # first: what is due goes, and is then counted
        events = self._poster.counts() if self._poster else {}
        return {**self._tally.counts(), **scheduled, "faults_left": len(self._script.left()), **events}

    def turn(self) -> None:
        """Let go what is due."""
        self._scheduled.turn()

    def turn_clock(self, now: float | None, advance: float) -> None:
        """Stop the clock at `now`, or `advance` seconds later than it is, and let go what is then due."""
        if now is not None:
            self._clock.turn(now)
        if advance:
            self._clock.advance(advance)
        self._scheduled.wake()

    def _set_clock(self, wanted: Any) -> Answer:
        """`{"now": unix}` or `{"advance": seconds}` stop it; `{"now": null}` makes it the real clock again."""
        match wanted:
            case {"now": None, **more} if not more:
                self._clock.run()
                self._scheduled.wake()
            case {"now": int() | float() as now, **more} if not more and _is_time(now):
                self.turn_clock(now, 0.0)
            case {"advance": int() | float() as seconds, **more} if not more and _is_time(seconds):
                self.turn_clock(None, seconds)
            case _:
                raise UsageError(
                    "the clock takes one of two numbers",
                    fix='send {"now": Unix seconds}, {"advance": seconds} or {"now": null}',
                )
        return self._clock_answer()

    def _clock_answer(self) -> Answer:
        return _json({"now": self._clock.now(), "stands": self._clock.stands})


def _is_time(value: float) -> bool:
    return not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _decoded(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UsageError("the body is not JSON") from None


def _json(content: Any) -> Answer:
    return json_answer(200, orjson.dumps(content))

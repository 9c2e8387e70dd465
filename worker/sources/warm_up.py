"""The warm-up of a new IP address or domain: `[warm_up]` in `content/publication.toml`."""

from __future__ import annotations

from typing import Any

from worker.domain.warm_up import PLANS, WarmUp
from worker.sources.files import Toml, day

_DAILY = "write daily = [50, 100, 200], the most messages of each day from the first on"


def read_warm_up(source: Toml) -> WarmUp | None:
    """`started`, and either `daily` or the name of a `plan`; None where there is no such table. SourceError."""
    table = source.table("warm_up")
    if not table:
        return None
    source.only(table, {"started", "daily", "plan"}, "warm_up.")
    started = day(table.get("started"))
    if started is None:
        raise source.wrong("warm_up.started", "is no date", "write started = 2026-12-01, the first day")
    if ("daily" in table) == ("plan" in table):
        raise source.wrong("warm_up", "needs either daily or plan", f'{_DAILY}; or plan = "sendgrid"')
    return WarmUp(started, _plan(source, table["plan"]) if "plan" in table else _maxima(source, table["daily"]))


def _plan(source: Toml, name: Any) -> tuple[int, ...]:
    if not isinstance(name, str) or name not in PLANS:
        raise source.wrong("warm_up.plan", f"is no plan: {name!r}", f"use one of: {', '.join(PLANS)}; or daily")
    return PLANS[name]


def _maxima(source: Toml, daily: Any) -> tuple[int, ...]:
    whole = isinstance(daily, list) and all(isinstance(one, int) and not isinstance(one, bool) for one in daily)
    if not whole or not daily or min(daily) < 1:
        raise source.wrong("warm_up.daily", "must be a list of whole numbers above 0", _DAILY)
    return tuple(daily)

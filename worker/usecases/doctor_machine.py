"""The doctor at home: settings, files, database, clock. Looks and changes nothing; what was seen of Redis is handed in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from worker.domain.diagnosis import Diagnosis, note, problem, warning, well
from worker.domain.web_address import taken_apart
from worker.errors import BroadsheetError
from worker.store.clock_lease import since_last_tick
from worker.store.engine import DatabaseError, Engine, reading
from worker.store.installation import Mark, fenced_reason
from worker.store.ledger.due import database_clock
from worker.store.schema import require_current
from worker.usecases.doctor_account import judge_clock

SECRET_CHARS = 32
LATE_TICK = timedelta(seconds=30)
LONG_BASE_URL = 60  # an unsubscribe link adds about as much again, and a URL in a header cannot be folded
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def examine_settings(
    *, secret_key: str, base_url: str, api_url: str, ops_password: str, alert_address: str, sandbox: bool
) -> Iterator[Diagnosis]:
    """What a setting allows or breaks, beyond what Settings refuse by themselves."""
    check = "settings"
    if len(secret_key) < SECRET_CHARS:
        yield problem(
            check,
            f"SECRET_KEY has {len(secret_key)} characters",
            "set 32 random ones or more: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'",
        )
    real = taken_apart(api_url).hostname not in _LOOPBACK
    if real and taken_apart(base_url).hostname in _LOOPBACK:
        yield problem(
            check,
            "BASE_URL is this machine: no reader can follow a link, or leave",
            "set it to the public https address of the web process",
        )
    if not real:
        yield note(check, "SENDGRID_API_URL is this machine: mail goes to the mailroom, not to readers")
    if len(base_url) > LONG_BASE_URL:
        yield warning(
            check, f"BASE_URL has {len(base_url)} characters", "choose a shorter one: it stands in a mail header"
        )
    if sandbox:
        yield warning(
            check, "SENDGRID_SANDBOX is on: nothing is delivered", "turn it off when mail is to reach readers"
        )
    if not ops_password:
        yield note(check, "OPS_PASSWORD is not set: /ops stays closed")
    if not alert_address:
        yield warning(check, "ALERT_ADDRESS is not set: nobody is told when a mailing stops", "set it to your address")


def examine_state(folder: Path) -> Diagnosis:
    """Whether this host can keep its mark."""
    check = "state"
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    if not os.access(place, os.W_OK | os.X_OK):
        return problem(check, f"{folder} cannot be written", "give the processes' user the right to write STATE_DIR")
    return well(check, "STATE_DIR can be written")


def examine_database(engine: Engine, mark: Mark, now: datetime) -> Iterator[Diagnosis]:
    """Schema, clocks, fence, last tick."""
    try:
        require_current(engine)
        with reading(engine) as connection:
            apart = abs((now - database_clock(connection)).total_seconds())
            fenced = fenced_reason(connection)
            behind = mark.is_ahead_of(connection)
            ago = since_last_tick(connection)
    except BroadsheetError as wrong:
        yield problem("migrations", wrong.what, wrong.fix)
        return
    except DatabaseError as trouble:
        yield problem(
            "database",
            f"it does not answer ({type(getattr(trouble, 'orig', None) or trouble).__name__})",
            "check DATABASE_URL, that the server runs, and that the folder may be written",
        )
        return
    yield well("migrations", f"the {engine.dialect.name} database has the schema of this version")
    if engine.dialect.name != "sqlite":
        yield judge_clock("clock", apart, "the database's")
    if fenced or behind:
        yield problem(
            "fence",
            fenced or "this host has seen submissions that the database does not know: it is an old copy",
            "see docs/operations.md, “A database was restored”, before anything else",
        )
    yield _tick(ago)


def _tick(ago: timedelta | None) -> Diagnosis:
    check = "clock process"
    if ago is None:
        return warning(check, "no clock has ever ticked", "start `broadsheet clock` (or `broadsheet run`)")
    if ago > LATE_TICK:
        return warning(
            check, f"the last tick was {_long(ago)} ago", "start `broadsheet clock`: nothing is found due without it"
        )
    return well(check, "it ticks")


def _long(ago: timedelta) -> str:
    minutes = ago // timedelta(minutes=1)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"


def judge_redis(
    url_set: bool, seen: str | None, *, policy: str | None = None, persistent: bool | None = None, version: str = ""
) -> Iterator[Diagnosis]:
    """What was seen of Redis: `seen` is why nothing was, or None. Nothing of ours is lost with it; hints are."""
    check = "redis"
    if seen is not None:
        yield problem(
            check,
            f"REDIS_URL does not answer ({seen})" if url_set else "REDIS_URL is not set, and no embedded Valkey runs",
            "start the server, or `broadsheet run`, which brings its own where REDIS_URL is empty",
        )
        return
    yield well(check, f"it answers (version {version})")
    if policy is None:
        yield note(check, "it does not say its maxmemory-policy", "make sure that it is noeviction")
    elif policy != "noeviction":
        yield problem(
            check,
            f"maxmemory-policy is {policy}: it may throw out jobs and workers' entries",
            "set maxmemory-policy to noeviction",
        )
    else:
        yield well(check, "nothing is evicted")
    if persistent is False:
        yield warning(
            check,
            "it keeps nothing over a restart: mail is then late by some seconds, and failed jobs are forgotten",
            "set appendonly to yes",
        )
    elif persistent:
        yield well(check, "it keeps what it has over a restart")

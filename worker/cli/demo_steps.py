"""The demo's steps, each through the same use cases and processes as a real installation's."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from worker import sources
from worker.cli.demo_hours import next_hour
from worker.cli.processes import BROADSHEET, start_processes
from worker.cli.shape import offer
from worker.clock import find_due
from worker.config import load_settings
from worker.context import Context
from worker.domain.delivery import DeliveryState
from worker.domain.mailing import MailingStatus
from worker.domain.subscriber import Plan, SubscriberStatus
from worker.embedded.supervisor import Supervisor, free_port
from worker.embedded.valkey import start_valkey
from worker.errors import BroadsheetError, ServerError
from worker.store.engine import reading, writing
from worker.store.ledger.counts import count_outcomes
from worker.store.ledger.mailings import list_mailings
from worker.store.schema import migrate
from worker.store.subscribers import NewSubscriber, add_subscriber, each_subscriber
from worker.usecases.apply_to_launch import apply_to_launch
from worker.usecases.due import Due
from worker.usecases.import_subscribers import import_subscribers
from worker.usecases.overview import overview
from worker.usecases.plan_mailing import plan_mailing
from worker.usecases.record_referral import record_referral
from worker.usecases.sample_subscribers import write_sample
from worker.usecases.schedule_broadcast import read_hour, schedule_broadcast

LATENCY_SECONDS = 0.15  # what SendGrid's API takes, about
BATCH_SIZE = 25  # so small that there is something to watch
PATIENCE_SECONDS = 600.0
TURNS = 20  # of the clock; enough for every step of the sample
START_SECONDS = 60.0  # what a process may take until it answers, on a busy machine


class Demo:
    """One demo in `folder`, with the texts of `source`. Call the steps in the order they stand here."""

    user = "ops"

    def __init__(self, source: Path, folder: Path, subscribers: int, supervisor: Supervisor) -> None:
        self.folder = folder
        self.subscribers = subscribers
        self.password = secrets.token_urlsafe(9)
        self.mailings: list[int] = []
        self.title = ""  # of the issue, once it is sent
        self._source = source
        self._supervisor = supervisor
        self._web_port, self._mailroom_port = free_port(), free_port()
        self.web_url = f"http://127.0.0.1:{self._web_port}"
        self.mailroom_url = f"http://127.0.0.1:{self._mailroom_port}"
        self._write_project()

    @cached_property
    def context(self) -> Context:
        """The demo's own project, read like any other, without what the surrounding environment says."""
        return Context(load_settings(self.folder, {}))

    def import_readers(self) -> None:
        """Make the database, invent the readers and import them."""
        migrate(self.context.engine)
        write_sample(self.folder / "subscribers.csv", self.subscribers, seed=5)
        import_subscribers(self.context.engine, self.folder / "subscribers.csv", datetime.now(UTC))

    def start(self) -> None:
        """Start every process and wait until web and mailroom answer."""
        self._settings["REDIS_URL"] = start_valkey(self._supervisor, self.folder / "var" / "valkey")
        room = ["mailroom", "--port", str(self._mailroom_port), "--latency", str(LATENCY_SECONDS)]
        room += ["--keep", str(self.folder), "--events-url", f"{self.web_url}/webhooks/sendgrid"]
        self._supervisor.start(
            "mailroom", [*BROADSHEET, *room], {"SENDGRID_API_KEY": self._settings["SENDGRID_API_KEY"]}
        )
        self._await("mailroom", lambda: bool(self._mailroom("public-key")), START_SECONDS)
        self._settings["SENDGRID_WEBHOOK_PUBLIC_KEY"] = self._mailroom("public-key").decode().strip()
        self._write_env()
        del self.context  # the settings are complete now
        start_processes(self._supervisor, {"BROADSHEET_PROJECT": str(self.folder), **self._settings}, 2)
        self._await("web", lambda: bool(_get(f"{self.web_url}/healthz")), START_SECONDS)

    def send(self) -> int:
        """Schedule the newest sample issue, and enqueue it as `broadsheet send` does."""
        context, now = self.context, datetime.now(UTC)
        issue = max(sources.list_issues(self.folder), key=lambda one: one.file)
        self.title = issue.title
        mailing_id = schedule_broadcast(
            context.engine,
            issue,
            context.publication,
            segment=issue.audience,
            hour=read_hour(None, context.publication.slot.zone, now),
            batch_size=BATCH_SIZE,
            now=now,
        )
        if mailing_id is None:
            raise BroadsheetError("the sample issue was sent before in this folder", fix="use an empty folder")
        offer(context, [Due("plan_mailing", mailing_id, overview(context.engine, mailing_id).mailing.rules.queue)])
        self.mailings.append(mailing_id)
        return mailing_id

    def await_finished(self, mailing_id: int) -> None:
        """Wait until a mailing is finished; an uncertain or paused one is not waited for."""

        def ended() -> bool:
            seen = overview(self.context.engine, mailing_id)
            stuck = seen.mailing.status is MailingStatus.PAUSED or seen.whole.by_state[DeliveryState.UNCERTAIN] > 0
            return stuck or seen.mailing.status in (MailingStatus.FINISHED, MailingStatus.CANCELLED)

        self._await(f"mailing {mailing_id}", ended)

    def refer_and_apply(self) -> None:
        """A reader brings a friend who is confirmed at once; up to three readers apply to the launch."""
        engine, now = self.context.engine, datetime.now(UTC)
        with reading(engine) as connection:
            readers = [one for one in each_subscriber(connection) if one.status is SubscriberStatus.CONFIRMED][:4]
        if not readers:
            return
        friend = NewSubscriber(
            "friend.of.a.reader@example.com", now, "Friend Of Areader", Plan.FREE, SubscriberStatus.CONFIRMED
        )
        with writing(engine) as connection:
            added, _ = add_subscriber(connection, friend)
        record_referral(engine, readers[0].referral_code, added.id, now)
        for launch_id in sources.read_launches(self.folder):
            for reader in readers[1:]:
                apply_to_launch(engine, launch_id, reader.id, now)

    def turn_clock(self) -> list[int]:
        """Tick now, and then as if it were whenever the next step is due; returns the follow-ups' mailings.

        What goes at one hour is handed over before the clock is turned on: later it would be late.
        """
        hour: datetime | None = datetime.now(UTC)
        followups: list[int] = []
        for _turn in range(TURNS):
            if hour is None:
                break
            offer(self.context, [next_ for one in find_due(self.context, hour) for next_ in self._planned(one, hour)])
            with reading(self.context.engine) as connection:
                found = [one.id for one in reversed(list_mailings(connection)) if one.id not in self.mailings]
                hour = next_hour(self.context, connection)
            for mailing_id in found:
                self.await_finished(mailing_id)
            self.mailings += found
            followups += found
        return followups

    def _planned(self, due: Due, hour: datetime) -> list[Due]:
        """Plan here what is due at the turned hour: a worker goes by the real clock, to which that hour is still to come."""
        if due.job != "plan_mailing":
            return [due]
        context = self.context
        return plan_mailing(
            context.engine, due.mailing_id, context.prepare, hour, context.publication.late.grace, at=hour
        )

    def await_events(self) -> None:
        """Wait until every accepted message's outcome has come back as a signed event, for ten seconds at most."""
        until = time.monotonic() + 10
        while time.monotonic() < until and not self._all_outcomes():
            time.sleep(0.2)

    def summary(self, seconds: float) -> dict[str, Any]:
        """What happened, by the ledger and by the mailroom's own count."""
        seen = [overview(self.context.engine, mailing_id) for mailing_id in self.mailings]
        broadcast, followups = seen[0], seen[1:]
        stats = json.loads(self._mailroom("stats"))
        states = broadcast.whole.by_state
        return {
            "audience": broadcast.whole.audience,
            "submitted": states[DeliveryState.SUBMITTED],
            "skipped": states[DeliveryState.SKIPPED],
            "refused": states[DeliveryState.REFUSED],
            "uncertain": states[DeliveryState.UNCERTAIN],
            "excluded": broadcast.excluded,
            "editions": {
                plan.value: {
                    "audience": one.audience,
                    "submitted": one.by_state[DeliveryState.SUBMITTED],
                    "skipped": one.skipped,
                    "uncertain": one.by_state[DeliveryState.UNCERTAIN],
                }
                for plan, one in broadcast.editions.items()
            },
            "followups": [
                {
                    "key": one.mailing.key,
                    "audience": one.whole.audience,
                    "submitted": one.whole.by_state[DeliveryState.SUBMITTED],
                    "skipped": one.whole.skipped,
                    "excluded": one.excluded,
                }
                for one in followups
            ],
            "requests": stats["requests"],
            "seconds": round(seconds, 1),
            "messages": stats["messages"],
            "duplicates": stats["duplicates"],
        }

    def complete(self, summary: dict[str, Any]) -> bool:
        """Whether everybody was served once: nothing uncertain, refused or doubled, and the mailroom counts the same."""
        owed = summary["audience"] - summary["skipped"] + sum(one["submitted"] for one in summary["followups"])
        return (
            summary["submitted"] == summary["audience"] - summary["skipped"]
            and all(one["submitted"] == one["audience"] - sum(one["skipped"].values()) for one in summary["followups"])
            and summary["messages"] == owed
            and not (summary["duplicates"] or summary["uncertain"] or summary["refused"])
        )

    def _write_project(self) -> None:
        for part in ("content", "emails"):
            shutil.copytree(self._source / part, self.folder / part)
        _move_launches(self.folder / "content" / "launches", datetime.now(UTC))
        self._settings = {
            "DATABASE_URL": "sqlite:///broadsheet.db",
            "BASE_URL": self.web_url,
            "WEB_PORT": str(self._web_port),
            "SECRET_KEY": secrets.token_urlsafe(32),
            "SENDGRID_API_KEY": f"SG.demo-{secrets.token_urlsafe(12)}",
            "SENDGRID_API_URL": self.mailroom_url,
            "OPS_USERNAME": self.user,
            "OPS_PASSWORD": self.password,
            "BATCH_SIZE": str(BATCH_SIZE),
            "BULK_WORKERS": "2",
            "TICK_SECONDS": "1",
            "LEASE_SECONDS": "20",
            "CALL_DEADLINE_SECONDS": "10",
        }
        self._write_env()

    def _write_env(self) -> None:
        path = self.folder / ".env"
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}={value}\n" for name, value in self._settings.items()))

    def _all_outcomes(self) -> bool:
        stats = json.loads(self._mailroom("stats"))
        return bool(stats["messages"] <= self._outcomes())

    def _outcomes(self) -> int:
        with reading(self.context.engine) as connection:
            return sum(count_outcomes(connection, mailing_id) for mailing_id in self.mailings)

    def _mailroom(self, what: str) -> bytes:
        return _get(f"{self.mailroom_url}/_mailroom/{what}")

    def _await(self, what: str, reached: Callable[[], bool], patience: float = PATIENCE_SECONDS) -> None:
        until = time.monotonic() + patience
        while not reached():
            if time.monotonic() > until:
                tail = self._supervisor.tail(what) if what in ("web", "mailroom") else ""
                raise ServerError(
                    f"{what} did not get there in {patience:.0f} s\n{tail}".rstrip(),
                    fix=f"look into {self.folder / 'logs'}; --keep DIR keeps them",
                )
            ended = self._supervisor.wait(0.2)
            if self._supervisor.asked:  # Ctrl-C came while it waited
                raise KeyboardInterrupt
            if ended:
                raise ServerError(
                    f"{ended} ended by itself:\n{self._supervisor.tail(ended)}",
                    fix="start the demo again: it takes free ports each time",
                )


def _move_launches(folder: Path, now: datetime) -> None:
    """Let each launch of the copied sample be open now, whenever the demo is run: opened a week ago, closes in 25 days."""
    days = {"opens": (now - timedelta(days=7)).date(), "closes": (now + timedelta(days=25)).date()}
    for path in folder.glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        for key, day in days.items():
            text = re.sub(rf"(?m)^{key} = \d{{4}}-\d\d-\d\d", f"{key} = {day}", text)
        path.write_text(text, encoding="utf-8")


def _get(url: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as answer:
            body: bytes = answer.read()
            return body
    except OSError:
        return b""

"""A whole broadcast: from planning to the last accepted batch with two bulk workers; and from `send` to the first.

`BENCH_READERS` (default 1,000,000) is the length of the long list. The yardstick is the same work for 10,000 readers: a
ledger that scans what it has done already gets slower with every batch.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.memory import own_peak
from benchmarks.setting import PROJECT, add_readers, context_for, database, mailroom, plan_broadcast
from worker.context import Context
from worker.domain.edition import Edition
from worker.domain.mailing import MailingKind
from worker.domain.segment import EVERYONE
from worker.domain.subscriber import Plan
from worker.embedded.supervisor import Supervisor
from worker.embedded.valkey import start_valkey
from worker.store.engine import Engine, open_engine, snapshot, writing
from worker.store.ledger.mailings import NewAddressee, NewMailing, create_mailing, get_mailing
from worker.store.ledger.plan import begin_planning, freeze_audience
from worker.usecases.submit_batches import submit_batches

SMALL = 10_000
LARGE = int(os.environ.get("BENCH_READERS", "1000000"))
WORKERS = 2
ROUNDS = 3
FIRST_READERS = 5_000


def main() -> None:
    """Print seconds, microseconds a recipient, and the workers' peak memory."""
    for kind in ("sqlite", "postgresql"):
        cost = {}
        for readers in (SMALL, LARGE):
            with database(kind) as engine, mailroom() as url, tempfile.TemporaryDirectory() as folder:
                add_readers(engine, readers)
                context = context_for(engine, url, Path(folder))
                rounds = [
                    whole(context, url, folder, f"{kind}:{number}")
                    for number in range(ROUNDS if readers == SMALL else 1)
                ]
            planning, submitting, peak = (statistics.median(column) for column in zip(*rounds, strict=True))
            cost[readers] = submitting / readers
            print(
                f"  {kind:10} {readers:9,} readers  planned in {planning:6.2f} s, handed over in {submitting:6.2f} s"
                f" by {WORKERS} workers ({readers / (planning + submitting):7,.0f}/s in all, peak {peak:.0f} MiB a worker)"
            )
        print(f"  {kind:10} cost of handing over one recipient, long list to short: {cost[LARGE] / cost[SMALL]:.2f}")
    first()


def whole(context: Context, url: str, folder: str, key: str) -> tuple[float, float, float]:
    """Plan and submit one broadcast; seconds of both, and the larger peak of the workers in MiB."""
    warming = [plan_for_one(context, f"{key}:warming:{number}") for number in range(WORKERS)]
    began = time.perf_counter()
    mailing_id = plan_broadcast(context, key)
    planned = time.perf_counter()
    argv = [sys.executable, "-m", "benchmarks.broadcast", database_url(context.engine), url, folder, str(mailing_id)]
    workers = [
        subprocess.Popen([*argv, str(own)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for own in warming
    ]
    for one in workers:
        assert one.stdout is not None
        one.stdout.readline()  # it has loaded everything
    for one in workers:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    answers = [one.communicate()[0].split() for one in workers]
    assert all(one.returncode == 0 for one in workers)
    return planned - began, max(float(spent) for spent, _ in answers), max(float(peak) for _, peak in answers)


def submit(database_url: str, mailroom_url: str, folder: str, mailing_id: str, warming: str) -> None:
    """Be one of the workers: submit one mail, wait for the word, submit all there is; print seconds and the peak."""
    context = context_for(open_engine(database_url), mailroom_url, Path(folder))
    terms, provider = replace(context.terms, slice_seconds=1e9), context.provider
    submit_batches(context.engine, provider, int(warming), terms)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    submit_batches(context.engine, provider, int(mailing_id), terms)
    print(time.perf_counter() - began, own_peak())


def plan_for_one(context: Context, key: str) -> int:
    """A broadcast to the first reader alone."""
    now = datetime.now(UTC)
    only = [NewAddressee(1, Plan.PAID)]
    new = NewMailing(key, MailingKind.BROADCAST, "issue:one", now, "2026-11-23T07:00", "UTC", 1, addressees=only)
    with writing(context.engine) as connection:
        mailing_id = create_mailing(connection, new, now)
        assert mailing_id is not None
        begin_planning(connection, mailing_id)
        mailing = get_mailing(connection, mailing_id)
    assert mailing is not None
    edition = Edition(Plan.PAID, "One", "Preview", "<p>Hi</p>", "Hi", ())
    with snapshot(context.engine) as connection:
        freeze_audience(connection, mailing, EVERYONE, {Plan.PAID: edition}, now)
    return mailing_id


def first() -> None:
    """With every process of the Procfile running: from the start of the command `send` to the first accepted batch."""
    spent = [first_accept(number) for number in range(ROUNDS)]
    print(
        f"  from `broadsheet send` to the first accepted batch, {FIRST_READERS:,} readers, the command's own start"
        f" included: {statistics.median(spent):.2f} s"
    )


def first_accept(number: int) -> float:
    """One installation, one send."""
    from worker.cli.processes import start_processes

    with (
        mailroom() as url,
        tempfile.TemporaryDirectory(prefix="bs-first-") as name,
        Supervisor(logs=Path(name) / "logs") as supervisor,
    ):
        folder = Path(name)
        for part in ("content", "emails"):
            shutil.copytree(PROJECT / part, folder / part)
        settings = {
            "DATABASE_URL": "sqlite:///broadsheet.db",
            "REDIS_URL": start_valkey(supervisor, folder / "valkey"),
            "SECRET_KEY": "benchmarks-sign-links-with-this-key",
            "SENDGRID_API_KEY": "SG.benchmark",
            "SENDGRID_API_URL": url,
            "WEB_PORT": "0",
        }
        (folder / ".env").write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        command = [sys.executable, "-m", "worker.cli"]
        subprocess.run([*command, "migrate", "--project", name], check=True, stdout=subprocess.DEVNULL)
        engine = open_engine(f"sqlite:///{folder}/broadsheet.db")
        add_readers(engine, FIRST_READERS)
        engine.dispose()
        start_processes(supervisor, {"BROADSHEET_PROJECT": name}, WORKERS)
        wait_for_workers(settings["REDIS_URL"])
        slug = next(iter(sorted((folder / "content" / "issues").glob("*.md")))).stem
        began = time.perf_counter()
        send = subprocess.Popen(
            [*command, "send", slug, "--yes", "--project", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while not accepted(url):
            time.sleep(0.005)
        spent = time.perf_counter() - began
        assert send.wait() == 0
        return spent


def wait_for_workers(redis_url: str) -> None:
    """Until both bulk workers and the prompt one have registered."""
    import redis

    client = redis.Redis.from_url(redis_url)
    while client.scard("rq:workers") < WORKERS + 1:
        time.sleep(0.05)
    client.close()


def accepted(url: str) -> int:
    """How many requests the mailroom took."""
    with urllib.request.urlopen(f"{url}/_mailroom/stats") as answer:
        return int(json.load(answer)["requests"])


def database_url(engine: Engine) -> str:
    """With its password, which `str` would hide."""
    return engine.url.render_as_string(hide_password=False)


if __name__ == "__main__":
    submit(*sys.argv[1:])

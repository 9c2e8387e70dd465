"""Drives the crash tests: one warm process that forks, one database restored before every point, one mailroom each."""

import json
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import make_url

from tests.support.crash_bench import LEASE_SECONDS, Bench
from tests.support.crash_catalogue import EVERY, waits
from tests.support.crash_checks import check_after_recovery, check_after_thaw, check_meanwhile, in_flight
from tests.support.crash_counts import Outcome, examine
from tests.support.kept_tables import KeptTables
from tests.support.mailroom import kept_messages
from tests.support.waiting import until
from worker.domain.delivery import BatchStatus
from worker.mailroom.options import MailroomOptions
from worker.mailroom.server import Mailroom
from worker.store.engine import DatabaseError, open_engine

SOON_SECONDS = 10.0  # a call may take DEADLINE_SECONDS; what is left is for a machine with much else to do
ROOT = Path(__file__).resolve().parents[2]


class Warm:
    """The process that forks (tests/support/crash_child.py)."""

    def __enter__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.support.crash_child"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(20)

    def ask(self, do, **job):
        self._process.stdin.write(json.dumps({"do": do, **job}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the forking process is gone; its error stands above"
        return json.loads(answer)


def lose_patience(connection, _record):
    """A frozen process may hold a lock: give up soon, instead of after half a minute."""
    cursor = connection.cursor()
    sqlite = type(connection).__module__.startswith("sqlite3")
    cursor.execute("PRAGMA busy_timeout=150" if sqlite else "SET lock_timeout = '150ms'")
    cursor.close()
    if not sqlite:
        connection.commit()


def enumerate_all(names):
    """Every point."""
    return range(1, len(names) + 1)


class Stage:
    """A database with what was there before, given back unchanged before every point."""

    def __init__(self, scenario, url, folder, *, lease_seconds=LEASE_SECONDS, impatient=False):
        self.name = scenario
        self.scenario = EVERY[scenario]
        self.staged = waits(scenario)
        self._lasting = None  # the mailroom of a point whose mail waits in it
        self.url = url
        self.folder = folder
        self.lease_seconds = lease_seconds
        self.engine = open_engine(url)
        if impatient:
            event.listen(self.engine, "connect", lose_patience)
        self._sqlite = Path(make_url(url).database) if url.startswith("sqlite") else None
        self._before = folder / "before"
        self.ids = {}

    def __enter__(self):
        self._build()
        self._before.mkdir(parents=True)
        shutil.copytree(self._play, self._before / "play")
        if self._sqlite:
            self.engine.dispose()
            shutil.copyfile(self._sqlite, self._before / "broadsheet.db")
        else:
            self._kept = KeptTables(self.engine)
        return self

    def __exit__(self, *_):
        self._end_lasting()
        self.engine.dispose()

    @property
    def _play(self):
        return self.folder / "play"

    def restore(self):
        """As it was before the scenario, with the mailroom's keeping and the mark outside the database."""
        self._end_lasting()
        shutil.rmtree(self._play, ignore_errors=True)
        shutil.copytree(self._before / "play", self._play)
        if not self._sqlite:
            self._kept.give_back()
            return
        self.engine.dispose()
        for suffix in ("-wal", "-shm"):
            Path(f"{self._sqlite}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(self._before / "broadsheet.db", self._sqlite)

    @contextmanager
    def room(self, *script):
        """A mailroom that goes on where the last one of this point ended; where mail waits in it, the same one."""
        if not self.staged:
            with Mailroom(MailroomOptions(keep=self._play / "mailroom")) as room:
                room.script_faults(*script)
                yield room
            return
        if self._lasting is None:
            self._lasting = Mailroom(MailroomOptions(keep=self._play / "mailroom"))
            self._lasting.start()
        self._lasting.script_faults(*script)
        yield self._lasting

    def _end_lasting(self):
        if self._lasting is not None:
            self._lasting.stop()
            self._lasting = None

    def examine(self):
        """What became of the point just tried, at its very end."""
        return examine(self.engine, kept_messages(self._play / "mailroom"))

    def bench(self, room):
        return Bench(self.engine, self.url, room.url, self._play, lease_seconds=self.lease_seconds)

    def job(self, room, **rest):
        return {
            "scenario": self.name,
            "database": self.url,
            "room": room.url,
            "folder": str(self._play),
            "ids": self.ids,
            "lease_seconds": self.lease_seconds,
            **rest,
        }

    def _build(self):
        shutil.rmtree(self._play, ignore_errors=True)
        with self.room(*self.scenario.before) as room:  # where it lasts, nothing of it may be used here
            self.ids = json.loads(json.dumps(self.scenario.prepare(self.bench(room))))


def kill_at_points(warm, stage, choose=enumerate_all):
    """Count the scenario's points, die at each of those chosen in turn, and recover; what failed is in the outcome."""
    return _at_points("killed", warm, stage, choose, die_at)


def freeze_at_points(warm, stage, choose):
    """The same with SIGSTOP: the others go on meanwhile, and then it is thawed."""
    return _at_points("frozen past the lease, and thawed", warm, stage, choose, freeze_at)


def stop_at_points(warm, stage, choose=enumerate_all, *, queue=""):
    """The same with SIGTERM to the process, or, given the URL of an empty `queue`, to an RQ worker and its job at once."""
    baseline = _uninterrupted(warm, stage)

    def stop(warm, stage, at):
        stop_at(warm, stage, at, baseline, queue)

    group = "told to stop, the RQ worker and its job at once" if queue else "told to stop, the one process"
    return _at_points(group, warm, stage, choose, stop)


def _uninterrupted(warm, stage):
    """How many deliveries are uncertain at the end where nothing interrupts: some scenarios lose answers."""
    stage.restore()
    with stage.room(*stage.scenario.faults) as room:
        warm.ask("count", **stage.job(room))
    with stage.room() as room:
        stage.scenario.again(stage.bench(room), stage.ids)
    return stage.examine().uncertain


def _at_points(group, warm, stage, choose, interrupt):
    outcome = Outcome(f"{group}, staged" if stage.staged else group, stage.name, stage.engine.dialect.name)
    began = time.monotonic()
    stage.restore()
    with stage.room(*stage.scenario.faults) as room:
        names = warm.ask("count", **stage.job(room))["points"]
    for at in choose(names):
        try:
            interrupt(warm, stage, at)
        except Exception as wrong:
            found = f"{type(wrong).__name__}: {wrong}"
            outcome.failures.append(f"{group} {at} of {len(names)} ({names[at - 1]}): {found}")
        verdict = stage.examine()
        if stage.staged and verdict.uncertain:
            outcome.failures.append(
                f"{group} {at} of {len(names)} ({names[at - 1]}): {verdict.uncertain} are uncertain"
            )
        outcome.count(verdict)
    outcome.seconds = time.monotonic() - began
    return outcome


def die_at(warm, stage, at):
    """One point: die, look, recover, look again."""
    stage.restore()
    with stage.room(*stage.scenario.faults) as room:
        ended = warm.ask("run", at=at, signal="SIGKILL", **stage.job(room))
    # With two threads the order of points varies a little, and so may the number of them.
    assert ended["how"] in ("killed", "exit 0"), ended
    with stage.room() as room:
        bench = stage.bench(room)
        check_meanwhile(bench)
        stage.scenario.again(bench, stage.ids)
    check_after_recovery(bench, stage.ids)


def freeze_at(warm, stage, at):
    """One point: freeze past the lease, let the others sweep and go on, thaw."""
    stage.restore()
    before_it = in_flight(stage.engine)
    with stage.room(*stage.scenario.faults) as room:
        bench = stage.bench(room)
        frozen = warm.ask("run", at=at, signal="SIGSTOP", **stage.job(room))
        since = time.monotonic()
        if frozen["how"] == "frozen":
            # A batch that is started may be with a thread that makes its call just now, wherever the other one was frozen.
            calling = "call" in frozen["at"] or in_flight(stage.engine, [BatchStatus.SUBMITTING]) - before_it
            try:
                went_on = _go_on(stage, bench, since)
                before = room.stats()["requests"]
            finally:
                thawed = warm.ask("thaw", pid=frozen["pid"])
            assert thawed["how"] == "exit 0", thawed
            if went_on and not calling:
                assert room.stats()["requests"] == before, "it submitted after it was swept"
            check_after_thaw(bench)
        stage.scenario.again(bench, stage.ids)
    check_after_recovery(bench, stage.ids)


def stop_at(warm, stage, at, baseline, queue):
    """One point: it ends by itself and soon, gives back what it had claimed, and leaves nothing uncertain."""
    stage.restore()
    before = in_flight(stage.engine)
    with stage.room(*stage.scenario.faults) as room:
        ended = warm.ask("run", at=at, signal="SIGTERM", queue=queue, **stage.job(room))
    assert ended["how"] == "exit 0", ended
    assert ended["seconds"] < SOON_SECONDS, f"it took {ended['seconds']:.1f} s to end"
    left = in_flight(stage.engine) - before
    assert left == set(), f"batches {left} were neither settled nor given back"
    with stage.room() as room:
        bench = stage.bench(room)
        check_meanwhile(bench)
        stage.scenario.again(bench, stage.ids)
    found = stage.examine().uncertain
    assert found <= baseline, f"{found} deliveries are uncertain, {baseline} where nothing is interrupted"
    check_after_recovery(bench, stage.ids)


def _go_on(stage, bench, since):
    """What the others do meanwhile; False where the frozen one holds the database's lock, and all must wait for it."""
    until(lambda: time.monotonic() > since + stage.lease_seconds, what="the end of the lease")
    try:
        stage.scenario.again(bench, stage.ids)
    except DatabaseError:
        return False
    return True

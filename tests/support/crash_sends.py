"""Sends of 5,000 under random kills: real RQ workers, horses and clocks, killed by their pid and started again.

`python -m tests.support.crash_sends --sends 200` (or `make crash-sends`). Half of the sends run on SQLite, half on PostgreSQL, side by
side. After each the mailroom's own counts are held against the ledger: each address accepted at most once, and every
address it did not accept listed by name. Which process dies when is drawn from the send's seed, printed on its line.
"""

import argparse
import json
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.crash_counts import Outcome, judge, table
from tests.support.crash_ground import READERS, Ground, open_ground
from tests.support.crash_options import add_options
from tests.support.crash_zygote import Zygote, children, kill_and_wait
from worker.domain.delivery import BatchStatus
from worker.domain.mailing import MailingStatus
from worker.store.engine import reading
from worker.store.ledger.candidates import stream_candidates
from worker.store.ledger.counts import broken_promises

GROUP = "sends of 5,000 under random kills"
PATIENCE_SECONDS = 60.0
OPEN = {BatchStatus.PENDING, BatchStatus.CLAIMED, BatchStatus.SUBMITTING}
STAGED_TARGETS = ("prompt",)
TARGETS = ("horse", "horse", "worker", "worker and horse", "worker and horse", "clock")
STAGED_SHARE = 4  # one staged send for so many others, unless said otherwise
ROOT = Path(__file__).resolve().parents[2]


class Send:
    """One send: the mailing, the processes that work on it, and the kills drawn for it.

    `staged`: its mail waits in the mailroom for an hour that strikes once everything is handed over.
    """

    def __init__(self, ground: Ground, zygote: Zygote, seed: str, staged: bool = False):
        self.ground = ground
        self.hour = _soon() if staged else None
        self.zygote = zygote
        self.random = random.Random(seed)
        self.bulks = []
        self.clock = 0
        self.kills = 0
        self._offered = 0.0

    def play(self):
        """Send, kill, start again, until nothing may go; the verdict."""
        self.ground.renew()
        self.clock = self.start("clock")
        self.bulks = [self.start("bulk"), self.start("bulk")]
        if self.hour:
            self.prompt = self.start("prompt")
        mailing = self.ground.schedule(self.hour)
        for at, delay, target in self._draw():
            if not self._goes_on_until(mailing, lambda at=at: self.ground.room.stats()["requests"] >= at):
                break
            time.sleep(delay)
            self._kill(target)
        self._goes_on_until(mailing, lambda: False)
        self.zygote.end_all()
        if self.hour:
            self.ground.strike(self.hour)
        return self._verdict(mailing)

    def _draw(self):
        """A few kills: after which request, how long after it, and whom. Request 0 is while it is being planned."""
        number = self.random.randint(2, 5)
        moments = sorted(self.random.randint(0, self.ground.batches - 1) for _ in range(number))
        targets = (*TARGETS, *STAGED_TARGETS) if self.hour else TARGETS
        return [(at, self.random.uniform(0, 0.06), self.random.choice(targets)) for at in moments]

    def start(self, role):
        return self.zygote.start(role, self.ground.folder, self.ground.folder / f"{role}.log")

    def _kill(self, target):
        self.kills += 1
        if target == "clock":
            self.zygote.kill(self.clock)
            self.clock = self.start("clock")
            return
        if target == "prompt":
            self.zygote.kill(self.prompt)
            self.prompt = self.start("prompt")
            return
        busy = [pid for pid in self.bulks if children(pid)] or self.bulks
        worker = self.random.choice(sorted(busy))
        horses = children(worker)
        if "worker" in target:
            self.zygote.kill(worker)
        if "horse" in target:
            for horse in horses:
                kill_and_wait(horse)
        if "worker" in target:
            self.bulks[self.bulks.index(worker)] = self.start("bulk")

    def _goes_on_until(self, mailing, condition):
        """Offer work and wait; False once nothing is left to be done, True where the condition came first."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            found, batches = self.ground.look(mailing)
            if batches and not self._open(found, batches):
                return False
            if found.status is MailingStatus.PAUSED:  # three unanswered calls in a row: a person resumes it
                self.ground.resume(mailing)
            self._offer(mailing, batches)
            assert time.monotonic() < deadline, f"still {batches} after {PATIENCE_SECONDS:g} s"
            time.sleep(0.01)
        return True

    def _open(self, found, batches):
        """Whether there is something left to do. What waits at the mailroom can be taken back: then uncertain is not an end."""
        if self.hour is None:
            return OPEN & batches.keys()
        return found.status is not MailingStatus.STAGED or batches.keys() & {*OPEN, BatchStatus.UNCERTAIN}

    def _offer(self, mailing, batches):
        """What the clock does every ten seconds, more often: whoever is idle gets a job."""
        if time.monotonic() > self._offered + 0.15 and any(not children(pid) for pid in self.bulks):
            self._offered = time.monotonic()
            self.ground.offer("submit_batches" if batches else "plan_mailing", mailing)

    def _verdict(self, mailing):
        room = self.ground.room
        accepted = Counter(int(one) for one in room.tally.deliveries())
        accepted.update(int(one) for one in room.tally.repeated_deliveries())
        verdict = judge(self.ground.engine, accepted)
        by_address = room.tally.per_address()
        with reading(self.ground.engine) as connection:
            assert broken_promises(connection) == []
            listed = {one.address.lower(): one.state for one in stream_candidates(connection, mailing)}
        assert len(listed) == READERS, f"{len(listed)} of {READERS} are listed"
        often = [address for address, times in by_address.items() if times > 1]
        missing = [address for address in listed if address not in by_address]
        listed_as = () if self.hour else ("uncertain",)
        unlisted = [address for address in missing if listed[address] not in listed_as]
        assert not often, f"{len(often)} addresses were mailed more than once"
        assert not unlisted, f"{len(unlisted)} addresses were not mailed and are not listed"
        assert not (self.hour and verdict.uncertain), (
            f"{verdict.uncertain} are uncertain, though they could be taken back"
        )
        self.missing = len(missing)
        return verdict


def _soon():
    """An hour that is far enough for mail to be staged."""
    return (datetime.now(UTC) + timedelta(minutes=90)).replace(microsecond=0)


def send_on(database, sends, staged, seed, first):
    """All sends on one database, in this process; the outcomes of those that go at once, and of those that wait."""
    outcomes = []
    with ExitStack() as stack:
        zygote = stack.enter_context(Zygote())  # before there is any thread
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bs-cs-", dir=_memory())))
        ground = stack.enter_context(open_ground(database, folder))
        for number_of, waits in ((sends, False), (staged, True)):
            outcome = Outcome(f"{GROUP}, staged" if waits else GROUP, "staged" if waits else "unstaged", database)
            began = time.monotonic()
            for number in range(first, first + number_of):
                _one(ground, zygote, f"{seed}:{database}:{number}", outcome, waits)
            outcome.seconds = time.monotonic() - began
            outcomes += [outcome] if number_of else []
    return outcomes


def _one(ground, zygote, seed, outcome, staged):
    began = time.monotonic()
    send = Send(ground, zygote, seed, staged)
    try:
        verdict = send.play()
    except AssertionError as wrong:
        zygote.end_all()
        outcome.failures.append(f"{seed}: {wrong}")
        verdict = judge(ground.engine, Counter(int(one) for one in ground.room.tally.deliveries()))
    outcome.count(verdict)
    took = time.monotonic() - began
    told = f"{seed:<24}{'staged' if staged else '':<8}{send.kills} kills {took:5.1f} s  uncertain {verdict.uncertain:>4}  not mailed {getattr(send, 'missing', '?'):>4}"
    print(
        told,
        f" duplicated {verdict.duplicated} lost {verdict.lost}",
        *outcome.failures[-1:],
        file=sys.stderr,
        flush=True,
    )


def _memory():
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def run_sends(given):
    """Half of the sends on each database, each in a process of its own; the outcomes."""
    staged = max(1, given.sends // STAGED_SHARE) if given.staged is None else given.staged
    if not given.sends and not staged:
        return []
    seed = given.seed or secrets.token_hex(3)
    told = f"{given.sends} sends of {READERS:,}, and {staged} staged ones; --seed {seed} repeats what is drawn"
    print(told, file=sys.stderr, flush=True)
    sqlite, postgresql = ((given.sends + 1) // 2, (staged + 1) // 2), (given.sends // 2, staged // 2)
    share = {"sqlite": sqlite, "postgresql": postgresql}
    running = [_start(database, *numbers, seed, given.first) for database, numbers in share.items() if any(numbers)]
    outcomes = []
    for database, started in running:
        out = started.communicate()[0]
        lines = out.splitlines()
        failed = Outcome(GROUP, "unstaged", database, failures=[f"{database}: exit {started.returncode}"])
        outcomes += [failed] if started.returncode else [Outcome(**one) for one in json.loads(lines[-1])]
    return outcomes


def _start(database, sends, staged, seed, first):
    argv = [sys.executable, "-m", __spec__.name, "--database", database, "--sends", str(sends), "--staged", str(staged)]
    argv += ["--seed", seed, "--first", str(first)]
    return database, subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def main():
    parser = argparse.ArgumentParser(prog="make crash-sends", description=__doc__)
    add_options(parser)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.sends = 200 if given.sends is None else given.sends
    if given.database:
        found = send_on(given.database, given.sends, given.staged or 0, given.seed, given.first)
        print(json.dumps([asdict(one) for one in found]))
        return
    outcomes = run_sends(given)
    print("\n" + "\n".join(table(outcomes)), flush=True)
    sys.exit(any(one.duplicated or one.lost or one.failures for one in outcomes))


if __name__ == "__main__":
    main()

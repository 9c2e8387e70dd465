"""One simulation from its first day to its last: turn the time, let things happen, tick, work, and look at the mail."""

import random
import tempfile
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.support.simulation import project
from tests.support.simulation.product import Product
from tests.support.simulation.project import BEGINS, DAYS
from tests.support.simulation.world import World, instant

ROUNDS = 40  # a clock ticks every few seconds: within one of our moments it goes on until nothing is due
_JOBS = {
    "plan_mailing",
    "refresh_mailing",
    "submit_batches",
    "take_signups",
    "lift_suppressions",
}  # the others tell SendGrid, which here would
#                                                                                  drop what must not have been handed over


@dataclass
class Ran:
    """What is left of a run for the checks: the log, the mail, when there were ticks, and what the program says."""

    world: World
    mails: list
    ticks: list
    product: Product
    seconds: float
    dead_workers: int = 0
    left_over: set = field(default_factory=set)  # moments after which more was due: the next pass goes on
    double: dict = field(default_factory=dict)


def run(database_url, seed, size, *, days=DAYS, every_minutes=60, liveliness=1.0, folder=None, progress=None):
    """Run it; returns a Ran whose `product` the caller closes. `liveliness` multiplies how much happens to people."""
    folder = folder or Path(tempfile.mkdtemp(prefix="bs-simulation-"))
    project.lay_out(folder)
    world = World(seed, size, liveliness, days)
    product = Product(database_url, folder, folder / "state", world.read, instant(BEGINS))
    world.begin(product)
    began = time.monotonic()
    chance = random.Random(f"{seed}:machines")
    ran = Ran(
        world, product.letterbox.mails, [], product, 0.0, double={"clocks": 0, "jobs": 0, "slow": 0, "stalled": 0}
    )
    step, moment = timedelta(minutes=every_minutes), world.starts
    while moment < world.ends:
        world.until(moment)
        if not _within(world.outages, moment):
            _pass(ran, chance, _within(world.stalled, moment))
        if progress and not len(ran.ticks) % 336:
            progress(f"{moment:%Y-%m-%d} {len(ran.mails):,} messages, {time.monotonic() - began:.0f} s")
        moment += step
    ran.seconds = time.monotonic() - began
    return ran


def _within(spans, moment):
    return any(begins <= moment < ends for begins, ends in spans)


def _pass(ran, chance, stalled):
    """What happens at one moment: ticks and jobs until nothing is due; now and then twice, late, or by somebody who dies."""
    product, world = ran.product, ran.world
    ran.ticks.append(product.now)
    clocks = 2 if chance.random() < 0.05 else 1
    workers = 2 if chance.random() < 0.1 else 1
    slow = chance.random() < 0.1
    dies = chance.random() < 0.05
    ran.double["clocks"] += clocks - 1
    ran.double["jobs"] += workers - 1
    for _round in range(ROUNDS):
        if ran.ticks[-1] != product.now:  # a slow worker let time pass within this moment, and the clock ticks on
            ran.ticks.append(product.now)
        due = [one for one in product.tick(clocks) if one.job in _JOBS]
        ran.left_over.discard(product.now)
        if product.leaves_some(world.held):
            ran.left_over.add(product.now)
        if stalled:
            ran.double["stalled"] += 1
            return
        if not due:
            break
        due = product.plan(due) if workers == 1 else product.plan(due + due)
        if slow and any(one.job == "submit_batches" for one in due):
            ran.double["slow"] += 1
            slow = False
            world.until(product.now + timedelta(minutes=9))
        if dies and product.die_claiming(due):
            ran.dead_workers += 1
            dies = False
        product.submit(due, workers)
        world.take_mail()
    else:
        raise AssertionError(f"something is still due at {product.now}: {due[:5]}")
    world.take_mail()

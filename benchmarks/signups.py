"""Whether the time of an answer to a sign-up tells who is subscribed: by kind of address, against the real web process.

The kinds take turns in random order. Yardstick: strangers against strangers, their answers split in two at random. A kind
whose median differs from theirs by more than their halves differ from each other could be told apart by waiting.
"""

from __future__ import annotations

import http.client
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.setting import PROJECT
from worker.domain.subscriber import SubscriberStatus
from worker.domain.suppression import Suppression, SuppressionReason
from worker.embedded.supervisor import free_port
from worker.store.engine import Engine, open_engine, writing
from worker.store.schema import migrate
from worker.store.subscribers import NewSubscriber, add_subscribers
from worker.store.suppressions import suppress

KINDS = ("a stranger", "the same again", "a reader", "pending", "left", "complained")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "1000"))
HALVINGS = 1_000


def main() -> None:
    """Print each kind's median, how far it lies from the strangers', and how far strangers lie from strangers."""
    with tempfile.TemporaryDirectory(prefix="bs-bench-") as name:
        folder, port = Path(name), free_port()
        engine = open_engine(f"sqlite:///{folder}/bench.db")
        migrate(engine)
        add_people(engine)
        engine.dispose()
        times = ask_all(folder, port)
    strangers = times["a stranger"]
    noise = sorted(abs(_halved(strangers)) for _ in range(HALVINGS))[int(HALVINGS * 0.95)]
    print(
        f"signing up, {ROUNDS:,} answers for each kind; strangers in two halves differ by up to {noise * 1e6:,.0f} µs (95 %)"
    )
    for kind in KINDS:
        median = statistics.median(times[kind])
        apart = median - statistics.median(strangers)
        print(
            f"  {kind:16} {median * 1e6:8,.0f} µs   {apart * 1e6:+6.0f} µs   ratio to the noise {abs(apart) / noise:5.2f}"
        )


def add_people(engine: Engine) -> None:
    """One reader of each kind."""
    joined = datetime(2026, 1, 5, tzinfo=UTC)
    confirmed, pending = SubscriberStatus.CONFIRMED, SubscriberStatus.PENDING
    people = {"a reader": confirmed, "pending": pending, "left": confirmed, "complained": confirmed}
    with writing(engine) as connection:
        add_subscribers(
            connection, [NewSubscriber(_address(kind), joined, status=status) for kind, status in people.items()]
        )
        reasons = {"left": SuppressionReason.UNSUBSCRIBED, "complained": SuppressionReason.COMPLAINED}
        suppress(connection, [Suppression(_address(kind), reason, joined, "link") for kind, reason in reasons.items()])


def ask_all(folder: Path, port: int) -> dict[str, list[float]]:
    """Seconds from the first byte of a request to the last of its answer, by kind."""
    settings = {
        "DATABASE_URL": f"sqlite:///{folder}/bench.db",
        "SECRET_KEY": "benchmarks-sign-links-with-this-key",
        "SIGNUP_PER_NETWORK": "10000000",
        "SIGNUP_PER_DAY": "10000000",
        "STATE_DIR": str(folder),
    }
    command = [sys.executable, "-m", "worker.cli", "web", "--project", str(PROJECT), "--port", str(port)]
    process = subprocess.Popen(command, env=os.environ | settings, stderr=subprocess.DEVNULL)
    try:
        _await(port, process)
        times: dict[str, list[float]] = {kind: [] for kind in KINDS}
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        draw = random.Random(7)
        for number in range(ROUNDS + 20):
            for kind in draw.sample(KINDS, len(KINDS)):
                address = f"stranger{number}@example.com" if kind == "a stranger" else _address(kind)
                took = ask(connection, address)
                if number >= 20:  # the first ones open files and fill caches
                    times[kind].append(took)
        connection.close()
        return times
    finally:
        process.terminate()
        process.wait()


def ask(connection: http.client.HTTPConnection, address: str) -> float:
    """One sign-up over a connection that is kept."""
    body = urlencode({"address": address})
    began = time.perf_counter()
    connection.request("POST", "/subscribe", body, {"Content-Type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    answer.read()
    took = time.perf_counter() - began
    assert answer.status == 200
    return took


def _address(kind: str) -> str:
    return f"{kind.replace(' ', '.')}@example.com"


def _halved(times: list[float]) -> float:
    shuffled = random.sample(times, len(times))
    middle = len(shuffled) // 2
    return statistics.median(shuffled[:middle]) - statistics.median(shuffled[middle:])


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1).read()
            return
        except OSError:
            if process.poll() is not None:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    main()

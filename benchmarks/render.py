"""How long one issue takes from block tree to both finished editions, beside the MJML step alone of the reference.

Ours holds everything: gate, templates, guard, MRML, leak check, plain text, for free and paid. The yardstick is npm
`mjml` 5 in one warm Node process, given the same two MJML sources and nothing else to do. It is looked for in
BENCH_MJML_NODE_MODULES (a node_modules folder), else installed into a temporary folder; without Node it is left out.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from mjml import mjml2html

from worker import sources
from worker.domain.subscriber import Plan
from worker.render.edition import Facts, Scene, mjml_of, parse, render_edition
from worker.render.layout import Templates
from worker.render.mjml.guard import guard

PROJECT = Path(__file__).resolve().parents[1]
ROUNDS = 200

_NODE = """
const given = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const loaded = require(given.module);
const mjml = loaded.default || loaded;
(async () => {
  const times = [];
  for (let round = 0; round < given.warm + given.rounds; round++) {
    const began = process.hrtime.bigint();
    for (const source of given.sources) await mjml(source, {});
    if (round >= given.warm) times.push(Number(process.hrtime.bigint() - began) / 1e6);
  }
  times.sort((a, b) => a - b);
  console.log(JSON.stringify({ median: times[Math.floor(times.length / 2)], version: require(given.module + '/package.json').version }));
})();
"""


def main() -> None:
    """Measure, and print figures with their ratio."""
    publication, issue = sources.read_publication(PROJECT), sources.list_issues(PROJECT)[-1]
    templates = Templates(sources.read_templates(PROJECT), sources.read_theme(PROJECT))
    facts = Facts(4213, datetime(2026, 11, 23, 14, tzinfo=UTC), "http://127.0.0.1", sources.read_launches(PROJECT))
    tree = parse(issue)
    scenes = [Scene(issue, publication, facts, plan) for plan in Plan]
    made = [render_edition(tree, scene, templates) for scene in scenes]
    mjml = [guard(mjml_of(tree, scene, templates), issue.file).source for scene in scenes]

    ours = median_ms(lambda: [render_edition(tree, scene, templates) for scene in scenes])
    mrml = median_ms(lambda: [mjml2html(source, disable_comments=True, fonts={}) for source in mjml])
    sizes = " and ".join(f"{len(edition.html.encode()) / 1024:.0f} KiB" for edition in made)
    print(f"{issue.file}: editions of {sizes}, medians of {ROUNDS} rounds, both editions together")
    print(f"  block tree to finished mail   {ours:7.2f} ms   (MRML alone {mrml:.2f} ms of it)")
    print(f"  Markdown to block tree        {median_ms(lambda: parse(issue), rounds=40):7.2f} ms   (once for both)")
    if (reference := reference_ms(mjml)) is None:
        print("  npm mjml 5                    not measured: no Node, or the package could not be installed")
        return
    milliseconds, version = reference
    print(f"  npm mjml {version}, MJML step only {milliseconds:6.2f} ms   (warm process)")
    print(f"  ratio: all of ours takes {ours / milliseconds:.2f} of the reference's MJML step alone")


def median_ms(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median time of `work` in milliseconds, after a few rounds to warm up."""
    for _ in range(10):
        work()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


def reference_ms(mjml: list[str]) -> tuple[float, str] | None:
    """Median milliseconds of the reference for all sources, and its version; None where it cannot be had."""
    node = shutil.which("node")
    if node is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        modules = os.environ.get("BENCH_MJML_NODE_MODULES") or _installed(Path(folder))
        if not modules:
            return None
        asked = {"module": str(Path(modules) / "mjml"), "sources": mjml, "rounds": ROUNDS, "warm": 30}
        done = subprocess.run([node, "-e", _NODE], input=json.dumps(asked), text=True, capture_output=True, check=False)
    if done.returncode:
        print(done.stderr.strip()[-400:])
        return None
    answer = json.loads(done.stdout)
    return float(answer["median"]), str(answer["version"])


def _installed(folder: Path) -> str | None:
    npm = shutil.which("npm")
    if npm is None:
        return None
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), "mjml@5"]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=180)
    except subprocess.TimeoutExpired:
        return None
    return None if done.returncode else str(folder / "node_modules")


if __name__ == "__main__":
    main()

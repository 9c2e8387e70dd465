"""How long one issue takes from its text to both finished editions, beside the MJML step alone of the reference.

Ours holds everything: gate, templates, guard, MRML, leak check, plain text, for free and paid. The yardstick is npm
`mjml` 5 in one warm Node process, given the same two MJML sources and nothing else to do. It is looked for in
BENCH_MJML_NODE_MODULES (a node_modules folder), else where `make test-mail` installs it; without Node it is left out.
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
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from mjml import mjml2html

from tests.support.mail_tools import ToolMissing, node_tools
from worker import sources
from worker.domain.issue import Issue
from worker.domain.publication import Publication
from worker.domain.subscriber import Plan
from worker.render.edition import Facts, Scene, mjml_of, render_both
from worker.render.layout import Templates
from worker.render.markdown import parse_markdown
from worker.render.mjml.guard import guard
from worker.usecases.edition_cache import EditionCache

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


_RENDERS = """
import resource
from datetime import UTC, datetime
from pathlib import Path
from worker import sources
from worker.render.edition import Facts, render_editions
from worker.render.layout import Templates
project = Path({project!r})
publication, issue = sources.read_publication(project), sources.list_issues(project)[-1]
templates = Templates(sources.read_templates(project), sources.read_theme(project))
facts = Facts(4213, datetime(2026, 11, 23, 14, tzinfo=UTC), "http://127.0.0.1", sources.read_launches(project))
for _ in range(50):
    render_editions(issue, publication, templates, facts)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def main() -> None:
    """Measure, and print figures with their ratio."""
    publication, issue = sources.read_publication(PROJECT), sources.list_issues(PROJECT)[-1]
    templates = Templates(sources.read_templates(PROJECT), sources.read_theme(PROJECT))
    launches, media = sources.read_launches(PROJECT), sources.read_picture_sizes(PROJECT)
    facts = Facts(4213, datetime(2026, 11, 23, 14, tzinfo=UTC), "http://127.0.0.1", launches, media)
    tree = parse_markdown(issue.body, issue.file, issue.body_line)
    scenes = {plan: Scene(issue, publication, facts, plan) for plan in Plan}
    made = render_both(tree, scenes, templates)
    mjml = [guard(mjml_of(tree, scene, templates), issue.file).source for scene in scenes.values()]

    def from_source() -> None:
        fresh = parse_markdown(issue.body, issue.file, issue.body_line)
        render_both(fresh, scenes, templates)

    ours = times_ms(lambda: render_both(tree, scenes, templates))
    whole = times_ms(from_source, rounds=100)
    mrml = times_ms(lambda: [mjml2html(source, disable_comments=True, fonts={}) for source in mjml])
    sizes = " and ".join(f"{len(edition.html.encode()) / 1024:.1f} KiB" for edition in made.values())
    print(f"{issue.file}: editions of {sizes}, {ROUNDS} rounds, both editions together")
    print(f"  block tree to finished mail   {_said(ours)}   (MRML alone {_said(mrml)})")
    print(f"  source to finished mail       {_said(whole)}")
    _cached(issue, publication, templates, facts)
    print(f"  most memory                   {_memory():.0f} MiB for a process that has rendered this issue 50 times")
    if (reference := reference_ms(mjml)) is None:
        print("  npm mjml 5                    not measured: no Node, or the package could not be installed")
        return
    milliseconds, version = reference
    middle = statistics.median(ours)
    print(f"  npm mjml {version}, MJML only     median {milliseconds:6.2f} ms   (warm process)")
    print(f"  ratio: all of ours takes {middle / milliseconds:.2f} of the reference's MJML step alone, medians")


def _cached(issue: Issue, publication: Publication, templates: Templates, facts: Facts) -> None:
    """What an unchanged text costs: in the process that rendered it, and in another that finds it on disk."""
    with tempfile.TemporaryDirectory() as folder:
        cache = EditionCache(Path(folder), lambda: "bench")
        cache.render(issue, publication, templates, facts)
        memory = times_ms(lambda: cache.render(issue, publication, templates, facts))
        disk = times_ms(
            lambda: EditionCache(Path(folder), lambda: "bench").render(issue, publication, templates, facts)
        )
    print(f"  unchanged, from memory        {_said(memory)}")
    print(f"  unchanged, from disk          {_said(disk)}")


def _memory() -> float:
    """The peak of a fresh process that reads the project and renders its issue, in MiB."""
    command = [sys.executable, "-c", _RENDERS.format(project=str(PROJECT))]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024


def _said(times: list[float]) -> str:
    return f"median {statistics.median(times):6.2f} ms, least {min(times):6.2f}"


def times_ms(work: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """The times of `work` in milliseconds, after a few rounds to warm up."""
    for _ in range(10):
        work()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1e3)
    return times


def reference_ms(mjml: list[str]) -> tuple[float, str] | None:
    """Median milliseconds of the reference for all sources, and its version; None where it cannot be had."""
    node = shutil.which("node")
    if node is None:
        return None
    try:
        modules = os.environ.get("BENCH_MJML_NODE_MODULES") or str(node_tools())
    except ToolMissing:
        return None
    asked = {"module": str(Path(modules) / "mjml"), "sources": mjml, "rounds": ROUNDS, "warm": 30}
    done = subprocess.run([node, "-e", _NODE], input=json.dumps(asked), text=True, capture_output=True, check=False)
    if done.returncode:
        print(done.stderr.strip()[-400:])
        return None
    answer = json.loads(done.stdout)
    return float(answer["median"]), str(answer["version"])


if __name__ == "__main__":
    main()

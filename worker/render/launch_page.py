"""A launch's report as one page that needs nothing but itself: no script, no picture, nothing fetched. Text in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape

from worker.domain.launch import Launch
from worker.domain.launch_report import LaunchReport, People, Told
from worker.render.charts import Nested, day_columns, nested_bars

PARTS = ("announced", "clicked", "applied")
_HOW = {"applied": "by the button", "bought": "told by the shop", "csv": "from a file", "tag": "by a tag"}


def launch_page(launch: Launch, report: LaunchReport, made_at: datetime, name: str) -> str:
    """The whole page; `made_at` is a wall time in the launch's zone, `name` the publication's."""
    people = report.people
    numbers = (people.announced, _clicks(report, people.clicked), people.applied, _rate(people))
    tiles = "".join(map(_tile, (*PARTS, "of 100 told applied"), numbers))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(launch.name)} · {escape(name)}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,"><style>{_STYLE}</style></head><body><main>
<p class="quiet">{escape(name)}</p>
<h1>{escape(launch.name)}</h1>
<p class="quiet">Opens {_wall(launch.opens)}, closes {_wall(launch.closes)} ({escape(launch.zone)}). As of {_wall(made_at)}.</p>
<ul class="tiles">{tiles}</ul>
<section><h2>Mail by mail</h2>{_mails(report)}</section>
<section><h2>Applications by day</h2>{_days(launch, report, made_at)}</section>
<section><h2>Readers</h2>{_readers(report)}</section>
<section><h2>How they converted</h2>{_how(report)}</section>
<section class="quiet"><h2>What is counted</h2>
<p>Announced: readers to whom a mail of this launch was handed over, a step of its own or a letter with its card. Clicked: readers
for whom a click was reported, if clicks are counted; programs that follow every link are among them. The reader's own apply
link never is, so applied is no part of clicked. Applied: readers who pressed the button, bought, stand in a file, or have the
tag. In the table of mails they count with the last mail they had before; plans there are those the mail went to, elsewhere
those of now. Segments overlap.</p></section>
</main></body></html>
"""


def _tile(label: str, value: object) -> str:
    said = _shown(value)
    return f"<li><strong>{said}</strong> <span>{escape(label)}</span></li>"


def _clicks(report: LaunchReport, number: int) -> int | None:
    return number if report.counts_clicks else None


def _rate(people: People) -> str:
    return f"{100 * people.applied / people.announced:.1f}" if people.announced else "–"


def _mails(report: LaunchReport) -> str:
    rows = report.rows
    if not rows:
        return "<p>No mail of this launch has been planned yet.</p>"
    bars = [
        Nested(f"{_short(row.name)}, {row.plan}", (row.announced, _clicks(report, row.clicked), row.applied))
        for row in rows
    ]
    chart = nested_bars(
        bars, PARTS, "Announced, clicked and applied, for each mail and plan; the table below has the numbers"
    )
    legend = "".join(f'<li><i class="part-{number}"></i>{part}</li>' for number, part in enumerate(PARTS))
    body = [_mail(row, _clicks(report, row.clicked)) for row in rows]
    head = [
        "mail",
        "what",
        "plan",
        "owed",
        "announced",
        "skipped",
        "not sent",
        "uncertain",
        "waiting",
        "clicked",
        "applied",
    ]
    return f'<ul class="legend">{legend}</ul>{_framed("Each mail as a chart", chart)}{_table("Each mail", head, body, texts=3)}'


def _short(name: str) -> str:
    return name if len(name) <= 20 else name[:19] + "…"


def _mail(row: Told, clicked: int | None) -> list[object]:
    what = "letter" if row.kind == "card" else "step"
    gone = (row.owed, row.announced, row.skipped, row.refused + row.cancelled, row.uncertain, row.waiting)
    return [row.name, what, row.plan.value, *gone, clicked, row.applied]


def _days(launch: Launch, report: LaunchReport, made_at: datetime) -> str:
    if not report.days:
        return "<p>Nobody has applied on a day that is known.</p>"
    first = min(launch.opens.date(), report.days[0][0])
    last = max(min(launch.closes.date(), made_at.date()), report.days[-1][0], first)
    total = sum(number for _, number in report.days)
    chart = day_columns(report.days, first, last, f"{total:,} applications by day, from {first} to {last}")
    each = _table("Each day", ["day", "applied"], [[day.isoformat(), number] for day, number in report.days])
    return f"{_framed('Each day as a chart', chart)}<details><summary>The numbers</summary>{each}</details>"


def _framed(label: str, chart: str) -> str:
    """On a phone a chart is as wide as it can be read, and is moved sideways."""
    return f'<div class="chart" tabindex="0" role="region" aria-label="{escape(label)}">{chart}</div>'


def _readers(report: LaunchReport) -> str:
    groups: dict[str, People] = {"everybody": report.people}
    groups |= {f"{plan.value} now": people for plan, people in report.by_plan.items()}
    groups |= {f"segment {name}": people for name, people in report.by_segment.items()}
    body = [
        [name, one.announced, _clicks(report, one.clicked), one.applied, _rate(one)] for name, one in groups.items()
    ]
    table = _table("Readers, each once", ["readers", *PARTS, "per 100 told"], body)
    return table + f"<p>{report.muted:,} want to hear no more of this launch. {_excluded(report.excluded)}</p>"


def _excluded(excluded: Mapping[str, Mapping[str, int]]) -> str:
    parts = [
        f"{escape(step)}: " + ", ".join(f"{escape(reason)} {number:,}" for reason, number in sorted(reasons.items()))
        for step, reasons in sorted(excluded.items())
    ]
    return f"Left out at planning: {'; '.join(parts)}." if parts else ""


def _how(report: LaunchReport) -> str:
    body: list[list[object]] = [[_HOW.get(how, how), number] for how, number in sorted(report.how.items())]
    body.append(["together", report.people.applied])
    return _table("Applied", ["how", "readers"], body) + (
        f"<p>{report.unprompted:,} of them before any mail of this launch reached them.</p>"
        if report.unprompted
        else ""
    )


def _table(caption: str, head: Sequence[str], body: Iterable[Sequence[object]], texts: int = 1) -> str:
    names = "".join(
        f'<th scope="col"{"" if place < texts else _NUMBER}>{escape(name)}</th>' for place, name in enumerate(head)
    )
    rows = "".join(
        "<tr>" + "".join(_cell(place, cell, texts) for place, cell in enumerate(row)) + "</tr>" for row in body
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{names}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(place: int, cell: object, texts: int) -> str:
    said = _shown(cell)
    if place == 0:
        return f'<th scope="row">{said}</th>'
    return f"<td{'' if place < texts else _NUMBER}>{said}</td>"


def _shown(value: object) -> str:
    """A number with its thousands set off, words escaped, and a dash for what nobody counted."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else escape(str(value))


def _wall(at: datetime) -> str:
    return f"{at.day} {at:%B %Y, %H:%M}"


_NUMBER = ' class="number"'
_STYLE = """
:root { color-scheme: light dark; --paper: #faf8f4; --card: #ffffff; --ink: #1f1d1a; --quiet: #5d574e; --line: #e2dcd1;
  --part-0: #a9c9c1; --part-1: #4f9484; --part-2: #0f3f35; }
@media (prefers-color-scheme: dark) { :root { --paper: #171614; --card: #201f1c; --ink: #f1ede5; --quiet: #b5ada0;
  --line: #3a3732; --part-0: #31564d; --part-1: #5fa796; --part-2: #d3f2e9; } }
*, *::before, *::after { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: break-word; }
main { max-width: 54rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; }
h1 { margin: 0 0 .5rem; font: bold 1.8rem/1.2 Georgia, serif; text-wrap: balance; }
h2 { margin: 0 0 .75rem; font-size: 1.15rem; }
p { margin: 0 0 .75rem; }
.quiet { color: var(--quiet); font-size: .9375rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.25rem; margin-top: 1.25rem; }
ul { list-style: none; margin: 0; padding: 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin-top: 1rem; }
.tiles li { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: .9rem 1rem; }
.tiles strong { display: block; font-size: 1.7rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--quiet); }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; font-size: .9375rem; }
.legend i { display: inline-block; width: .9rem; height: .9rem; margin-right: .4rem; border-radius: .2rem; vertical-align: -.1rem;
  border: 1px solid var(--quiet); }
.chart { overflow-x: auto; margin: .5rem 0 1rem; }
svg { display: block; width: 100%; min-width: 34rem; height: auto; }
.scroll + p { margin-top: 1rem; }
details { margin-top: 1rem; }
summary { cursor: pointer; color: var(--quiet); }
svg text { font: 13px system-ui, sans-serif; dominant-baseline: middle; fill: var(--ink); }
svg .figure { font-variant-numeric: tabular-nums; fill: var(--quiet); }
.part-0 { fill: var(--part-0); background: var(--part-0); }
.part-1 { fill: var(--part-1); background: var(--part-1); }
.part-2 { fill: var(--part-2); background: var(--part-2); }
.axis { stroke: var(--quiet); }
.grid { stroke: var(--line); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: .25rem; color: var(--quiet); }
th, td { padding: .35rem .75rem .35rem 0; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--quiet); font-weight: normal; }
tbody th { font-weight: normal; }
.number { text-align: right; }
:focus-visible { outline: 3px solid #b3541e; outline-offset: 2px; }
"""

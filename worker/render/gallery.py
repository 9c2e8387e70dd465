"""The gallery: one page that shows every block in light and in dark, as wide as a phone and as the letter. Text in, text out.

The page needs nothing but itself: mail stands in frames by `srcdoc`, pictures are `data:` addresses. Mail is taken to
be hostile: frames are sandboxed without scripts, and the page's own script, which gives each frame the height of
what it holds, is the only one its policy lets run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from worker.domain.subscriber import Plan
from worker.render.local_pictures import with_pictures
from worker.render.scheme import Scheme, forced
from worker.render.specimen import Specimen

WIDTHS = (375, 600)


@dataclass(frozen=True, slots=True)
class Room:
    """One block's place: what it is for, its specimens, or what was wrong when they were made."""

    block: str
    usage: str
    summary: str
    source: str  # the sample, as written
    specimens: tuple[Specimen, ...] = ()
    problem: str = ""


def gallery_page(
    rooms: Sequence[Room], name: str, filled: Callable[[Specimen], str], picture: Callable[[str], str]
) -> str:
    """The whole page. `filled` gives a specimen's HTML with merge values, `picture` a `data:` address for a picture's."""
    parts = [_room(room, filled, picture) for room in rooms]
    index = "".join(f'<a href="#{escape(room.block)}">{escape(room.block)}</a>' for room in rooms)
    digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Blocks of {escape(name)}</title>
<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>{_STYLE}</style></head><body>
<header><h1>Blocks of {escape(name)}</h1><nav>{index}</nav></header>
<main>{"".join(parts)}</main>
<script>{_SCRIPT}</script></body></html>
"""


def _room(room: Room, filled: Callable[[Specimen], str], picture: Callable[[str], str]) -> str:
    shown = [_specimen(one, with_pictures(filled(one), picture)) for one in room.specimens]
    if room.problem:
        shown = [f'<pre class="problem">{escape(room.problem)}</pre>']
    block = escape(room.block)
    return f"""<section id="{block}"><h2><code>{escape(room.usage)}</code></h2><p>{escape(room.summary)}</p>
<details><summary>As it is written</summary><pre>{escape(room.source)}</pre></details>{"".join(shown)}</section>
"""


def _specimen(one: Specimen, html: str) -> str:
    who = "" if len(one.plans) == len(Plan) else f"<h3>For {one.plans[0]} readers</h3>"
    frames = "".join(
        f'<figure class="{scheme}"><iframe sandbox="allow-same-origin" loading="lazy" width="{width}" height="400" '
        f'title="{escape(one.name)}, {scheme}, {width} pixels" srcdoc="{escape(forced(html, scheme))}"></iframe>'
        f"<figcaption>{scheme}, {width}</figcaption></figure>"
        for scheme in Scheme
        for width in WIDTHS
    )
    text = f"<details><summary>Plain text</summary><pre>{escape(one.edition.text)}</pre></details>"
    return f'{who}<div class="frames">{frames}</div>{text}'


_STYLE = """
:root{color-scheme:light dark;--ink:#23262d;--soft:#5a5f6b;--line:#ddd6c7;--ground:#efebe2;--bad:#a11d1d}
@media (prefers-color-scheme:dark){:root{--ink:#e4e1da;--soft:#aeb2b8;--line:#3b4148;--ground:#0e0f11;--bad:#ff9b8f}}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 Georgia,serif}
header,section{padding:24px}
h1{margin:0 0 12px;font-size:28px}
h2{margin:0 0 4px;font-size:20px}
p{margin:0 0 12px;color:var(--soft)}
nav{display:flex;flex-wrap:wrap;gap:6px 16px}
a{color:inherit}
section{border-top:1px solid var(--line)}
.frames{display:flex;flex-wrap:wrap;gap:16px;align-items:flex-start}
figure{margin:0}
figcaption,summary{font:13px/1.6 Helvetica,Arial,sans-serif;color:var(--soft)}
iframe{display:block;border:1px solid var(--line);max-width:calc(100vw - 50px)}
details{margin:0 0 12px}
pre{overflow-x:auto;padding:12px;border:1px solid var(--line);font:13px/1.5 Menlo,Consolas,monospace}
.problem{color:var(--bad);white-space:pre-wrap}
"""

_SCRIPT = """
const fit = frame => {
  const page = frame.contentDocument;
  if (page && page.body && page.body.childNodes.length) {
    frame.style.height = '0';
    frame.style.height = page.documentElement.scrollHeight + 'px';
  }
};
for (const frame of document.querySelectorAll('iframe')) {
  frame.addEventListener('load', () => fit(frame));
  fit(frame);
}
"""

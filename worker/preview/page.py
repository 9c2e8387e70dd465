"""The preview's page as HTML. Everything in it was written by somebody else, so everything is escaped.

A mail stands in a frame by `srcdoc`, sandboxed without scripts, forms and navigation; the page's policy lets run
nothing but its own script file.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any
from urllib.parse import urlencode

from worker.render.local_pictures import with_pictures
from worker.render.scheme import Scheme, forced

_SANDBOX = (
    "allow-same-origin allow-popups allow-popups-to-escape-sandbox"  # the first lets the page read a frame's height
)


def preview_page(seen: dict[str, Any], address: str, state: str, picture: Callable[[str], str]) -> str:
    """The whole page. `seen` is what the child answered; `before` in it, editions from before a mistake."""
    editions = seen["editions"]
    title = escape(seen["title"] or seen["name"] or "Preview")
    stale = '<p class="stale">Below: as it was before the mistake.</p>' if seen["error"] and editions else ""
    columns = "".join(_edition(plan, one, seen, picture) for plan, one in editions.items())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/preview.css"><script src="/static/preview.js" defer></script></head>
<body data-state="{escape(state)}">
<header>
<form action="/" class="pick">{_texts(seen)}{_reader(seen, address)}<button>Show</button></form>
<fieldset><legend>Width</legend>{_choice("width", ("phone", "desktop"))}</fieldset>
<fieldset><legend>Scheme</legend>{_choice("scheme", ("light", "dark"))}</fieldset>
<fieldset><legend>Part</legend>{_choice("part", ("mail", "text"))}</fieldset>
<p id="watching" role="status">Watching for changes</p>
</header>
<main>
{_error(seen["error"])}
{_findings(seen)}
{stale}
<div class="editions">{columns}</div>
</main></body></html>
"""


def _texts(seen: dict[str, Any]) -> str:
    names = seen["names"] if seen["name"] in seen["names"] else [*seen["names"], seen["name"]]
    options = "".join(f"<option{' selected' if name == seen['name'] else ''}>{escape(name)}</option>" for name in names)
    return f'<label>Text <select name="text">{options}</select></label>'


def _reader(seen: dict[str, Any], address: str) -> str:
    reader = seen["reader"]
    if seen["unknown"]:
        said = '<span class="warning">not on the list: a sample’s values are shown</span>'
    elif reader:
        said = f"<span>{escape(reader['name'] or 'no name')}, {escape(reader['plan'])}</span>"
    else:
        said = "<span>a sample’s values</span>"
    return (
        f'<label>As <input name="as" type="text" inputmode="email" autocomplete="off" spellcheck="false" '
        f'placeholder="a subscriber’s address" value="{escape(address)}"></label>{said}'
    )


def _choice(name: str, values: tuple[str, ...]) -> str:
    return "".join(
        f'<label><input type="radio" name="{name}" value="{value}" form="none"> {value}</label>' for value in values
    )


def _error(error: dict[str, Any] | None) -> str:
    if error is None:
        return ""
    place = escape(f"{error['file']}:{error['line']}" if error.get("line") else error.get("file") or "")
    rows = "".join(
        f"<tr{' class=here' if number == error['line'] else ''}><th>{number}</th><td>{escape(line) or ' '}</td></tr>"
        for number, line in error.get("excerpt", ())
    )
    source = f'<table class="source">{rows}</table>' if rows else ""
    return f"""<section class="error" role="alert"><h2>{place or "It does not render"}</h2>
<p>{escape(error["problem"])}</p>{source}<p class="fix">{escape(error["fix"])}</p></section>"""


def _findings(seen: dict[str, Any]) -> str:
    found = seen["findings"]
    if not found:
        return "" if seen["error"] else '<p class="fine">Preflight: nothing to mend.</p>'
    rows = "".join(
        f'<tr class="{escape(one["severity"])}"><td>{escape(one["severity"])}</td>'
        f"<td>{escape(one['file'])}{':' + str(one['line']) if one['line'] else ''}</td>"
        f"<td><strong>{escape(one['problem'])}</strong><br>{escape(one['why'])}<br>{escape(one['fix'])}</td>"
        f"<td>{escape(one['rule'])}</td></tr>"
        for one in found
    )
    return f"""<section class="findings"><h2>Preflight: {len(found)} to look at</h2><table>
<thead><tr><th>What</th><th>Where</th><th>Why, and what to do</th><th>Rule</th></tr></thead><tbody>{rows}</tbody></table></section>"""


def _edition(plan: str, one: dict[str, Any], seen: dict[str, Any], picture: Callable[[str], str]) -> str:
    html = with_pictures(one["html"], picture)
    frames = "".join(
        f'<iframe class="{scheme}" sandbox="{_SANDBOX}" title="{plan} edition, {scheme}" '
        f'srcdoc="{escape(_in_new_tab(forced(html, scheme)))}"></iframe>'
        for scheme in Scheme
    )
    theirs = seen["reader"] and seen["reader"]["plan"] == plan
    mine = ' <span class="theirs">what this reader gets</span>' if theirs else ""
    row = (
        f'<p class="from">{escape(seen["sender"])}</p><p class="subject">{escape(one["subject"])}</p>'
        f'<p class="preheader">{escape(one["preheader"])}</p>'
    )
    size = one["html_bytes"] / 1024
    return f"""<article class="edition" data-plan="{plan}"><h2>{plan.capitalize()} edition{mine}</h2>
<div class="inbox phone" title="As a phone's inbox shows it">{row}</div>
<div class="inbox wide" title="As an inbox on a desk shows it">{row}</div>
<p class="size">{size:.1f} KiB of HTML; Gmail cuts at 102</p>
<div class="mail">{frames}</div><pre class="text">{escape(one["text"])}</pre></article>"""


def _in_new_tab(html: str) -> str:
    """Links open beside the preview, never in it."""
    return html.replace("<head>", '<head><base target="_blank">', 1)


def query(text: str, address: str) -> str:
    """The page's address for a text and a reader."""
    named = {"text": text, **({"as": address} if address else {})}
    return f"/?{urlencode(named)}"

"""Which features of HTML and CSS a mail uses, by the names of caniemail, and which mail programs lack them.

Only names are kept here; what a program supports is read from the installed package.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path

PROGRAMS = ("gmail", "outlook", "apple-mail", "yahoo")

_FOR_OUTLOOK = re.compile(r"<!--\[if [^!\]]*\]>.*?<!\[endif\]-->", re.DOTALL)
_SHEET = re.compile(r"<style\b[^>]*>(.*?)</style>", re.DOTALL)
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_UNIT = re.compile(r"(?<![\w.#-])-?\d*\.?\d+(px|em|rem|ex|ch|pt|pc|cm|mm|in|vh|vw|vmin|vmax|%)(?![\w-])")
_FUNCTION = {
    "rgb(": "css-rgb",
    "rgba(": "css-rgba",
    "calc(": "css-unit-calc",
    "var(": "css-variables",
    "min(": "css-function-min",
}
_FUNCTION |= {"max(": "css-function-max", "clamp(": "css-function-clamp", "linear-gradient(": "css-linear-gradient"}
_TAGS = {f"h{level}": "html-h1-h6" for level in range(1, 7)} | dict.fromkeys(("ul", "ol", "li", "dl"), "html-lists")
_TAGS |= dict.fromkeys(("article", "section", "main", "nav", "header", "footer", "aside", "figure"), "html-semantics")
_TAGS |= {"s": "html-strike", "th": "html-table", "td": "html-table", "tr": "html-table"}
_SIDES = re.compile(r"(padding|margin|border)-(top|right|bottom|left)(-\w+)?")
_SELECTOR = {
    "css-selector-class": r"\.[a-z]",
    "css-selector-id": r"#[a-z]",
    "css-selector-attribute": r"\[",
    "css-selector-descendant": r"[\w\]] +[\w.\[*]",
    "css-selector-child": r">",
    "css-selector-adjacent-sibling": r"\+",
    "css-selector-general-sibling": r"~",
    "css-selector-grouping": r",",
    "css-selector-universal": r"\*",
    "css-selector-chaining": r"\w\.\w",
    "css-selector-type": r"(?:^|[ ,>])[a-z]",
}


def unsupported(pages: Iterable[str], modules: Path) -> dict[str, list[str]]:
    """By mail program and platform, the features used in these pages that it does not support at all, sorted."""
    known = {one["slug"]: one["stats"] for one in _read(modules)}
    used = {feature for page in pages for feature in _used(page)} & set(known)
    found: dict[str, list[str]] = {}
    for feature in sorted(used):
        for program in PROGRAMS:
            for platform, answers in known[feature].get(program, {}).items():
                if list(answers.values())[-1].startswith("n"):
                    found.setdefault(f"{program} {platform}", []).append(feature)
    return dict(sorted(found.items()))


def used_features(html: str, modules: Path) -> set[str]:
    """The features of caniemail that a page uses."""
    return set(_used(html)) & {one["slug"] for one in _read(modules)}


def _read(modules: Path) -> list[dict[str, dict[str, dict[str, dict[str, str]]]]]:
    return json.loads((modules / "caniemail" / "data" / "caniemail.json").read_text(encoding="utf-8"))["data"]


def _used(html: str) -> Iterator[str]:
    html = _FOR_OUTLOOK.sub("", html)
    yield "html-comments"
    for sheet in _SHEET.findall(html):
        yield "html-style"
        yield from _in_sheet(sheet)
    yield from _Elements(html).found


def _in_sheet(sheet: str) -> Iterator[str]:
    for query in re.findall(r"@([^{]+)\{", sheet):
        name, _, rest = query.partition(" ")
        yield f"css-at-{name}"
        yield from (f"css-at-media-{feature}" for feature in re.findall(r"\(([a-z-]+)", rest))
    if "/*" in sheet:
        yield "css-comments"
    for selector, declarations in _RULE.findall(re.sub(r"@media[^{]*\{", "", sheet)):
        yield from (name for name, pattern in _SELECTOR.items() if re.search(pattern, selector.strip()))
        yield from (f"css-pseudo-class-{name}" for name in re.findall(r"(?<!:):([a-z-]+)", selector))
        yield from (f"css-pseudo-element-{name}" for name in re.findall(r"::([a-z-]+)", selector))
        yield from _declared(declarations)


def _declared(css: str) -> Iterator[str]:
    for declaration in css.split(";"):
        name, _, value = (part.strip().lower() for part in declaration.partition(":"))
        if not value:
            continue
        yield f"css-{name}"
        if side := _SIDES.fullmatch(name):
            yield f"css-{side[1]}"
        if name == "display":
            yield f"css-display-{value.split()[0]}"
        if "!important" in value:
            yield "css-important"
        if "system-ui" in value:
            yield "css-sytem-ui"  # spelt so there
        yield from (f"css-unit-{unit.replace('%', 'percent')}" for unit in _UNIT.findall(value))
        yield from (
            feature for start, feature in _FUNCTION.items() if re.search(rf"(?<![\w-]){re.escape(start)}", value)
        )


class _Elements(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(_TAGS.get(tag, f"html-{tag}"))
        given = {name: value or "" for name, value in attrs}
        self.found |= {f"html-{name}" for name in given}
        self.found |= set(_declared(given.get("style", "")))
        if tag == "meta":
            self.found.add(f"html-meta-{given.get('name', '')}")
        if given.get("href", "").startswith("#"):
            self.found.add("html-anchor-links")
        if given.get("href", "").startswith("mailto:"):
            self.found.add("html-mailto-links")
        if source := re.search(r"\.(\w+)(?:\?|$)", given.get("src", "")):
            self.found.add(f"image-{source[1].lower().replace('jpeg', 'jpg')}")

    def handle_decl(self, decl: str) -> None:
        self.found.add("html-doctype")

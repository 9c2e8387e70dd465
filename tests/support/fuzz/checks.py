"""What must hold for every input. Each broken rule is a sentence; an exception that should not be is left to rise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html.parser import HTMLParser

import orjson

from tests.support.fuzz.grammar import PAID
from tests.support.fuzz.inputs import Input
from tests.support.rendering import make_facts, make_issue, make_publication, templates
from worker.domain.delivery import Recipient
from worker.domain.edition import Edition
from worker.domain.subscriber import Plan
from worker.errors import SourceError
from worker.render.blocks import Block, Code, CodeBlock, Text
from worker.render.edition import Scene, parse, render_both
from worker.render.gate import cut
from worker.render.links import Signer
from worker.render.merge import MergeWriter
from worker.render.placeholders import PLACEHOLDER
from worker.render.preflight import preflight
from worker.render.walk import blocks_in, nodes_in, words_of

_SIGNER = Signer("a secret of at least thirty-two letters")
_LEAKED = re.compile(r"\\u\{[0-9a-f]+\}|</?mj-|\\n|\\\"")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_TAGS = {
    "html",
    "head",
    "title",
    "meta",
    "style",
    "body",
    "noscript",
    "xml",
    "div",
    "span",
    "p",
    "a",
    "img",
    "br",
    "hr",
    "pre",
}
_TAGS |= {
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "blockquote",
    "table",
    "tbody",
    "thead",
    "tr",
    "td",
    "th",
}
_TAGS |= {"code", "em", "strong", "s", "b", "i", "u", "sub", "sup", "small"}
_LONGEST_LINE = 998


class Refused(Exception):
    """The input was refused by name, with its file and line: an answer, not a failure."""


class Structure(HTMLParser):
    """Tags with the names of their attributes, and where links and pictures lead."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        self.words += [value for name, value in attrs if name == "alt" and value]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def look(given: Input, with_preflight: bool = False) -> Iterator[str]:
    """Every rule that this input breaks. Raises Refused where it was refused by name, and whatever else rises."""
    issue, publication, facts = make_issue(given.body), make_publication(), make_facts()
    try:
        tree = parse(issue)
        scenes = {plan: Scene(issue, publication, facts, plan) for plan in Plan}
        editions = render_both(tree, scenes, templates(), "notice")
    except SourceError as wrong:
        if not (wrong.file and wrong.line):
            yield f"refused without file and line: {wrong}"
        raise Refused(wrong.problem) from None
    if with_preflight and any(not one.file for one in preflight(issue, publication, templates(), facts)):
        yield "preflight found something without naming the file"
    free = editions[Plan.FREE]
    secret = PAID in given.body and (given.well_formed or not _said(words_of(cut(tree, Plan.FREE).blocks)))
    if secret and _said([free.subject, free.preheader, free.html, free.text]):
        yield "the free edition says a word of a paid part"
    for edition in editions.values():
        yield from _in_edition(edition, given.name)
        lost = _lost(_words(cut(tree, edition.plan).blocks), edition)
        if lost:
            yield f"the {edition.plan} HTML has lost {lost!r}"


def _in_edition(edition: Edition, name: str) -> Iterator[str]:
    whole = "\n".join((edition.subject, edition.preheader, edition.html, edition.text))
    if {*PLACEHOLDER.findall(whole)} != {tag.tag for tag in edition.merge_tags}:
        yield "placeholders and merge tags differ"
    if found := _LEAKED.search(edition.html):
        yield f"MRML left {found[0]!r}"
    if found := _CONTROL.search(whole):
        yield f"a control character: {found[0]!r}"
    if edition.html.count("<!--[if") != edition.html.count("<![endif]"):
        yield "conditional comments do not pair"
    long = max(map(len, edition.html.encode().split(b"\n")))
    if long > _LONGEST_LINE and not re.search(r'"[^"<>]{400}', edition.html):
        yield f"a line of {long} bytes that no long address or alt text explains"
    seen = Structure(edition.html)
    if odd := {tag for tag, _ in seen.tags} - _TAGS:
        yield f"tags that mail does not hold: {sorted(odd)}"
    if any(attribute.startswith("on") for _, attributes in seen.tags for attribute in attributes):
        yield "an attribute that runs code"
    if bad := next(
        (one for one in seen.addresses if re.match(r"\s*(javascript|data|vbscript|file)\s*:", one, re.I)), None
    ):
        yield f"an address that runs code: {bad!r}"
    if edition.merge_tags:
        yield from _with_names(edition, name)


def _with_names(edition: Edition, name: str) -> Iterator[str]:
    """A name changes nothing but its own text."""
    calm, hostile = (_filled(edition, one) for one in ("Noor", name))
    if Structure(calm[0]).tags != Structure(hostile[0]).tags:
        yield f"the name {name!r} changes the structure of the HTML"
    for part in hostile:
        if PLACEHOLDER.search(part):
            yield f"the name {name!r} leaves or makes a placeholder"
        if _CONTROL.search(part):
            yield f"the name {name!r} brings a control character"
    if "\n" in hostile[1] or hostile[2].count("\n") != calm[2].count("\n"):
        yield f"the name {name!r} breaks a line"


def _filled(edition: Edition, name: str) -> tuple[str, str, str]:
    launch = "groups" if any(tag.name in ("apply_link", "mute_link") for tag in edition.merge_tags) else None
    reader = Recipient(1, 2, "noor@example.com", name, "k7", 3)
    values, _ = MergeWriter(edition.merge_tags, "https://letters.example.com", _SIGNER, 1, launch).write(reader)
    parts = [edition.html, edition.subject, edition.text]
    for tag, value in orjson.loads(values).items():
        parts = [part.replace(tag, value) for part in parts]
    return parts[0], parts[1], parts[2]


def _words(blocks: Sequence[Block]) -> Iterator[str]:
    """What every text, code span and block of code says; a link without words shows its address between them."""
    for block in blocks_in(blocks):
        if isinstance(block, CodeBlock):
            yield block.text
    for _, node in nodes_in(blocks):
        if isinstance(node, Text | Code):
            yield node.text


def _said(texts: list[str]) -> bool:
    return any(PAID in text.lower() for text in texts)


def _lost(said: Iterable[str], edition: Edition) -> str:
    """Words of the tree that an HTML parser does not find in the mail; blanks do not count."""
    shown = "".join("".join(Structure(edition.html).words).split())
    for text in said:
        for piece in text.split("\0"):  # a merge tag stands there
            if (packed := "".join(piece.split())) and packed not in shown:
                return piece[:60]
    return ""

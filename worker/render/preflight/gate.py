"""The rule behind the gate: nothing that stands only in paid parts may be in anything free readers get.

What a part says by itself is its canary: every run of six words, the whole of a shorter passage, anything that has the
form of a code, and every address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import unescape

from worker.domain.subscriber import Plan
from worker.render.blocks import Block, Container, Figure, Link
from worker.render.placeholders import marked
from worker.render.preflight.findings import ERROR, Spot, rule
from worker.render.preflight.proof import Proof
from worker.render.walk import blocks_in, nodes_in, words_of

_RUN = 6  # words; shorter runs are also everyday phrases
_SHORTEST = 3  # words of a passage that is a canary as a whole
_WORD = re.compile(r"\w+")
_TAG = re.compile(r"<[^>]*>")
_CODE = re.compile(r"\b(?=\w*\d)(?=\w*[A-Za-z])\w{5,}\b|\b[A-Z]{5,}\b")


@rule("gate", ERROR, "free readers would read what others pay for", silenceable=False)
def paid_words_stay_paid(proof: Proof) -> Iterator[Spot]:
    """Subject, preheader, HTML and plain text for free readers hold nothing that only paid parts say."""
    free = proof.editions[Plan.FREE]
    open_blocks = proof.cut[Plan.FREE].blocks
    public = _canaries(open_blocks)
    artefacts = {
        "subject": free.subject,
        "preview": free.preheader,
        "HTML": unescape(_TAG.sub(" ", free.html)) + " " + unescape(free.html),
        "plain text": free.text,
    }
    spoken = {name: f" {' '.join(_WORD.findall(words.lower()))} " for name, words in artefacts.items()}
    elsewhere = _published(proof)
    for block in _only_paid(proof):
        for kind, canary in sorted(_canaries([block]) - public - elsewhere):
            for name, words in artefacts.items():
                leaked = f" {canary} " in spoken[name] if kind == "words" else canary in words
                if leaked:
                    fix = "take it out there, or out of the paid part"
                    problem = f"the free {name} says {canary!r}, which stands in a paid part"
                    yield Spot(problem, fix, proof.line(block.line, canary))
                    break
            else:
                continue
            break


def _only_paid(proof: Proof) -> Iterator[Block]:
    """Innermost-first would name better lines, but whole blocks hold the runs that cross them."""
    free = {id(block) for block in blocks_in(proof.cut[Plan.FREE].blocks)}
    for block in blocks_in(proof.cut[Plan.PAID].blocks):
        if id(block) not in free and block not in proof.cut[Plan.FREE].blocks:
            yield block


def _canaries(blocks: Iterable[Block]) -> set[tuple[str, str]]:
    """Runs of words (in lower case), codes and addresses, each with its kind."""
    blocks = tuple(blocks)
    texts = words_of(blocks)
    found = {("words", run) for text in texts for run in _runs(text)}
    found |= {("code", code[0]) for text in texts for code in _CODE.finditer(text)}
    found |= {("address", marked(node.target)) for _, node in nodes_in(blocks) if isinstance(node, Link)}
    for block in blocks_in(blocks):
        if isinstance(block, Figure):
            found |= {("address", block.picture.source), ("address", marked(block.link))}
        elif isinstance(block, Container) and block.name in ("button", "card", "discount") and block.args:
            found.add(("address", block.args.partition(" ")[0]))
    return {(kind, words) for kind, words in found if len(words) > 4 and "\0" not in words}


def _published(proof: Proof) -> set[tuple[str, str]]:
    """Addresses and codes that the publication and the front matter show to everybody."""
    text, publication = proof.text, proof.publication
    shown = [publication.home, publication.logo, text.comments, *publication.links.values()]
    if text.audio:
        shown += [text.audio.url, text.audio.apple, text.audio.spotify, text.audio.youtube, text.audio.transcript]
    said = [publication.name, publication.author, publication.postal_address, publication.description, *shown]
    codes = {("code", code[0]) for words in said for code in _CODE.finditer(words)}
    launches = {("address", launch.page) for launch in proof.facts.launches.values()}
    return {("address", url) for url in shown} | codes | launches


def _runs(text: str) -> Iterator[str]:
    words = [word.lower() for word in _WORD.findall(text)]
    if _SHORTEST <= len(words) < _RUN:
        yield " ".join(words)
    yield from (" ".join(words[at : at + _RUN]) for at in range(len(words) - _RUN + 1))

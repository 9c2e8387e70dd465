"""The rule behind the gate: no run of words that stands only in paid parts may be in anything free readers get."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import unescape

from worker.domain.subscriber import Plan
from worker.render.blocks import Block, Container
from worker.render.preflight.findings import Finding, Proof, Severity
from worker.render.walk import blocks_in, words_of

_RUN = 6  # words; shorter runs are also everyday phrases
_WORD = re.compile(r"\w+")
_TAG = re.compile(r"<[^>]*>")


def paid_words_stay_paid(proof: Proof) -> Iterator[Finding]:
    """Subject, preheader, HTML and plain text for free readers hold nothing that only paid parts say."""
    free = proof.editions[Plan.FREE]
    open_runs = set(_runs(words_of(proof.cut[Plan.FREE].blocks)))
    artefacts = {
        "subject": free.subject,
        "preview": free.preheader,
        "HTML": unescape(_TAG.sub(" ", free.html)) + " " + unescape(free.html),
        "plain text": free.text,
    }
    found = {name: set(_runs([words])) for name, words in artefacts.items()}
    for block in _only_paid(proof):
        secrets = set(_runs(words_of([block]))) - open_runs
        code = block.args.partition(" ")[0] if isinstance(block, Container) and block.name == "discount" else ""
        for name, runs in found.items():
            leaked = [code] if code and code in artefacts[name] else sorted(secrets & runs)
            if leaked:
                why = "free readers would read what others pay for"
                fix = "take it out there, or out of the paid part"
                problem = f"the free {name} says {leaked[0]!r}, which stands in a paid part"
                yield proof.found("gate", Severity.ERROR, problem, why, fix, block.line)


def _only_paid(proof: Proof) -> Iterator[Block]:
    """Innermost-first would name better lines, but whole blocks hold the runs that cross them."""
    free = {id(block) for block in blocks_in(proof.cut[Plan.FREE].blocks)}
    for block in blocks_in(proof.cut[Plan.PAID].blocks):
        if id(block) not in free and block not in proof.cut[Plan.FREE].blocks:
            yield block


def _runs(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        words = [word.lower() for word in _WORD.findall(text)]
        yield from (" ".join(words[at : at + _RUN]) for at in range(len(words) - _RUN + 1))

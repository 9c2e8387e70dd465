"""Words that a careful editor would stop at: what was to come, what is not there, what filters take for spam."""

from __future__ import annotations

import re
from collections.abc import Iterator

from worker.render.blocks import Text
from worker.render.preflight.findings import ERROR, WARNING, Spot, rule
from worker.render.preflight.proof import Proof
from worker.render.walk import nodes_in

FEWEST_WORDS, MOST_WORDS = 50, 5_000

_TO_COME = re.compile(
    r"\bTK(TK)*\b|\bTODO\b|\bFIXME\b|\bXXX+\b|\blorem ipsum\b|\[(insert|placeholder)\b[^\]]*\]?", re.IGNORECASE
)
_ALWAYS_CAPITAL = re.compile(r"tk|todo|fixme|xxx", re.IGNORECASE)
_ATTACHED = re.compile(
    r"\b(see|find|have|i['’]ve|is|are) (the )?(attached|enclosed)\b(?! to)|\b(attached|enclosed) (file|pdf|is|are|you)\b"
    r"|\battachments?\b",
    re.IGNORECASE,
)
_SPAM = re.compile(
    r"\b(act now|risk[- ]free|100% (free|guaranteed)|click below|earn money|extra income|cash bonus|no obligation"
    r"|limited[- ]time offer|order now|buy now|you (are|have been) a winner|make money fast|double your income"
    r"|while supplies last|once in a lifetime|no strings attached|you have been selected|urgent response)\b|\${3,}",
    re.IGNORECASE,
)
_COPYRIGHT = re.compile(r"(?:©|\bcopyright\b|\(c\))\s*(?:©\s*)?(?:\d{4}\s*[-–]\s*)?(\d{4})", re.IGNORECASE)
_HTML = re.compile(r"</?[a-zA-Z][a-zA-Z0-9-]*(?:\s[^<>]*)?/?>")
_WORD = re.compile(r"\w+(?:['’-]\w+)*")


@rule("to-come", ERROR, "readers would see that a part is not written yet")
def nothing_is_to_come(proof: Proof) -> Iterator[Spot]:
    """No TK, TODO, FIXME or lorem ipsum in text, title, subject or preview."""
    for line, words in _said(proof):
        for found in _TO_COME.finditer(words):
            if _ALWAYS_CAPITAL.match(found[0]) and not found[0].isupper():
                continue
            yield Spot(f"{found[0]!r} is still there", "write what should stand there", proof.line(line, found[0]))
            break


@rule("attachment", WARNING, "nothing is attached to this mail; readers look for it and write to you")
def nothing_is_said_to_be_attached(proof: Proof) -> Iterator[Spot]:
    """Nothing is called an attachment: mail of this program carries none."""
    for line, words in _said(proof):
        if found := _ATTACHED.search(words):
            fix = "link to the file instead"
            yield Spot(f"{found[0]!r}, but nothing is attached", fix, proof.line(line, found[0], found[0].split()[0]))


@rule("spam-words", WARNING, "filters count such phrases, and so do readers")
def nothing_sounds_like_spam(proof: Proof) -> Iterator[Spot]:
    """No phrase that belongs to spam, in text, subject or preview."""
    for line, words in _said(proof):
        if found := _SPAM.search(words):
            yield Spot(f"{found[0]!r} sounds like spam", "say it in your own words", proof.line(line, found[0]))


@rule("copyright-year", WARNING, "an old year tells readers that nobody has looked at this for a while", timely=True)
def copyright_is_of_this_year(proof: Proof) -> Iterator[Spot]:
    """A copyright's last year is this one."""
    year = proof.facts.now.year
    for line, words in _said(proof):
        for found in _COPYRIGHT.finditer(words):
            if int(found[1]) < year:
                yield Spot(f"{found[0]!r}, and this is {year}", f"write {year}", proof.line(line, found[0]))


@rule("raw-html", WARNING, "HTML in a letter is shown as it was typed, with its angle brackets")
def nothing_is_html(proof: Proof) -> Iterator[Spot]:
    """No HTML tag stands in the text; code may hold any."""
    for line, node in nodes_in(proof.tree.blocks):
        if isinstance(node, Text) and (found := _HTML.search(node.text)):
            fix = "write it in Markdown, or put it between backticks where readers should see it"
            yield Spot(f"{found[0]!r} is no Markdown", fix, proof.line(line, found[0]))


@rule("letter-length", WARNING, "a few words look like a slip; beyond 5,000 hardly anybody arrives at the end")
def letter_has_a_readable_length(proof: Proof) -> Iterator[Spot]:
    """An issue has 50 to 5,000 words. Steps of sequences may be short."""
    if proof.message != "issue":
        return
    for plan, mail in proof.mails:
        count = len(_WORD.findall(proof.editions[plan].text.partition("\n—\n")[0])) if mail.text else 0
        if not FEWEST_WORDS <= count <= MOST_WORDS:
            problem = f"the {plan} edition has {count:,} words"
            yield Spot(problem, f"write {FEWEST_WORDS} to {MOST_WORDS:,} words, or two letters", proof.text.body_line)


def _said(proof: Proof) -> Iterator[tuple[int, str]]:
    """Everything the author says, with its line: title, subjects, previews, then the text."""
    text = proof.text
    yield text.line_of("title"), text.title
    for key, by_plan in (("subject", text.subject), ("preview", text.preview)):
        for words in dict.fromkeys(by_plan[plan] for plan in proof.plans):
            yield text.line_of(key), words
    yield from proof.passages()

"""Subject and preview: what an inbox shows of a letter before it is opened."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from worker.domain.edition import MergeName
from worker.domain.subscriber import Plan
from worker.render.preflight.findings import ERROR, WARNING, Spot, rule
from worker.render.preflight.proof import Proof

# A phone held upright shows 35 to 50 characters of a subject, by client and letters; a desktop some 78.
ON_A_PHONE = 50
SHORTEST_SUBJECT = 10
SHORTEST_PREVIEW, LONGEST_PREVIEW = 40, 90  # what clients show beside or below a subject

_SHOUTED = re.compile(r"!.*!|[!?]{2}|^(re|fwd?):", re.IGNORECASE | re.DOTALL)


@rule("subject", ERROR, "a mail without a subject looks like spam, and SendGrid takes none", silenceable=False)
def subject_is_there(proof: Proof) -> Iterator[Spot]:
    """Every edition has a subject."""
    for plan in proof.plans:
        if not proof.text.subject[plan].strip():
            yield Spot(f"no subject for {plan} readers", 'add subject: "..."', proof.text.line_of("subject"))


@rule("subject-length", WARNING, "a phone shows 35 to 50 characters; what stands behind them is read by few")
def subject_fits_a_phone(proof: Proof) -> Iterator[Spot]:
    """10 to 50 characters, with the fallback of a name."""
    for plan, words in _typical(proof, proof.text.subject):
        line = proof.text.line_of("subject")
        if len(words) > ON_A_PHONE:
            problem = f"the {plan} subject has {len(words)} characters; a phone shows {words[: ON_A_PHONE - 1]!r}…"
            yield Spot(problem, "say it shorter, or what matters first", line)
        elif 0 < len(words) < SHORTEST_SUBJECT:
            problem = f"the {plan} subject has {len(words)} characters: {words!r}"
            yield Spot(problem, "say what the letter is about", line)


@rule("subject-shouting", WARNING, "readers and spam filters take capitals, rows of marks and a false Re: for spam")
def subject_does_not_shout(proof: Proof) -> Iterator[Spot]:
    """No capitals throughout, no rows of exclamation marks, no answer to nothing."""
    for plan, words in _typical(proof, proof.text.subject):
        letters = [c for c in words if c.isalpha()]
        if (len(letters) >= 8 and "".join(letters).isupper()) or _SHOUTED.search(words):
            line = proof.text.line_of("subject")
            yield Spot(f"the {plan} subject shouts: {words!r}", "write it as you would say it", line)


@rule("preview", WARNING, "the inbox shows it beside the subject, and empty space without it")
def preview_is_there(proof: Proof) -> Iterator[Spot]:
    """Every edition has a preheader."""
    for plan in proof.plans:
        if not proof.text.preview[plan].strip():
            yield Spot(f"no preview for {plan} readers", 'add preview: "..."', proof.text.line_of("preview"))


@rule("preview-length", WARNING, "an inbox shows 40 to 90 characters of it; less leaves a gap, more is cut")
def preview_fits_an_inbox(proof: Proof) -> Iterator[Spot]:
    """40 to 90 characters."""
    for plan, words in _typical(proof, proof.text.preview):
        if words and not SHORTEST_PREVIEW <= len(words) <= LONGEST_PREVIEW:
            shown = f"; an inbox shows up to {words[: LONGEST_PREVIEW - 1]!r}…" if len(words) > LONGEST_PREVIEW else ""
            problem = f"the {plan} preview has {len(words)} characters{shown}"
            fix = f"write {SHORTEST_PREVIEW} to {LONGEST_PREVIEW}"
            yield Spot(problem, fix, proof.text.line_of("preview"))


@rule("preview-repeats", WARNING, "it stands beside the subject, so readers would read the same words twice")
def preview_says_something_new(proof: Proof) -> Iterator[Spot]:
    """The preview is not the subject over again."""
    subjects = dict(_typical(proof, proof.text.subject))
    for plan, words in _typical(proof, proof.text.preview):
        if words and words.strip(" .!?…").lower() == subjects.get(plan, "").strip(" .!?…").lower():
            fix = "say what the subject does not"
            yield Spot(f"the {plan} preview repeats the subject", fix, proof.text.line_of("preview"))


def _typical(proof: Proof, by_plan: Mapping[Plan, str]) -> Iterator[tuple[Plan, str]]:
    """What readers without a name see, once where it is the same for both plans."""
    seen: set[str] = set()
    for plan in proof.plans:
        words = by_plan[plan]
        if words in seen:
            continue
        seen.add(words)
        for tag in MergeName:
            words = re.sub(rf"\{{{tag}(?:\|([^{{}}]*))?\}}", lambda found: (found[1] or "12").strip(), words)
        yield plan, words

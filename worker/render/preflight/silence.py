"""Rules that an author has switched off for one text, with `silence:` in the front matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from worker.domain.issue import Issue
from worker.render.preflight.findings import ERROR, Finding, Rule, Spot, rule
from worker.render.preflight.proof import Proof


@rule("silence", ERROR, "a rule that is misspelt, or that protects readers, is not switched off", silenceable=False)
def silenced_rules_are_rules(proof: Proof) -> Iterable[Spot]:
    """Every name in `silence:` is a rule that may be silenced. Asked for by `strange_names`, which knows the rules."""
    return ()


def strange_names(text: Issue, rules: Mapping[str, Rule]) -> list[Finding]:
    """A finding for each name that cannot be silenced."""
    found = []
    may_be = ", ".join(sorted(name for name, one in rules.items() if one.silenceable))
    for name in text.silence:
        if name in rules and rules[name].silenceable:
            continue
        problem = (
            f"{name!r} may not be silenced: it protects readers" if name in rules else f"there is no rule {name!r}"
        )
        line = text.line_of("silence")
        why = silenced_rules_are_rules.why
        found.append(Finding(text.file, line, "silence", ERROR, problem, why, f"use one of: {may_be}"))
    return found

"""What a rule is and what it says. Knows no rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from worker.render.preflight.proof import Proof


class Severity(StrEnum):
    """An error blocks sending; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


ERROR, WARNING = Severity.ERROR, Severity.WARNING


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend: where, which rule, what is wrong, why it matters to a reader, and what to write instead."""

    file: str
    line: int | None
    rule: str
    severity: Severity
    problem: str
    why: str
    fix: str


@dataclass(frozen=True, slots=True)
class Spot:
    """One place where a rule is broken. An empty `file` is the author's; no `severity` is the rule's own."""

    problem: str
    fix: str
    line: int | None = None
    file: str = ""
    severity: Severity | None = None


Look = Callable[[Proof], Iterable[Spot]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `why` is told with every finding.

    `silenceable` is whether an author may switch it off; `timely` rules hold only until the text has been sent.
    """

    name: str
    severity: Severity
    why: str
    look: Look
    silenceable: bool = True
    timely: bool = False

    def findings(self, proof: Proof) -> list[Finding]:
        """Every place where the text breaks it."""
        return [
            Finding(
                spot.file or proof.text.file,
                spot.line,
                self.name,
                spot.severity or self.severity,
                spot.problem,
                self.why,
                spot.fix,
            )
            for spot in self.look(proof)
        ]


def rule(
    name: str, severity: Severity, why: str, *, silenceable: bool = True, timely: bool = False
) -> Callable[[Look], Rule]:
    """Make a rule of the function that looks for it."""

    def made(look: Look) -> Rule:
        return Rule(name, severity, why, look, silenceable, timely)

    return made

"""What a rule says, and what it is given to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from worker.domain.edition import Edition
from worker.domain.issue import Issue
from worker.domain.publication import Publication
from worker.domain.subscriber import Plan
from worker.render.blocks import Tree


class Severity(StrEnum):
    """An error blocks sending; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


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
class Proof:
    """A text with everything made from it. `tree` is uncut; `cut` and `editions` hold one for each plan."""

    text: Issue
    publication: Publication
    tree: Tree
    cut: Mapping[Plan, Tree]
    editions: Mapping[Plan, Edition]

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plans whose edition somebody may receive."""
        only = {plan.value: plan for plan in Plan}.get(self.text.audience)
        return (only,) if only else tuple(Plan)

    def found(
        self, rule: str, severity: Severity, problem: str, why: str, fix: str, line: int | None = None, file: str = ""
    ) -> Finding:
        """A finding, in the author's file unless another is named."""
        return Finding(file or self.text.file, line, rule, severity, problem, why, fix)


Rule = Callable[[Proof], Iterable[Finding]]

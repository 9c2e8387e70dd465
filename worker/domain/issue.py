"""An issue: the text the author wrote, as read from one Markdown file. Steps of sequences have the same form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from worker.domain.late import Late
from worker.domain.step_rules import NO_RULES, StepRules
from worker.domain.subscriber import Plan
from worker.domain.timing import Timing


@dataclass(frozen=True, slots=True)
class Audio:
    """Where to listen, watch or read along; `minutes` is the length. Empty strings where there is no such place."""

    url: str
    minutes: int
    transcript: str = ""
    apple: str = ""
    spotify: str = ""
    youtube: str = ""


@dataclass(frozen=True, slots=True)
class Issue:
    """One Markdown file. `id` (front matter) keys its mailing; `slug` is the file's name without date and suffix.

    `subject` and `preview` hold one string per plan. `body` is the Markdown after the front matter and
    `body_line` the file's line (from 1) on which it starts, so that errors can name lines of the file; `lines` are
    those of the front matter's keys. `silence` names rules of the preflight that the author does not want to hear of.
    """

    id: str
    slug: str
    file: str
    title: str
    subject: Mapping[Plan, str]
    preview: Mapping[Plan, str]
    audience: str  # everyone | paid | free | a segment's name
    body: str
    body_line: int
    published_on: date | None = None
    audio: Audio | None = None
    comments: str = ""
    late: Late | None = None  # None: as the publication says
    local_hour: bool = False  # at the hour of `send --at` where each reader lives
    language: str = ""  # BCP 47; empty: the publication's
    silence: tuple[str, ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)

    def line_of(self, key: str) -> int:
        """The line of a key of the front matter; the first line for one that is not there."""
        return self.lines.get(key, 1)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a sequence: an issue-like text, when it goes, and its rules."""

    sequence: str
    text: Issue
    timing: Timing
    rules: StepRules = NO_RULES

    @property
    def id(self) -> str:
        """The step's id from its front matter."""
        return self.text.id

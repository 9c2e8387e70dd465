"""One error tree. Every error says what happened, where, and what to do next.

Expected answers of the provider are values (worker/providers/base.py), never exceptions: what is raised
here is broken input, a wrong setting or a bug. No message may hold an address, a key or a mail's body.
"""

from __future__ import annotations


class BroadsheetError(Exception):
    """Base of everything Broadsheet raises on purpose; `fix` is the next step in one sentence."""

    def __init__(self, what: str, *, fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.what}\n  fix: {self.fix}" if self.fix else self.what


class SourceError(BroadsheetError):
    """Something the author wrote cannot be used: a file, its line (from 1; None for the whole file).

    `rule` is the preflight's rule that it breaks (docs/preflight.md).
    """

    def __init__(self, what: str, *, file: str, line: int | None = None, fix: str = "", rule: str = "render") -> None:
        place = f"{file}:{line}" if line else file
        super().__init__(f"{place}: {what}", fix=fix)
        self.file = file
        self.line = line
        self.problem = what
        self.rule = rule


class UnknownIssue(SourceError):
    """A command names an issue that is not there (exit code 2)."""


class RenderError(SourceError):
    """A block tree or a template that cannot become mail without harm."""


class SettingsError(BroadsheetError):
    """One or more settings are missing or wrong; `problems` lists them all at once."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems), fix="set them in .env; .env.example explains each one")
        self.problems = problems


class UsageError(BroadsheetError):
    """The command was called in a way that makes no sense (exit code 2)."""


class LedgerError(BroadsheetError):
    """The ledger would break an invariant; nothing was written."""


class LinkError(BroadsheetError):
    """A signed link is damaged or not ours."""


class SignatureError(BroadsheetError):
    """A webhook call is not provably SendGrid's."""


class ServerError(BroadsheetError):
    """An embedded server did not start, or another one already runs there."""

"""What the doctor says of one thing it looked at. Never holds an address or a key: it is meant to be pasted into a report."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """A problem stops mail or loses it; a warning costs something; a note answers a question or could not be looked at."""

    WELL = "well"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`check` names what was looked at; `fix` is the next step, empty where there is nothing to mend."""

    check: str
    health: Health
    what: str
    fix: str = ""


def well(check: str, what: str) -> Diagnosis:
    """Nothing to mend."""
    return Diagnosis(check, Health.WELL, what)


def note(check: str, what: str, fix: str = "") -> Diagnosis:
    """Something to know."""
    return Diagnosis(check, Health.NOTE, what, fix)


def warning(check: str, what: str, fix: str) -> Diagnosis:
    """Something to mend when there is time."""
    return Diagnosis(check, Health.WARNING, what, fix)


def problem(check: str, what: str, fix: str) -> Diagnosis:
    """Something to mend before mail goes."""
    return Diagnosis(check, Health.PROBLEM, what, fix)

"""Launches, steps and a publication for follow-up tests, in memory."""

from datetime import datetime, time, timedelta

from worker.domain.issue import Issue, Step
from worker.domain.launch import Launch
from worker.domain.publication import Publication, Slot
from worker.domain.quiet import Night, QuietRules
from worker.domain.step_rules import NO_RULES
from worker.domain.subscriber import Plan
from worker.domain.timing import parse_when

ZONE = "Europe/Lisbon"

wall = datetime.fromisoformat  # a naive wall time, such as "2026-12-15T09:00"

#: No rule that would put a step off.
LOUD = QuietRules(timedelta(0), timedelta(0), Night(time(0), time(0)), 0)

PUBLICATION = Publication(
    name="The Letter",
    author="Ada Moreno",
    sender="ada@letters.example.com",
    reply_to="ada@letters.example.com",
    postal_address="1 Quiet Lane, Example",
    list_id="letters.example.com",
    language="en",
    home="https://letters.example.com",
    slot=Slot(0, time(7), ZONE),
    quiet=LOUD,
)


def make_launch(**given):
    """Opens on 16 November 2026 at 09:00 and closes on 18 December at 18:00 in Lisbon, unless told otherwise."""
    fields = {
        "id": "producer-groups",
        "slug": "producer-groups",
        "file": "content/launches/producer-groups.toml",
        "name": "Producer groups",
        "subtitle": "",
        "page": "https://example.com/groups",
        "image": "",
        "button": "Apply",
        "opens": wall("2026-11-16T09:00"),
        "closes": wall("2026-12-18T18:00"),
        "zone": ZONE,
        "audience": "everyone",
        "sequence": "launch",
    }
    return Launch(**(fields | given))


def make_step(sequence="launch", step_id="reminder", when="3 days before closes, at 09:00", rules=NO_RULES, late=None):
    """A step with no body worth reading."""
    text = Issue(
        id=step_id,
        slug=step_id,
        file=f"content/sequences/{sequence}/{step_id}.md",
        title="A step",
        subject=dict.fromkeys(Plan, "A step"),
        preview=dict.fromkeys(Plan, ""),
        audience="everyone",
        body="Hello.",
        body_line=8,
        late=late,
    )
    return Step(sequence, text, parse_when(when), rules)

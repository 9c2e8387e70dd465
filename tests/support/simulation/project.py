"""The project of the simulation: weekly issues, two launches and the sequences, written to a folder; and the same as data
for the model, which must not read the program's own reading of these files.
"""

import shutil
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[3]
ZONE = "America/New_York"
wall = datetime.fromisoformat  # a naive wall time
# A Monday on the wall in ZONE; Europe, America and Australia turn their clocks within 90 days.
BEGINS = wall("2026-09-07T00:00")
DAYS = 90
WEEKS = 13
AFTER_ISSUE = "sim-04"
PAID_WORD, CARD_WORD = "QUINCEPAID", "CARDOF"
WEEKDAYS = frozenset(range(5))
EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True)
class Plan:
    """One step as its author means it. `hour` None: the hour of what it counts from."""

    id: str
    anchor: str
    days: int = 0
    hours: int = 0
    before: bool = False
    hour: time | None = None
    theirs: bool = False
    weekdays: frozenset = EVERY_DAY
    only_plan: str = ""
    stop_plan: str = ""


@dataclass
class Launching:
    """A launch as its file says now, on the author's wall clock."""

    id: str
    sequence: str
    opens: datetime
    closes: datetime
    producers_only: bool = False


NINE = time(9)
STAY_DAYS = 3  # so long a friend must stay before they count
MILESTONES = {"first": 1, "month": 3, "call": 6}
BY_HAND = "call"  # its reward waits for a person
THROWAWAY = "throwaway.test"
SEQUENCES = {
    "welcome": (
        Plan("hello", "confirmed"),
        Plan("third", "confirmed", days=3, hour=NINE, theirs=True, weekdays=WEEKDAYS),
        Plan("fortnight", "confirmed", days=14, hour=time(10), only_plan="free"),
    ),
    "grateful": (
        Plan("thanks-for-paying", "paid"),
        Plan("how-it-goes", "paid", days=7, hour=time(8, 30), theirs=True, stop_plan="free"),
    ),
    "friend": (Plan("friend-came", "verified", days=1, hour=NINE),),
    "nearly": (Plan("one-more", "almost"),),
    "earned": (Plan("earned", "milestone"),),
    "thirds": (Plan("month-used", "milestone month", days=2, hour=time(10), theirs=True),),
    "more": (Plan("more", f"issue {AFTER_ISSUE}", days=5, hour=time(10)),),
    "groups": (
        Plan("groups-open", "opens"),
        Plan("groups-icymi", "opens", days=7, hour=NINE, weekdays=frozenset({1, 3})),
        Plan("groups-reminder", "closes", days=3, before=True, hour=NINE),
        Plan("groups-last", "closes", days=1, before=True, hour=NINE, theirs=True),
    ),
    "retreat": (
        Plan("retreat-open", "opens"),
        Plan("retreat-last", "closes", hours=30, before=True),
        Plan("retreat-after", "closes", days=2, hour=time(11)),
    ),
}


def launches():
    """Both, as they are written at first."""
    return {
        "groups": Launching("groups", "groups", wall("2026-09-23T09:00"), wall("2026-10-16T18:00")),
        "retreat": Launching("retreat", "retreat", wall("2026-10-28T12:00"), wall("2026-11-20T20:00"), True),
    }


RETIMED = (
    "groups",
    wall("2026-10-06T10:00"),
    wall("2026-10-07T15:00"),
    wall("2026-10-22T18:00"),
)  # edit, apply, close


@dataclass
class Issues:
    """The weekly issue: id -> its hour on the author's wall clock; and when it was scheduled."""

    hours: dict = field(
        default_factory=lambda: {
            f"sim-{number:02}": BEGINS + timedelta(days=7 * number, hours=7) for number in range(WEEKS)
        }
    )


def sentence(plan):
    """A step's `when`."""
    if not plan.days and not plan.hours:
        return "at opens" if plan.anchor == "opens" else f"at once after {plan.anchor}"
    amount, unit = (plan.hours, "hour") if plan.hours else (plan.days, "day")
    words = f"{amount} {unit}{'s' * (amount != 1)} {'before' if plan.before else 'after'} {plan.anchor}"
    if plan.hour:
        words += f", at {plan.hour:%H:%M}{' their time' * plan.theirs}"
    names = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    if plan.weekdays == WEEKDAYS:
        words += ", on weekdays"
    elif plan.weekdays != EVERY_DAY:
        words += f", on {' or '.join(names[day] for day in sorted(plan.weekdays))}"
    return words


PUBLICATION = f"""
name = "The Long Take"
author = "Ines Okafor"
description = "A weekly letter."
sender = "ines@letters.example.com"
reply_to = "ines@example.com"
postal_address = "The Long Take, 14 Juniper Row, Santa Fe, NM 87501, USA"
list_id = "longtake.letters.example.com"
language = "en"
home = "https://longtake.example.com"

[slot]
weekday = "monday"
at = "07:00"
zone = "{ZONE}"

[late]
policy = "send"

[followups]
hours_from_issue = 12
hours_between = 24
night = "21:00-08:00"
per_week = 3

[referral]
days = {STAY_DAYS}
disposable = ["{THROWAWAY}"]

[[referral.milestones]]
id = "first"
friends = 1
name = "a thank-you"
text = "Thank you."

[[referral.milestones]]
id = "month"
friends = 3
name = "a month"
months = 1

[[referral.milestones]]
id = "call"
friends = 6
name = "a call"
text = "I will ring."
approval = "manual"

[links]
subscribe = "https://longtake.example.com/subscribe"
upgrade = "https://longtake.example.com/upgrade"
share = "https://longtake.example.com/share"
archive = "https://longtake.example.com/archive"

[segments]
producers = {{ tag = "producer" }}
"""


def lay_out(folder):
    """Write the project; looks and notices are the sample's."""
    content = folder / "content"
    shutil.copytree(SOURCE / "emails", folder / "emails")
    shutil.copytree(SOURCE / "content" / "notices", content / "notices")
    for name in ("issues", "launches", "sequences"):
        (content / name).mkdir()
    (content / "publication.toml").write_text(PUBLICATION)
    for issue, hour in Issues().hours.items():
        (content / "issues" / f"{hour:%Y-%m-%d}-{issue}.md").write_text(_issue(issue))
    for launch in launches().values():
        write_launch(folder, launch)
    for name, steps in SEQUENCES.items():
        (content / "sequences" / name).mkdir()
        for number, step in enumerate(steps, 1):
            (content / "sequences" / name / f"{number}0-{step.id}.md").write_text(_step(step))


def write_launch(folder, launch):
    """The file of a launch, over the one that is there."""
    audience = "producers" if launch.producers_only else "everyone"
    (folder / "content" / "launches" / f"{launch.id}.toml").write_text(
        f'id = "{launch.id}"\nname = "{CARD_WORD}{launch.id}"\nsubtitle = "Eight chairs"\n'
        f'page = "https://longtake.example.com/{launch.id}"\nbutton = "Apply"\n'
        f"opens = {launch.opens:%Y-%m-%dT%H:%M}\ncloses = {launch.closes:%Y-%m-%dT%H:%M}\n"
        f'zone = "{ZONE}"\naudience = "{audience}"\nsequence = "{launch.sequence}"\n'
    )


def _issue(issue):
    return (
        f"---\nid: {issue}\ntitle: Letter {issue}\n"
        f'subject: {{free: "issue {issue} free", paid: "issue {issue} paid"}}\n'
        'preview: {free: "A letter.", paid: "A whole letter."}\naudience: everyone\n---\n\n'
        "Hello {first_name|there}, a letter.\n\n::: launch groups :::\n\n::: launch retreat :::\n\n"
        f"::: paid\nThe word is {PAID_WORD}.\n:::\n"
    )


def _step(step):
    rules = f"only_if: {{plan: {step.only_plan}}}\n" * bool(step.only_plan)
    rules += f"stop_if: {{plan: {step.stop_plan}}}\n" * bool(step.stop_plan)
    return (
        f'---\nid: {step.id}\ntitle: Step {step.id}\nsubject: {{free: "step {step.id} free", paid: "step {step.id} paid"}}\n'
        f'preview: {{free: "A step.", paid: "A whole step."}}\nwhen: {sentence(step)}\n{rules}---\n\n'
        f"Hello {{first_name|there}}.\n\n::: paid\nThe word is {PAID_WORD}.\n:::\n"
    )

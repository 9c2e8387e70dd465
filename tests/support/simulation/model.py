"""What follows from the log alone, in plain Python: who may be mailed when, in which sequences somebody is, when each step is
due, and whether a moment is quiet. Written from what docs and the issue of this project promise; it shares no code with the
program, its own arithmetic of times included.
"""

import bisect
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tests.support.simulation.project import (
    AFTER_ISSUE,
    BY_HAND,
    EVERY_DAY,
    MILESTONES,
    SEQUENCES,
    STAY_DAYS,
    ZONE,
    Issues,
    launches,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FROM_ISSUE, BETWEEN, WEEK_MOST, KEEPS = 12 * HOUR, 24 * HOUR, 3, 7 * DAY
NIGHT_BEGINS, NIGHT_ENDS = time(21), time(8)
GRACE = 2 * HOUR
SLOW = timedelta(minutes=10)  # a worker may be so long behind its clock, where it is not stalled
FOREVER = datetime(9000, 1, 1, tzinfo=UTC)
OF_LAUNCH = ("opens", "closes")


def to_utc(wall, zone):
    """The first instant at which the clock on the wall shows this; one it never shows is as far behind the gap."""
    return wall.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)


def on_wall(at, zone):
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def fall_due(step, counted_from, zone):
    """When a step falls due that counts from an instant."""
    sign = -1 if step.before else 1
    if step.hours:
        due = counted_from + sign * step.hours * HOUR
    elif not step.days and step.hour is None:
        due = counted_from
    else:
        wall = on_wall(counted_from, zone) + sign * timedelta(days=step.days)
        if step.hour is not None:
            wall = datetime.combine(wall.date(), step.hour)
        if not step.before and to_utc(wall, zone) < counted_from:
            wall += timedelta(days=1)
        due = to_utc(wall, zone)
    wall = on_wall(due, zone)
    while wall.weekday() not in step.weekdays:
        wall += sign * timedelta(days=1)
        due = to_utc(wall, zone)
    return min(due, counted_from) if step.before else max(due, counted_from)


@dataclass
class Enrolled:
    """Somebody in a sequence. `sure`: whether they must be; an odd one may be or not. `from_tick`: the tick that could."""

    sequence: str
    record: int
    met: datetime
    from_tick: int
    sure: bool = True
    occurrence: str = ""

    def key(self, step):
        """How a step of this enrollment is called: with the friend or milestone it is about."""
        return f"{step.id}#{self.occurrence}" if self.occurrence else step.id


class Lives:
    """What became of each record, asked by moment. `people` gives what they were at first: zone, producer, paid."""

    def __init__(self, log, people, ticks, stalled=(), left_over=()):
        self.people, self.ticks, self.stalled, self.left_over = people, ticks, stalled, frozenset(left_over)
        self.barred_spans = defaultdict(list)  # record -> [from, until surely, until at latest, why]
        self.pauses, self.wishes = defaultdict(list), defaultdict(list)
        self.gifts, self.converted, self.muted = {}, defaultdict(dict), defaultdict(dict)
        self.addresses = defaultdict(list)  # record -> [(from, address)]
        self.confirmed, self.returned, self.signed_up = {}, defaultdict(list), {}
        self.merged_into, self.entangled = {}, set()
        self.merges = defaultdict(list)  # record -> [(when, with which)], both ways
        self.scheduled, self.edited, self.agreed = {}, {}, {}
        self.came_by, self.friends, self.reached = {}, defaultdict(list), defaultdict(dict)
        for one in log:
            self._learn(one)
        self._count_friends()

    def tick_from(self, at):
        return bisect.bisect_left(self.ticks, at)

    def tick_at(self, place):
        return self.ticks[place] if place < len(self.ticks) else FOREVER

    def _learn(self, one):
        bars = {"left": "unsubscribed", "complained": "complained", "bounced": "bounced", "erased": "erased"}
        record, what, at = one.record, one.what, one.at
        if what in bars or what == "merged":
            self.barred_spans[record].append([at, FOREVER, FOREVER, bars.get(what, "merged")])
        if what == "signed up":
            self.signed_up[record] = at
            if one.detail[0]:
                self.came_by[record] = one.detail
            self.barred_spans[record].append([at, FOREVER, FOREVER, "unconfirmed"])
        elif what in ("confirmed", "returned"):
            for span in self.barred_spans[record]:
                if span[1] == FOREVER and span[3] in ("unconfirmed", "unsubscribed"):
                    span[1], span[2] = at, self._let_go(at) if what == "returned" else self.tick_at(self.tick_from(at))
            if what == "confirmed":
                self.confirmed[record] = at
            else:
                self.returned[record].append(at)
        elif what == "paused":
            self.pauses[record].append((at, one.detail))
        elif what == "wants":
            self.wishes[record].append((at, one.detail))
        elif what == "paid":
            self.gifts[record] = (at, self.tick_at(self.tick_from(one.detail)), one.detail)
        elif what == "converted":
            self.converted[record].setdefault(one.detail, at)
        elif what == "muted":
            self.muted[record].setdefault(one.detail, at)
        elif what == "moved":
            self.addresses[record].append((at, *one.detail))
        elif what == "merged":
            self.merged_into[record] = one.detail
            self.merges[record].append((at, one.detail))
            self.merges[one.detail].append((at, record))
            self.entangled |= {record, one.detail}
        elif what == "scheduled":
            self.scheduled[one.detail[0]] = (at, one.detail[1])
        elif what == "edited":
            self.edited[one.detail[0]] = (at, one.detail[1])
        elif what == "agreed":
            self.agreed[one.detail] = at

    def _let_go(self, at):
        """The tick that surely sees who came back mailable: the one after the first at which a worker works."""
        place = self.tick_from(at)
        while any(begins <= self.tick_at(place) < ends for begins, ends in self.stalled):
            place += 1
        return self.tick_at(place + 1)

    # --- what holds at a moment

    def barred(self, record, at, surely=True):
        """Why somebody may not be mailed at all. `surely`: that nobody could see it otherwise."""
        for begins, until, latest, why in self.barred_spans[record]:
            if begins <= at < (until if surely else latest):
                return why
        return ""

    def erased(self, record, at):
        """Whether they are erased by then, whatever else kept them from mail before."""
        return any(begins <= at and why == "erased" for begins, _, _, why in self.barred_spans[record])

    def returning(self, record, at):
        """Whether they have come back, and nobody outside knows whether they may be mailed already."""
        spans = self.barred_spans[record]
        return any(until <= at < latest and why == "unsubscribed" for _, until, latest, why in spans)

    def paused(self, record, at):
        last = [until for begins, until in self.pauses[record] if begins <= at]
        return bool(last) and last[-1] > at

    def launches_only(self, record, at):
        last = [wish for begins, wish in self.wishes[record] if begins <= at]
        return bool(last) and last[-1] == "launches"

    def plans(self, record, begins, ends):
        """Every plan somebody had within a span: a set of words."""
        if record in self.entangled:
            return {"paid", "free"}  # what the other record had is theirs from then on
        if self.people[record].first_paid:
            return {"paid"}
        spans = self._paid_spans(record)
        found = {"paid"} if any(starts <= ends and latest >= begins for starts, _, latest in spans) else set()
        surely = any(starts <= begins and ends < until for starts, until, _ in spans)
        return found if surely else found | {"free"}

    def _paid_spans(self, record):
        """(from, until surely, until at latest). Months are told apart by a few days, which is enough for what is asked."""
        spans = []
        if record in self.gifts:
            starts, over, _ = self.gifts[record]
            spans.append((starts, over, over))
        if (at := self.reached[record].get("month")) is not None:
            behind = max([at, *(latest for _, _, latest in spans)])
            spans.append((at, at + 27 * DAY, behind + 33 * DAY))
        return spans

    def became_paid(self, record):
        """When their plan first became paid; None where it never did, or always was."""
        if self.people[record].first_paid:
            return None
        return min((starts for starts, _, _ in self._paid_spans(record)), default=None)

    def _count_friends(self):
        """Who counts for whom, from which tick on, and which milestones that reaches."""
        for friend, (referrer, kind) in self.came_by.items():
            came = self.confirmed.get(friend)
            if came is None or kind != "friend":
                continue
            stayed = came + STAY_DAYS * DAY
            at = self.tick_at(self.tick_from(stayed))
            if at == FOREVER or self._was_known(friend, at):
                continue
            if self._came_twice(friend) or self._ended(friend, at):
                self.entangled.add(referrer)  # whether they count, and for whom, nobody outside can know
            if self._had_left(friend, stayed, at):
                continue
            self.friends[referrer].append((at, friend))
        for referrer, got in self.friends.items():
            got.sort()
            for number, (at, _) in enumerate(got, 1):
                for milestone, friends in MILESTONES.items():
                    if friends == number and not self.erased(referrer, at):
                        self.reached[referrer][milestone] = at

    def same_person(self, record, at=FOREVER):
        """Every record of whoever has this one, by the merges until then."""
        found, look_at = {record}, [record]
        while look_at:
            near = {other for when, other in self.merges[look_at.pop()] if when <= at} - found
            found |= near
            look_at += near
        return found

    def _was_known(self, friend, at):
        """Whether, before they would have counted, they were merged with a record that nobody brought and that read before."""
        others = self.same_person(friend, at) - self.came_by.keys()
        return any(self._reads_since(other) < self.signed_up[friend] for other in others)

    def _reads_since(self, record):
        return self.confirmed.get(record, FOREVER) if record in self.signed_up else self.ticks[0]

    def _came_twice(self, friend):
        return sum(self.came_by.get(one, (0, ""))[1] == "friend" for one in self.same_person(friend)) > 1

    def _ended(self, friend, at):
        return any(begins <= at and why == "merged" for begins, _, _, why in self.barred_spans[friend])

    def _had_left(self, friend, stayed, at):
        """Whether a tick finds a friend gone who was gone already when they would have counted; erased ones whenever that was."""
        return any(
            begins <= (at if why in ("erased", "merged") else stayed) and at < latest
            for begins, _, latest, why in self.barred_spans[friend]
        )

    def nearly(self, referrer):
        """(milestone, when one more was enough)."""
        got = self.friends[referrer]
        return [(name, got[friends - 2][0]) for name, friends in MILESTONES.items() if 1 < friends <= len(got) + 1]

    def is_one_short(self, referrer, at):
        """Whether one friend more would have reached a milestone."""
        return sum(1 for came, _ in self.friends[referrer] if came <= at) + 1 in MILESTONES.values()

    def out_of_launch(self, record, launch, at):
        """Whether they applied or wished to hear no more of it."""
        for known, why in ((self.converted, "converted"), (self.muted, "muted")):
            if known[record].get(launch, FOREVER) <= at:
                return why
        return ""

    def zone(self, record):
        return self.people[record].zone

    def closes(self, launch, at):
        """When a launch closes by what the run was told, and by its file."""
        first = launches()[launch].closes
        edited, new = self.edited.get(launch, (FOREVER, first))
        told = new if self.agreed.get(launch, FOREVER) <= at else first
        written = new if edited <= at else first
        return to_utc(told, ZONE), to_utc(written, ZONE)

    def late(self, step, at):
        """Whether a step that counts back may have missed its hour by more than the grace at this tick: then it expires."""
        place = self.tick_from(at)
        gap = at - self.ticks[max(place - 1, 0)]
        return step.before and (
            gap > GRACE or any(begins - GRACE <= at <= ends + GRACE for begins, ends in self.stalled)
        )

    def works_again(self, at):
        """When what was decided at this tick was handed over at the latest, for all that is known of the workers."""
        next_tick = self.ticks[min(self.tick_from(at) + 1, len(self.ticks) - 1)]  # where a worker died with it
        return max([next_tick + SLOW, *(ends + GRACE for begins, ends in self.stalled if begins <= at <= ends)])

    def held(self, launch, step, at):
        """Whether a step waits until somebody agrees to an edit."""
        edited = self.edited.get(launch, (FOREVER,))[0]
        return step.anchor == "closes" and edited <= at < self.agreed.get(launch, FOREVER)


def moment(lives, one, step, at):
    """(due, until when it makes sense) of a step for somebody, by what the run was told at this moment."""
    zone = lives.zone(one.record) if step.theirs and lives.zone(one.record) else ZONE
    counted_from = one.met
    if step.anchor in OF_LAUNCH:
        told = lives.closes(one.sequence, at)[0]
        counted_from = to_utc(launches()[one.sequence].opens, ZONE) if step.anchor == "opens" else told
    due = fall_due(step, counted_from, zone)
    if step.before:  # what it says of the days that are left is wrong on the next
        tomorrow = datetime.combine(on_wall(due, zone).date() + DAY, time())
        return due, min(counted_from, to_utc(tomorrow, zone))
    if step.anchor == "opens":
        return due, lives.closes(one.sequence, at)[0]
    return due, due + KEEPS


class Inbox:
    """What arrived, by record: the hours of follow-ups and of issues."""

    def __init__(self):
        self.steps = defaultdict(list)  # record -> [(decided, arrived, step id)]
        self.issues = defaultdict(dict)  # record -> issue -> arrived
        self.never_came = defaultdict(list)  # like steps: decided, and then not handed over after all


def quiet(lives, inbox, one, step, at, *, surely):
    """Why a follow-up may not go at a moment: every reason. `surely`: not where it depends on what nobody outside can know."""
    record, found = one.record, []
    home = lives.zone(record) or ZONE
    hour = on_wall(at, home).time()
    if hour >= NIGHT_BEGINS or hour < NIGHT_ENDS:
        found.append("night")
    got = inbox.steps[record] if surely else inbox.steps[record] + inbox.never_came[record]
    others = [decided for decided, _, other in got if other != one.key(step)]
    if any(abs(at - decided) < BETWEEN and (decided < at or not surely) for decided in others):
        found.append("near_followup")
    if sum(1 for decided in others if at - 7 * DAY < decided <= at) >= WEEK_MOST:
        found.append("week_full")
    for issue, (known, goes_at) in lives.scheduled.items():
        if known <= at and abs(at - goes_at) < FROM_ISSUE and (not surely or issue in inbox.issues[record]):
            found.append("near_issue")
    if step.weekdays != EVERY_DAY:
        zone = lives.zone(record) if step.theirs and lives.zone(record) else ZONE
        wall = on_wall(at, zone)
        if wall.weekday() not in step.weekdays or (not surely and wall.time() < NIGHT_ENDS):
            found.append("weekday")
    return found


def enrollments(lives, inbox):
    """Everybody who is in a sequence by what happened."""
    found = []
    back = {record: at[0] for record, at in lives.returned.items() if at}
    for record, at in (back | lives.confirmed).items():  # each once: the first of their confirmations
        found.append(Enrolled("welcome", record, at, lives.tick_from(at)))
    for record in lives.people:
        if (at := lives.became_paid(record)) is not None:
            found.append(Enrolled("grateful", record, at, lives.tick_from(at)))
    found += _referrers(lives)
    hour = to_utc(Issues().hours[AFTER_ISSUE], ZONE)
    for record, got in inbox.issues.items():
        if AFTER_ISSUE in got:
            found.append(Enrolled("more", record, hour, lives.tick_from(hour)))
    for launch in launches().values():
        found += _in_launch(lives, launch)
    # Whoever was erased before a tick could see what they did is in none.
    return [one for one in found if not lives.erased(one.record, lives.tick_at(one.from_tick))]


def _referrers(lives):
    for referrer in list(lives.friends):
        for at, friend in lives.friends[referrer]:
            yield Enrolled("friend", referrer, at, lives.tick_from(at), occurrence=str(friend))
        for milestone, at in lives.nearly(referrer):
            yield Enrolled("nearly", referrer, at, lives.tick_from(at), occurrence=milestone)
        for milestone, at in lives.reached[referrer].items():
            if milestone != BY_HAND:
                yield Enrolled("earned", referrer, at, lives.tick_from(at), occurrence=milestone)
            if milestone == "month":
                yield Enrolled("thirds", referrer, at, lives.tick_from(at), occurrence=milestone)


def _in_launch(lives, launch):
    opens = to_utc(launch.opens, ZONE)
    first = lives.tick_from(opens)
    for record, person in lives.people.items():
        if launch.producers_only and not person.producer:
            continue
        came = lives.confirmed.get(record) or (opens if record not in lives.signed_up else None)
        if came is None:
            continue
        at, enrolled = max(opens, came), max(first, lives.tick_from(max(opens, came)))
        for back in lives.returned[record]:  # who is away is not in the audience; who comes back later is from then on
            if back > at and "unsubscribed" in (
                lives.barred(record, at),
                lives.barred(record, lives.tick_at(enrolled)),
            ):
                at, enrolled = back, max(enrolled, lives.tick_from(back))
        closes = lives.closes(launch.id, lives.tick_at(lives.tick_from(at)))[1]
        if lives.tick_at(enrolled) < closes:
            sure = not lives.barred(record, lives.tick_at(enrolled))
            yield Enrolled(launch.sequence, record, at, enrolled, sure)


STEPS = {step.id: (name, step) for name, steps in SEQUENCES.items() for step in steps}

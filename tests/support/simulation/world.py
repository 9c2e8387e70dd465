"""What happens in ninety days: people come, leave, pause, move, pay and apply; machines stop. Everything is drawn from one
seed, done to the program by its own verbs, and noted in a log, which is all the model learns of it.
"""

import heapq
import itertools
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tests.support.simulation import project
from tests.support.simulation.project import BEGINS, DAYS, ZONE, Issues
from worker import sources
from worker.domain.event import BounceClass, Event, EventType
from worker.domain.subscriber import Plan, Wants
from worker.store.engine import reading, writing
from worker.store.subscribers import NewSubscriber, add_subscribers, by_address_key, by_address_keys, by_id
from worker.usecases.apply_edits import apply_edits, find_changes
from worker.usecases.apply_to_launch import apply_to_launch
from worker.usecases.change_address import change_address
from worker.usecases.choose_preferences import Preferences, choose_preferences
from worker.usecases.erase_subscriber import erase_subscriber
from worker.usecases.grant_plan import grant_plan
from worker.usecases.merge_subscribers import merge_subscribers
from worker.usecases.mute_launch import mute_launch
from worker.usecases.record_events import record_events
from worker.usecases.schedule_broadcast import Hour, schedule_broadcast
from worker.usecases.unsubscribe import unsubscribe

ZONES = ("", "", ZONE, "Europe/Lisbon", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Los_Angeles")
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def instant(wall, zone=ZONE):
    """The first instant at which the wall clock of the zone shows this, or would have."""
    return wall.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)


@dataclass
class Person:
    """Whoever has a record. `status` is what the world knows of them, to do only what makes sense."""

    id: int
    address: str
    zone: str
    producer: bool
    first_paid: bool
    status: str = "confirmed"
    wants: str = "everything"
    paid: bool = False
    mails: list = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Noted:
    """One line of the log: what happened to which record, and when."""

    at: datetime
    record: int
    what: str
    detail: object = None


class World:
    """`begin(product)`, then `until(moment)` again and again; `log` holds what happened, in order."""

    def __init__(self, seed, size, liveliness=1.0, days=DAYS):
        self.seed, self.size, self.liveliness, self.days = seed, size, liveliness, days
        self.rng = random.Random(seed)
        self.log, self.people, self.by_address, self.merged = [], {}, {}, {}
        self.launches = project.launches()
        self.outages, self.stalled = [], []
        self.held = ""  # the launch whose edit nobody has agreed to yet
        self._agenda, self._turn = [], itertools.count()
        self._read, self._new = [], []
        self._networks = itertools.count()
        self.counts = {}

    # --- before the first day

    def begin(self, product):
        self.product = product
        self._add_people()
        self.starts, self.ends = instant(BEGINS), instant(BEGINS + timedelta(days=self.days))
        self._plan_issues()
        self._plan_launches()
        self._plan_outages()
        self._plan_lives()

    def _add_people(self):
        news, traits = [], {}
        for number in range(self.size):
            address = f"reader{number}@example.com"
            zone, producer, paid = self.rng.choice(ZONES), self.rng.random() < 0.4, self.rng.random() < 0.2
            traits[address] = (zone, producer, paid)
            news.append(
                NewSubscriber(
                    address=address,
                    joined_at=datetime(2026, 1, 5, tzinfo=UTC),
                    name=f"Reader {number}",
                    plan=Plan.PAID if paid else Plan.FREE,
                    zone=zone,
                    tags=frozenset({"producer"} if producer else ()),
                )
            )
        for start in range(0, self.size, 5_000):
            part = news[start : start + 5_000]
            with writing(self.product.engine) as connection:
                add_subscribers(connection, part)
                found = by_address_keys(connection, [one.address for one in part])
            for address, one in found.items():
                self._know(Person(one.id, address, *traits[address]))

    def _know(self, person):
        self.people[person.id] = person
        self.by_address[person.address] = person.id

    # --- the agenda

    def at(self, when, act, *args):
        heapq.heappush(self._agenda, (when, next(self._turn), act, args))

    def until(self, moment):
        """Do everything that is to happen up to this moment, each at its own."""
        while self._agenda and self._agenda[0][0] <= moment:
            when, _, act, args = heapq.heappop(self._agenda)
            self.product.turn(max(when, self.product.now))
            act(*args)
        self.product.turn(moment)

    def note(self, record, what, detail=None):
        self.counts[what] = self.counts.get(what, 0) + 1
        self.log.append(Noted(self.product.now, record, what, detail))

    def _plan_issues(self):
        for issue, wall in Issues().hours.items():
            self.at(max(instant(wall) - 67 * _HOUR, self.starts), self._schedule, issue, wall)

    def _plan_launches(self):
        name, edit, agree, closes = project.RETIMED
        self.at(instant(edit), self._edit, name, closes)
        self.at(instant(agree), self._agree, name)

    def _plan_outages(self):
        """Hours and days without a tick, and hours in which the clock ticks and no worker works."""
        for hours in (3, 5, 8, 14, 31, 75):
            begins = self.starts + self.rng.uniform(3, self.days - 5) * _DAY
            self.outages.append((begins, begins + hours * _HOUR))
        for hours in (2, 6, 20):
            begins = self.starts + self.rng.uniform(3, self.days - 5) * _DAY
            self.stalled.append((begins, begins + hours * _HOUR))

    def _plan_lives(self):
        rates = {
            self._leave: 0.04, self._complain: 0.005, self._bounce: 0.01, self._pause: 0.04, self._want_launches: 0.02,
            self._erase: 0.01, self._move: 0.01, self._merge: 0.005, self._pay: 0.03, self._mute: 0.03,
            self._apply: 0.1,
        }  # fmt: skip
        for act, rate in rates.items():
            for person in list(self.people.values()):
                if self.rng.random() < rate * self.liveliness:
                    self.at(self._some_time(), act, person)
        hubs = self.rng.sample(sorted(self.people), max(3, self.size // 60))
        for number in range(int(self.size * 0.1 * self.liveliness)):
            kind = self.rng.choice(("alone", "friend", "friend", "friend", "friend", "friend", "throwaway", "tagged"))
            domain = project.THROWAWAY if kind == "throwaway" else "example.org"
            address = f"friend{number}{'+news' * (kind == 'tagged')}@{domain}"
            by = 0 if kind == "alone" else self.rng.choice(hubs if self.rng.random() < 0.8 else sorted(self.people))
            self.at(self._some_time(), self._sign_up, address, by, kind)

    def _some_time(self):
        return self.starts + timedelta(minutes=self.rng.randrange(60, (self.days - 1) * 24 * 60))

    # --- what people do

    def _leave(self, person):
        if person.status != "confirmed":
            return
        person.status = "left"
        unsubscribe(self.product.engine, person.id, self.product.now)
        self.note(person.id, "left")
        if self.rng.random() < 0.4:
            self.at(self.product.now + self.rng.uniform(2, 20) * _DAY, self._sign_up, person.address, 0, "again")

    def _complain(self, person):
        self._event(person, "complained", EventType.COMPLAINED)

    def _bounce(self, person):
        self._event(person, "bounced", EventType.BOUNCED, bounce_class=BounceClass.INVALID_ADDRESS, status="5.1.1")

    def _event(self, person, what, kind, **fields):
        if person.status != "confirmed" or not person.mails:
            return
        mail = person.mails[-1]
        if mail.to != person.address:
            return
        person.status = what
        name = f"{what}:{person.id}"
        told = Event(kind, self.product.now, mail.to, name, name, mail.delivery, mail.submission, **fields)
        record_events(self.product.engine, [told], self.product.now)
        self.note(person.id, what)

    def _prefer(self, person, until=None):
        choose_preferences(self.product.engine, person.id, Preferences(Wants(person.wants), until), ZONE)

    def _pause(self, person):
        if person.status != "confirmed":
            return
        until = (self.product.now + self.rng.uniform(2, 25) * _DAY).astimezone(ZoneInfo(ZONE)).date()
        self._prefer(person, until)
        self.note(person.id, "paused", instant(datetime.combine(until, time())))

    def _want_launches(self, person):
        if person.status != "confirmed":
            return
        person.wants = "everything" if person.wants == "launches" else "launches"
        self._prefer(person)
        self.note(person.id, "paused", self.product.now)  # the same form ends a pause
        self.note(person.id, "wants", person.wants)
        if person.wants == "launches":
            self.at(self.product.now + self.rng.uniform(5, 40) * _DAY, self._want_launches, person)

    def _erase(self, person):
        if person.status in ("gone", "merged"):
            return
        erase_subscriber(self.product.engine, person.address, self.product.now, None, without_sendgrid=True)
        person.status = "gone"
        self.note(person.id, "erased")

    def _move(self, person):
        if person.status != "confirmed":
            return
        new = f"moved{person.id}@example.net"
        change_address(self.product.engine, person.address, new, self.product.now, None, without_sendgrid=True)
        self.note(person.id, "moved", (person.address, new))
        person.address = new
        self.by_address[new] = person.id

    def _merge(self, person):
        other = self.people[self.rng.choice(sorted(self.people))]
        if other is person or person.status != "confirmed" or other.status != "confirmed":
            return
        merge_subscribers(
            self.product.engine, person.address, other.address, ZONE, self.product.now, None, without_sendgrid=True
        )
        person.status = "merged"
        self.merged[person.id] = other.id
        self.note(person.id, "merged", other.id)
        self.note(other.id, "took over", person.id)

    def _pay(self, person):
        if person.status != "confirmed" or person.paid or person.first_paid:
            return
        until = (self.product.now + self.rng.uniform(3, 40) * _DAY).astimezone(ZoneInfo(ZONE)).date()
        grant_plan(
            self.product.engine, person.address, key=f"gift:{person.id}", source="gifted", until=until, zone=ZONE,
            now=self.product.now,
        )  # fmt: skip
        person.paid = True
        ends = datetime.combine(until, time()) + _DAY
        self.note(person.id, "paid", instant(ends))

    def _launch_now(self):
        open_now = [
            one for one in self.launches.values() if instant(one.opens) <= self.product.now < instant(one.closes)
        ]
        return self.rng.choice(open_now) if open_now else None

    def _apply(self, person):
        launch = self._launch_now()
        if launch and person.status in ("confirmed", "left"):
            apply_to_launch(self.product.engine, launch.id, person.id, self.product.now)
            self.note(person.id, "converted", launch.id)

    def _mute(self, person):
        launch = self._launch_now()
        if launch and person.status == "confirmed":
            mute_launch(self.product.engine, launch.id, person.id, self.product.now)
            self.note(person.id, "muted", launch.id)

    def _sign_up(self, address, by, kind="alone"):
        number = next(self._networks)
        network = f"{11 + number // 60_000}.{number // 250 % 240}.{number % 250}.7"  # nobody shares one
        fields = {"address": address}
        if by:
            with reading(self.product.engine) as connection:
                here = by_id(connection, by)
            if here is not None and self.people[by].status not in ("gone", "merged"):
                fields["r"] = here.referral_code
            else:
                by, kind = 0, "alone"
        self.product.client.delete_cookie("recommended_by", path="/")  # another browser each time
        answer = self.product.client.post("/subscribe", data=fields, environ_base={"REMOTE_ADDR": network})
        assert answer.status_code == 200, answer.status_code
        with reading(self.product.engine) as connection:
            if by_address_key(connection, address) is None:
                self._new.append((address, by, kind))

    def _confirm(self, address, path):
        person = self.people.get(self.by_address.get(address, 0))
        if person is None or person.status not in ("pending", "left"):
            return
        self.product.client.post(path, data={})
        self.note(person.id, "returned" if person.status == "left" else "confirmed")
        person.status = "confirmed"

    # --- what the author does

    def _schedule(self, issue, wall):
        context = self.product.context
        written = sources.read_issue(context.settings.project, issue)
        mailing_id = schedule_broadcast(
            self.product.engine, written, context.publication, segment="everyone",
            hour=Hour(wall, ZONE, instant(wall)), batch_size=1_000, now=self.product.now,
        )  # fmt: skip
        assert mailing_id is not None
        self.note(0, "scheduled", (issue, instant(wall)))

    def _edit(self, name, closes):
        self.launches[name].closes = closes
        project.write_launch(self.product.folder, self.launches[name])
        self.product.content = None
        self.held = name
        self.note(0, "edited", (name, closes))

    def _agree(self, name):
        changes = find_changes(self.product.engine, self.product.context.content, name, self.product.now)
        assert changes, "an edit of a running launch changes something"
        for one in changes:
            assert apply_edits(self.product.engine, one, self.product.now)
        self.held = ""
        self.note(0, "agreed", name)

    # --- mail

    def read(self, mail):
        """Called where a message arrives, in whichever thread."""
        self._read.append(mail)

    def take_mail(self):
        """Readers look at what came; some of it they answer."""
        new, self._read = sorted(self._read, key=lambda one: (one.to, one.subject, one.delivery)), []
        self._learn_ids()
        for mail in new:
            person = self.people.get(self.by_address.get(mail.to, 0))
            if person is None:
                continue
            person.mails.append(mail)
            del person.mails[:-3]
            if not mail.confirm_path:
                continue
            chance = random.Random(f"{self.seed}:{mail.to}:{len(self.log)}")
            if chance.random() < 0.9:
                later = self.product.now + timedelta(minutes=chance.randrange(1, 2_000))
                self.at(later, self._confirm, mail.to, mail.confirm_path)

    def _learn_ids(self):
        waiting, self._new = self._new, []
        for address, by, kind in waiting:
            with reading(self.product.engine) as connection:
                found = by_address_key(connection, address)
            if found is None:
                self._new.append((address, by, kind))
            elif address not in self.by_address:
                self._know(Person(found.id, address, "", False, False, status="pending"))
                self.note(found.id, "signed up", (by, kind))

"""Whatever a person does with their records, they count once as a friend, and earn a reward once.

People have two mailboxes each, and several spellings of both. They sign up by links, confirm, leave, come back, are erased,
merged, get other addresses; ticks come in between. The test knows who is who by what was said: a spelling, a change of
address, a merge. It knows nothing of hashes.
"""

import contextlib
from collections import Counter
from datetime import timedelta

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.support.makers import NOW, make_subscriber
from tests.support.referring import ZONE, make_milestone, make_rules
from worker.domain.subscriber import SubscriberStatus
from worker.errors import BroadsheetError
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.referrals import confirm_referral
from worker.store.subscribers import NewSubscriber, add_subscriber, by_address_key, set_status
from worker.store.tables import grants, referral_rewards, referrals
from worker.usecases.change_address import change_address
from worker.usecases.erase_subscriber import erase_subscriber
from worker.usecases.merge_subscribers import merge_subscribers
from worker.usecases.record_referral import credit_referrer
from worker.usecases.verify_referrals import verify_referrals

PEOPLE = 3
BOXES = [(person, box) for person in range(PEOPLE) for box in "abc"]
RULES = make_rules(make_milestone("hat", 1, text="A hat"), make_milestone("month", 2))

steps = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "arrive",
                "arrive",
                "arrive",
                "arrive",
                "join",
                "confirm",
                "leave",
                "erase",
                "erase",
                "merge",
                "move",
                "tick",
            ]
        ),
        st.sampled_from(BOXES),
        st.sampled_from(BOXES),
        st.integers(0, 2),
    ),
    min_size=8,
    max_size=45,
)


def spelled(box, spelling):
    """An address of a mailbox: all of these reach the same one."""
    person, which = box
    return [f"p{person}.{which}x@gmail.com", f"p{person}{which}x@gmail.com", f"P{person}{which}X@googlemail.com"][
        spelling
    ]


class World:
    """The real use cases, and beside them what a bystander knows: which records were said to be one person's."""

    def __init__(self, engine, run):
        self.engine, self.run, self.now = engine, run, NOW
        self.same = {}  # record or mailbox -> one it belongs with

    def key(self, address):
        return address.replace("@", f".r{self.run}@")  # each example has people of its own

    def find(self, address):
        with reading(self.engine) as connection:
            return by_address_key(connection, self.key(address).lower())

    def here(self, box):
        return next((found for one in range(3) if (found := self.find(spelled(box, one)))), None)

    def root(self, one):
        while self.same.get(one, one) != one:
            one = self.same[one]
        return one

    def link(self, one, other):
        self.same[self.root(one)] = self.root(other)

    def join(self, box, other, spelling):
        address, referrer = spelled(box, spelling), self.here(other)
        with writing(self.engine) as connection:
            new = NewSubscriber(self.key(address), self.now, status=SubscriberStatus.PENDING)
            found, _ = add_subscriber(connection, new)
            self.link(("record", found.id), ("box", box))
            if found.status is SubscriberStatus.PENDING and referrer is not None:
                credit_referrer(connection, [referrer.referral_code], found.id, self.now)

    def confirm(self, box, _other, spelling):
        found = self.find(spelled(box, spelling))
        if found is not None and found.status is not SubscriberStatus.ERASED:
            with writing(self.engine) as connection:
                set_status(connection, found.id, SubscriberStatus.CONFIRMED, self.now)
                confirm_referral(connection, found.id, self.now)

    def arrive(self, box, other, spelling):
        self.join(box, other, spelling)
        self.confirm(box, other, spelling)

    def leave(self, box, _other, spelling):
        if found := self.find(spelled(box, spelling)):
            with writing(self.engine) as connection:
                set_status(connection, found.id, SubscriberStatus.UNSUBSCRIBED, self.now)

    def erase(self, box, _other, spelling):
        if self.find(spelled(box, spelling)):
            address = self.key(spelled(box, spelling))
            erase_subscriber(self.engine, address, self.now, None, without_sendgrid=True)

    def merge(self, box, other, _spelling):
        one, two = self.here(box), self.here((box[0], other[1]))
        if one and two and one.id != two.id:
            merge_subscribers(self.engine, one.address, two.address, ZONE, self.now, None, without_sendgrid=True)
            self.link(("record", one.id), ("record", two.id))

    def move(self, box, other, spelling):
        found, target = self.here(box), (box[0], other[1])
        if found is not None:
            new = self.key(spelled(target, spelling))
            change_address(self.engine, found.address, new, self.now, None, without_sendgrid=True)
            self.link(("record", found.id), ("box", target))

    def tick(self, *_):
        verify_referrals(self.engine, RULES, ZONE, self.now)

    def check(self):
        with reading(self.engine) as connection:
            rows = connection.execute(select(referrals)).all()
            rewards = connection.execute(select(referral_rewards)).all()
            given_months = connection.execute(select(grants)).all()
        alive = [row for row in rows if row.state != "rejected"]
        oneself = [row.id for row in alive if self.of(row.referrer_id) == self.of(row.referred_id)]
        counts = Counter(self.of(row.referred_id) for row in alive)
        earned = Counter((self.of(row.subscriber_id), row.milestone_id) for row in rewards if row.state != "void")
        months = Counter(self.of(row.subscriber_id) for row in given_months if row.revoked_at is None)
        wrong = ["brought themself"] if oneself else []
        wrong += ["a person counts twice"] if max(counts.values(), default=0) > 1 else []
        wrong += ["a person earned a reward twice"] if max(earned.values(), default=0) > 1 else []
        return wrong + (["a person was given months twice"] if max(months.values(), default=0) > 1 else [])

    def of(self, record_id):
        return self.root(("record", record_id))


runs = iter(range(1_000_000))


def walk(engine, taken):
    """Takes the steps; what was ever wrong, in words."""
    hash_addresses(engine, "the oldest secret of this installation")
    world = World(engine, next(runs))
    wrong = []
    for person in range(PEOPLE):  # somebody to be brought by
        world.arrive((person, "a"), (person, "a"), 0)
    for name, box, other, spelling in taken:
        world.now += timedelta(hours=1)
        with contextlib.suppress(BroadsheetError):  # an operator is told why not, and nothing has changed
            getattr(world, name)(box, other, spelling)
        wrong += world.check()
    for _ in range(3):
        world.tick()
        wrong += world.check()
    return wrong


A0, B0, C0, A1, B1, A2, B2 = (0, "a"), (0, "b"), (0, "c"), (1, "a"), (1, "b"), (2, "a"), (2, "b")
BROUGHT_TWICE = [
    ("arrive", B0, A1, 0),
    ("arrive", C0, A2, 0),
    ("tick", A0, A0, 0),
    ("merge", B0, C0, 0),
]
REWARDED_TWICE = [
    ("arrive", B0, B0, 0),
    ("arrive", C0, C0, 0),
    ("arrive", B1, B0, 0),
    ("arrive", B2, C0, 0),
    ("tick", A0, A0, 0),
    ("merge", B0, C0, 0),
]
REWARDED_AGAIN = [
    ("arrive", B1, A0, 0),
    ("tick", A0, A0, 0),
    ("erase", A0, A0, 0),
    ("arrive", A0, A0, 1),
    ("arrive", B2, A0, 0),
    ("tick", A0, A0, 0),
]


@example(BROUGHT_TWICE)
@example(REWARDED_TWICE)
@example(REWARDED_AGAIN)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps)
def test_no_order_of_events_counts_a_person_twice_or_rewards_them_twice(sqlite_engine, taken):
    assert walk(sqlite_engine, taken) == []


def test_a_person_who_was_erased_and_signs_up_again_counts_no_second_time_on_either_database(engine):
    one, two, ana = (0, "b"), (0, "c"), (1, "a")
    wrong = walk(
        engine,
        [
            ("arrive", one, ana, 0),
            ("tick", one, ana, 0),
            ("move", one, two, 1),
            ("arrive", one, ana, 1),
            ("erase", two, ana, 1),
            ("arrive", two, ana, 0),
            ("merge", one, two, 0),
            ("tick", one, ana, 0),
        ],
    )
    assert wrong == []
    with reading(engine) as connection:
        states = [row.state for row in connection.execute(select(referrals).order_by(referrals.c.id))]
    assert states.count("verified") == 1
    with writing(engine) as connection:
        make_subscriber(connection)

"""Pace: how fast the account may be used. Pure arithmetic over buckets of tokens; worker/store/pace.py keeps them.

A limit is an allowance of messages that comes back in equal parts. A batch of a broadcast takes its messages when the
bucket holds them, or when the bucket is full: one smaller than a batch goes below zero and waits until that is paid
back. Prompt mail borrows: where the allowance is spent it still goes, out of a reserve of a tenth of the limit, and
what it took is missing for broadcasts afterwards. A warm-up's day is never overdrawn by a broadcast: a batch is divided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from worker.domain.mailing import Queue
from worker.domain.warm_up import WarmUp, day_of

MESSAGE = 1_000  # tokens in one message
RESERVE_SHARE = 10  # prompt mail may borrow a tenth of each limit, and one message at least
RESERVE = " reserve"  # what the row of a limit's reserve ends in


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left of an allowance, in thousandths of a message; below zero where it was overdrawn."""

    tokens: int
    refilled_at: datetime


class Allowance(Protocol):
    """Something that is taken from and comes back. `divides`: a broadcast's batch is cut to what is left."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def divides(self) -> bool: ...  # noqa: D102

    def capacity(self, now: datetime) -> int | None:
        """How many messages it holds when full; None where it sets no limit."""
        ...

    def refill(self, bucket: Bucket | None, now: datetime) -> Bucket:
        """The bucket as it is at `now`; one that was never used is full."""
        ...

    def full_enough_at(self, bucket: Bucket, tokens: int, now: datetime) -> datetime:
        """When a bucket refilled at `now` will hold so many tokens."""
        ...


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many `messages` in each `period`, which come back in `steps` equal parts.

    With one step the allowance comes back whole, a period after its first message was taken: so a list longer than
    the limit gets the limit per period, not twice as much in the first one.
    """

    name: str
    messages: int
    period: timedelta
    steps: int = 1
    divides: bool = False

    def capacity(self, now: datetime) -> int:
        """Messages when full."""
        return self.messages

    def refill(self, bucket: Bucket | None, now: datetime) -> Bucket:
        """Add whole steps only, and move the time on by those, so that nothing is lost to rounding."""
        full = self.messages * MESSAGE
        if bucket is None:
            return Bucket(full, now)
        whole = max(0, (now - bucket.refilled_at) // self._step)
        tokens = bucket.tokens + whole * self._part
        return Bucket(full, now) if tokens >= full else Bucket(tokens, bucket.refilled_at + whole * self._step)

    def full_enough_at(self, bucket: Bucket, tokens: int, now: datetime) -> datetime:
        """When a bucket refilled at `now` will hold so many tokens (at most the capacity)."""
        missing = max(0, tokens - bucket.tokens)
        return bucket.refilled_at + -(-missing // self._part) * self._step

    @property
    def _step(self) -> timedelta:
        return self.period / self.steps

    @property
    def _part(self) -> int:
        return self.messages * MESSAGE // self.steps


@dataclass(frozen=True, slots=True)
class WarmUpDay:
    """The warm-up's allowance: as many messages as its plan gives a calendar day of the publication's zone."""

    name: str
    warm_up: WarmUp
    zone: str
    share: int = 1  # the reserve is a tenth
    divides: bool = True

    def capacity(self, now: datetime) -> int | None:
        """Today's maximum; None before the first day and after the last."""
        maximum = self.warm_up.maximum_on(day_of(now, self.zone).on)
        return None if maximum is None else max(1, maximum // self.share)

    def refill(self, bucket: Bucket | None, now: datetime) -> Bucket:
        """A new day begins with its whole maximum, less what was overdrawn the day before."""
        begins = day_of(now, self.zone).begins
        if bucket is not None and bucket.refilled_at >= begins:
            return bucket
        full = (self.capacity(now) or 0) * MESSAGE
        return Bucket(full + min(0, bucket.tokens if bucket else 0), begins)

    def full_enough_at(self, bucket: Bucket, tokens: int, now: datetime) -> datetime:
        """The next day's beginning, where today's rest is too little."""
        return bucket.refilled_at if bucket.tokens >= tokens else day_of(now, self.zone).ends


@dataclass(frozen=True, slots=True)
class Taken:
    """The batch may go; these buckets are to be written, each against what it was read as."""

    buckets: Mapping[str, Bucket]


@dataclass(frozen=True, slots=True)
class Wait:
    """Not before `until` are there tokens enough."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Part:
    """Only so many messages (1 or more, fewer than asked for) may go now: the batch is to be divided."""

    messages: int


@dataclass(frozen=True, slots=True)
class Pace:
    """Every limit of the account. Without one nothing is ever asked of the database."""

    limits: tuple[Limit, ...] = ()
    warm_up: WarmUpDay | None = None

    @property
    def unlimited(self) -> bool:
        """Whether nothing has to be counted."""
        return not self.limits and self.warm_up is None

    def steady(self, now: datetime) -> float | None:
        """Messages a second that a long broadcast can count on; None where nothing limits it."""
        rates = [limit.messages / limit.period.total_seconds() for limit in self.limits]
        today = self.warm_up.capacity(now) if self.warm_up else None
        if today is not None:
            rates.append(today / 86_400)
        return min(rates, default=None)

    def decide(self, buckets: Mapping[str, Bucket], messages: int, queue: Queue, now: datetime) -> Taken | Wait | Part:
        """Whether a batch of so many messages may go at `now`. `buckets` is what the database holds, by name."""
        asked = _Asked(buckets, messages, queue, now)
        for allowance in (*self.limits, *((self.warm_up,) if self.warm_up else ())):
            if allowance.capacity(now) is not None:
                asked.take(allowance, _reserve_of(allowance))
        if asked.waits:
            return Wait(max(asked.waits))
        return Part(min(asked.parts)) if asked.parts else Taken(asked.taken)


UNLIMITED = Pace()


def pace_of(
    per_second: int | None,
    per_hour: int | None,
    per_day: int | None,
    warm_up: WarmUp | None = None,
    zone: str = "UTC",
) -> Pace:
    """The pace that settings and publication ask for; None is no limit."""
    limits = [
        Limit(name, messages, period, steps)
        for name, messages, period, steps in (
            ("second", per_second, timedelta(seconds=1), 10),
            ("hour", per_hour, timedelta(hours=1), 1),
            ("day", per_day, timedelta(days=1), 1),
        )
        if messages
    ]
    return Pace(tuple(limits), WarmUpDay("warm-up", warm_up, zone) if warm_up else None)


def _reserve_of(allowance: Limit | WarmUpDay) -> Limit | WarmUpDay:
    name = allowance.name + RESERVE
    if isinstance(allowance, WarmUpDay):
        return WarmUpDay(name, allowance.warm_up, allowance.zone, RESERVE_SHARE)
    return Limit(name, max(1, allowance.messages // RESERVE_SHARE), allowance.period, allowance.steps)


@dataclass(slots=True)
class _Asked:
    """One question to every allowance, and what came of it so far."""

    buckets: Mapping[str, Bucket]
    messages: int
    queue: Queue
    now: datetime
    taken: dict[str, Bucket] = field(default_factory=dict)
    waits: list[datetime] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)

    def take(self, allowance: Allowance, reserve: Allowance) -> None:
        have = allowance.refill(self.buckets.get(allowance.name), self.now)
        wanted = self._wanted(allowance)
        if have.tokens >= wanted:
            self._spend(allowance, have)
        elif self.queue is Queue.PROMPT:
            self._borrow(allowance, have, reserve)
        elif allowance.divides and have.tokens >= MESSAGE:
            self.parts.append(have.tokens // MESSAGE)
        else:
            self.waits.append(allowance.full_enough_at(have, wanted, self.now))

    def _wanted(self, allowance: Allowance) -> int:
        """Tokens that must be there: all of a batch's, or a full bucket where that is smaller (unless it divides)."""
        capacity = allowance.capacity(self.now) or 0
        whole = allowance.divides and self.queue is Queue.BULK
        return MESSAGE * (self.messages if whole else min(self.messages, capacity))

    def _spend(self, allowance: Allowance, have: Bucket) -> None:
        self.taken[allowance.name] = Bucket(have.tokens - self.messages * MESSAGE, have.refilled_at)

    def _borrow(self, allowance: Allowance, have: Bucket, reserve: Allowance) -> None:
        kept = reserve.refill(self.buckets.get(reserve.name), self.now)
        wanted = self._wanted(reserve)
        if kept.tokens >= wanted:
            self._spend(reserve, kept)
            self._spend(allowance, have)
        else:
            usual = allowance.full_enough_at(have, self._wanted(allowance), self.now)
            self.waits.append(min(usual, reserve.full_enough_at(kept, wanted, self.now)))

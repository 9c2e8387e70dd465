"""Mailings: what deliveries are owed for, and the one table that says how each kind behaves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from worker.domain.late import Late


class MailingKind(StrEnum):
    """What a mailing is."""

    BROADCAST = "broadcast"
    STEP = "step"  # one step of a sequence (a launch reminder, for one)
    REWARD = "reward"  # referral mails to the referrer
    CONFIRMATION = "confirmation"
    WELCOME = "welcome"
    ALERT = "alert"  # to the author, when something needs attention
    TEST = "test"


class MailingStatus(StrEnum):
    """Where a mailing stands; the moves are in docs/delivery.md."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PLANNING = "planning"
    SENDING = "sending"
    STAGED = "staged"
    RECALLING = "recalling"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class Queue(StrEnum):
    """The two queues; each worker process listens to one."""

    BULK = "bulk"
    PROMPT = "prompt"


class Uncertain(StrEnum):
    """What happens to a batch whose fate is unknown."""

    HOLD = "hold"  # never resent by itself: an event or an operator decides
    RESEND = "resend"  # a second copy does less harm than none


@dataclass(frozen=True, slots=True)
class KindRules:
    """One row of the table of kinds. `unconfirmed`: may reach a subscriber who has not confirmed yet. `asks`: asks for
    consent, so it may reach who unsubscribed and asks to come back, and nobody who has confirmed. `preferences`: what a
    reader chose (launches only, a pause) holds for it.

    `outsiders`: goes to an address written on the delivery, which need not be a subscriber's. `late`: what happens when
    its hour was missed, unless the mailing says otherwise.
    """

    queue: Queue
    uncertain: Uncertain
    unconfirmed: bool = False
    asks: bool = False
    preferences: bool = True
    outsiders: bool = False
    late: Late = Late.SEND


KINDS: dict[MailingKind, KindRules] = {
    MailingKind.BROADCAST: KindRules(Queue.BULK, Uncertain.HOLD, late=Late.ASK),
    MailingKind.STEP: KindRules(Queue.PROMPT, Uncertain.HOLD, late=Late.ASK),
    MailingKind.REWARD: KindRules(Queue.PROMPT, Uncertain.HOLD),
    MailingKind.CONFIRMATION: KindRules(Queue.PROMPT, Uncertain.RESEND, unconfirmed=True, asks=True, preferences=False),
    MailingKind.WELCOME: KindRules(Queue.PROMPT, Uncertain.HOLD, preferences=False),
    MailingKind.ALERT: KindRules(Queue.PROMPT, Uncertain.RESEND, preferences=False, outsiders=True),
    MailingKind.TEST: KindRules(Queue.PROMPT, Uncertain.HOLD, preferences=False, outsiders=True),
}


#: One for each new reader: in a list of mailings they would hide the letters, so they stand there only if they need attention.
QUIET_KINDS = (MailingKind.CONFIRMATION, MailingKind.WELCOME)


@dataclass(frozen=True, slots=True)
class Mailing:
    """One row of `mailings`.

    `key` is unique and never changes: it is made from ids in front matter, not from names, so that renaming
    mails nobody again. `source` says what to render: `issue:<id>`, `step:<sequence>/<step id>`, `notice:<name>`. `wall_time`
    (ISO, without offset) and `zone` are the hour as the author wrote it, `send_at` is the same instant. `stage_at`: from
    when on it is handed over ahead of its hour; None: it is not staged. `recall_to`: what it becomes after a recall.
    `corrects_id`: goes only to those who have that mailing in another text. `local_hour`: to each reader when it is
    `wall_time` where they live; `send_at` is the earliest such moment. `run_id` and `step_id`: the step of which run of a
    sequence it is, `step_rules` its rules (worker/domain/step_rules.py).
    """

    id: int
    key: str
    kind: MailingKind
    status: MailingStatus
    source: str
    segment: str
    send_at: datetime
    wall_time: str
    zone: str
    generation: int
    sendgrid_batch_id: str | None
    launch_id: str | None
    candidates: int
    audience: int
    needs_attention: str | None
    created_at: datetime
    planned_at: datetime | None = None
    finished_at: datetime | None = None
    stage_at: datetime | None = None
    recall_to: str | None = None
    corrects_id: int | None = None
    local_hour: bool = False
    run_id: int | None = None
    step_id: str | None = None
    step_rules: str | None = None

    @property
    def rules(self) -> KindRules:
        """How mailings of this kind behave."""
        return KINDS[self.kind]

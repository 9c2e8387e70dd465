"""The provider's protocol: one POST of a batch, and every way it can end as a value.

Match on `Answer` with `assert_never`. What an answer does to the batch is in docs/delivery.md and in
worker/usecases/submit_batch.py; this module only says what is known about the call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address with a display name (may be empty)."""

    address: str
    name: str = ""


class Addressee(NamedTuple):
    """One recipient of a submission.

    `values` is the text of a JSON object that maps each merge tag of the edition to its escaped value (a string). As
    text, because it goes into the request as it is.
    """

    delivery_id: int
    address: str
    values: str
    unsubscribe_url: str


@dataclass(frozen=True, slots=True)
class Submission:
    """One POST: an edition's content and 1 to 1,000 addressees, in the order refusals are numbered by.

    `key` is the submission's opaque id; it comes back with every event. `send_at` and `sendgrid_batch_id` are
    set for staged mail only. `sandbox` asks for validation without mail. `past_opt_outs`: it also goes to who stands on
    the provider's list of opt-outs, for it asks whether they want to come back. `counts_clicks`: links but the reader's own
    lead through the provider, which reports who followed one.
    """

    key: str
    sender: Mailbox
    reply_to: str
    subject: str
    html: str
    text: str
    list_id: str
    addressees: Sequence[Addressee]
    categories: Sequence[str] = ()
    send_at: datetime | None = None
    sendgrid_batch_id: str | None = None
    sandbox: bool = False
    past_opt_outs: bool = False
    counts_clicks: bool = False


class RefusalKind(StrEnum):
    """What a refusal is about, which decides what happens next."""

    ROWS = "rows"  # 400 that names rows: `rows` says which; the others are innocent
    MESSAGE = "message"  # 400 about the message itself: pause the mailing
    UNNAMED = "unnamed"  # 400 that names nothing: split
    SIZE = "size"  # 413: split
    ACCOUNT = "account"  # 401, 403, credit, wrong URL, redirect: pause the mailing


@dataclass(frozen=True, slots=True)
class Accepted:
    """202: SendGrid has taken the batch. Nothing more is known.

    `reset_at` is set where the answer said that it was the last one before that time.
    """

    message_id: str
    reset_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Validated:
    """200 to a sandbox request: the request is well formed, no mail goes out."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A 4xx: nothing of the batch was taken. `rows` maps an addressee's index to the provider's reason.

    `reason` is safe to log and to show: it holds no address.
    """

    kind: RefusalKind
    status: int
    reason: str
    rows: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RateLimited:
    """429: nothing was taken. `retry_at` is the header's time, or None where there was none."""

    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The request provably never left whole: refused connection, DNS, TLS, a send that broke off. Safe to repeat."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The body left and no usable answer came: time-out, dropped connection, 5xx. Never repeated by itself."""

    reason: str
    status: int | None = None


Answer = Accepted | Validated | Refused | RateLimited | Unavailable | Unknown


class Provider(Protocol):
    """Takes submissions. The only interface in Broadsheet."""

    def submit(self, submission: Submission) -> Answer:
        """Post once, never again by itself, and say what is known. Ends within the total deadline it was made with."""
        ...

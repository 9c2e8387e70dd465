"""What a provider's account says of itself when asked: read-only questions for the doctor, and probes for `--live`.

Every answer is a value; `NotTold` is the one for anything that is no answer. Nothing here is needed to send.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from worker.providers.base import Submission


@dataclass(frozen=True, slots=True)
class NotTold:
    """No answer to the question: not allowed (`status` 403), no such key (401), or not reached (None). Safe to show."""

    reason: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Scopes:
    """What the key may do. `provider_time` is the answer's Date header."""

    names: frozenset[str]
    provider_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Senders:
    """Who may stand in From: single verified addresses (lower case), and authenticated domains."""

    addresses: frozenset[str]
    domains: frozenset[str]


@dataclass(frozen=True, slots=True)
class Webhook:
    """One event webhook: where it posts, whether it is on, the key it signs with (empty: unsigned), and what it posts."""

    url: str
    enabled: bool
    public_key: str
    events: frozenset[str]


@dataclass(frozen=True, slots=True)
class Probed:
    """The answer to a mail send call made to learn something. `rate` holds its rate-limit headers, as sent."""

    status: int
    reason: str
    rate: Mapping[str, str]


class Account(Protocol):
    """Questions about the account, and probes. `SendGridAccount` is one."""

    def scopes(self) -> Scopes | NotTold:
        """What the key may do."""
        ...

    def senders(self) -> Senders | NotTold:
        """Who may stand in From."""
        ...

    def webhooks(self) -> Sequence[Webhook] | NotTold:
        """Where events go."""
        ...

    def probe(self, submission: Submission, *, twice: bool = False, merge_bytes: int = 0) -> Probed | NotTold:
        """Post a submission to see the answer. `twice`: its addressee stands in two personalizations.

        `merge_bytes`: so many bytes of merge values, keys with them. For both, `submission.sandbox` must be set.
        """
        ...


#: Events Broadsheet acts upon, by SendGrid's names in a webhook's settings.
NEEDED_EVENTS: Collection[str] = (
    "bounce",
    "delivered",
    "dropped",
    "spam_report",
    "unsubscribe",
    "group_unsubscribe",
)

"""How a mailroom is set up."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from worker.errors import UsageError

#: What a key of the mailroom may do. The names are SendGrid's.
SCOPES = (
    "mail.send",
    *(
        f"{group}.{verb}"
        for group in ("mail.batch", "user.scheduled_sends", "suppression", "asm.suppressions.global")
        for verb in ("create", "read", "update", "delete")
    ),
    "sender_verification_eligible",
    "user.webhooks.event.settings.read",
    "whitelabel.read",
)


@dataclass(frozen=True, slots=True)
class MailroomOptions:
    """`port` 0 takes any free one. No `api_keys`: any Bearer key is good. `latency_seconds` delays each answer of
    mail send by itself. `keep` is the folder of messages.jsonl; None only counts. `events_url` is where signed events
    are posted; empty posts none. `private_key` is a PEM file with a P-256 key; None makes a new one at each start.
    `event_retry_seconds` are the pauses between the tries of one call with events.

    `scopes` is what a key may do (calls beyond it are 403); `verified_senders` and `domains` are what the account says
    may stand in From, though mail send takes any.

    `clock` is Unix seconds to stand still at, None for the real clock; `/_mailroom/clock` turns it later.
    What SendGrid's documents leave open about scheduled mail: `late_mail`, what becomes of mail that arrives under an
    id which was cancelled before; `late_cancel`, what a pause or cancellation later than ten minutes before the hour
    does (201 and no effect, 400, or what it should); `processed_at`, when the event `processed` of scheduled mail comes;
    `suppressed_at`, when the suppression lists are looked at for scheduled mail.
    """

    port: int = 0
    host: str = "127.0.0.1"
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    latency_seconds: float = 0.0
    keep: Path | None = None
    events_url: str = ""
    private_key: Path | None = None
    scopes: tuple[str, ...] = SCOPES
    verified_senders: tuple[str, ...] = ()
    domains: tuple[str, ...] = ("letters.example.com", "example.com", "example.org", "example.net")
    clock: float | None = None
    late_mail: Literal["discard", "deliver"] = "discard"
    late_cancel: Literal["ignore", "refuse", "obey"] = "ignore"
    processed_at: Literal["hour", "acceptance"] = "hour"
    suppressed_at: Literal["hour", "acceptance"] = "hour"
    event_retry_seconds: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0)

    def __post_init__(self) -> None:
        if not ipaddress.ip_address(self.host).is_loopback:
            raise UsageError(
                f"the mailroom listens on this machine alone, not on {self.host}", fix="use 127.0.0.1 or ::1"
            )

"""What becomes of mail in the mailroom, as SendGrid's event webhook would tell it. Pure but for random ids.

Every message is `processed` and `delivered`, unless its address asks for something else: the local part begins with
one of the words of OUTCOMES (`bounce@example.com`, `complain.anna@example.org`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import orjson

Event = dict[str, Any]

_BOUNCE = {
    "status": "5.1.1",
    "reason": "550 5.1.1 The mailbox does not exist",
    "bounce_classification": "Invalid Address",
}
_BLOCK = {"status": "4.7.1", "reason": "421 4.7.1 Too much mail at once", "bounce_classification": "Reputation"}
_DELIVERED = ("delivered", {"response": "250 2.0.0 OK", "ip": "192.0.2.25", "tls": 1})

#: First letters of the local part -> the events after (or, for drop, instead of) `processed`, with their own fields.
OUTCOMES: Mapping[str, Sequence[tuple[str, Mapping[str, Any]]]] = {
    "bounce": (("bounce", {"type": "bounce", **_BOUNCE}),),
    "block": (("bounce", {"type": "blocked", **_BLOCK}),),
    "defer": (("deferred", {"response": "451 4.3.0 Try again later", "attempt": "1"}),),
    "drop": (("dropped", {"reason": "Bounced Address", "status": "5.0.0"}),),
    "complain": (_DELIVERED, ("spamreport", {})),
    "unsub": (_DELIVERED, ("unsubscribe", {})),
}

Part = Literal["all", "processed", "after"]


def events_of(
    address: str,
    custom_args: Mapping[str, str],
    message_id: str,
    number: int,
    at: int,
    *,
    part: Part = "all",
    send_at: int = 0,
) -> Iterator[Event]:
    """The events of one message in their natural order. `at` is Unix seconds; custom args lie flat beside the rest.

    `part`: all of them, or only the first look (`processed`), or only what follows it.
    """
    local = address.partition("@")[0].lower()
    after = next((events for start, events in OUTCOMES.items() if local.startswith(start)), (_DELIVERED,))
    first = () if after[0][0] == "dropped" or part == "after" else (("processed", {"send_at": send_at}),)
    if part == "processed":
        after = ()
    smtp_id = f"<{secrets.token_urlsafe(12)}@mailroom.test>"
    for name, extra in (*first, *after):
        yield {
            **custom_args,  # SendGrid's own names win over custom args of the same name
            "email": address,
            "timestamp": at,
            "smtp-id": smtp_id,
            "event": name,
            "sg_event_id": secrets.token_urlsafe(16),
            "sg_message_id": f"{message_id}.recvd-mailroom-{number}.0",
            **extra,
        }


def event_body(events: Sequence[Event]) -> bytes:
    """A JSON array as SendGrid writes it: an event per line, lines ended by CR LF. Re-serialised, it verifies no more."""
    return b"[" + b",\r\n".join(orjson.dumps(event) for event in events) + b"]\r\n"

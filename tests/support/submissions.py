"""Submissions to hand to a provider."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from worker.providers.base import Addressee, Mailbox, Submission

KEY = "SG.invented-key.for-tests-0123456789"  # looks like one, opens nothing


def make_addressee(number: int = 0, **fields: Any) -> Addressee:
    """The number-th reader, with two merge values (`values` is given as a dict)."""
    given: dict[str, Any] = {
        "delivery_id": 1_000 + number,
        "address": f"reader{number}@example.com",
        "values": {"-bs00h-": "Zoë", "-bs01t-": f"https://letters.example.com/m/token{number}"},
        "unsubscribe_url": f"https://letters.example.com/u/token{number}",
    }
    given |= fields
    return Addressee(**given | {"values": orjson.dumps(given["values"]).decode()})


def make_submission(count: int = 2, **fields: Any) -> Submission:
    """A plain submission to so many readers."""
    plain = Submission(
        key="sub_7f3a",
        sender=Mailbox("ines@letters.example.com", "Letters from Ines"),
        reply_to="ines@example.org",
        subject="Hello -bs00h-",
        html='<p>Hello -bs00h-</p><p><a href="-bs01t-">preferences</a></p>',
        text="Hello -bs00h-\n\nPreferences: -bs01t-\n",
        list_id="letters.example.com",
        addressees=tuple(make_addressee(number) for number in range(count)),
    )
    return replace(plain, **fields)

"""Every platform's words for "may be mailed" and "must not", in one table each; case and padding do not matter.

A word that stands in no table is an error: nothing that is not known to mean yes is ever read as yes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from worker.domain.subscriber import SubscriberStatus
from worker.domain.suppression import SuppressionReason
from worker.usecases.read_cells import shown


class Consent(NamedTuple):
    """Where consent stands: a status, or a reason not to mail. Both None: the cell is blank.

    `unsaid`: pending, for the file does not say whether they agreed, and the author may know (`--consent`).
    """

    status: SubscriberStatus | None = None
    reason: SuppressionReason | None = None
    unsaid: bool = False


YES = Consent(status=SubscriberStatus.CONFIRMED)
PENDING = Consent(status=SubscriberStatus.PENDING)
UNSAID = Consent(status=SubscriberStatus.PENDING, unsaid=True)
LEFT = Consent(reason=SuppressionReason.UNSUBSCRIBED)
BOUNCED = Consent(reason=SuppressionReason.BOUNCED)
COMPLAINED = Consent(reason=SuppressionReason.COMPLAINED)
INVALID = Consent(reason=SuppressionReason.INVALID)
BLOCKED = Consent(reason=SuppressionReason.MANUAL)

_SAID: dict[Consent, str] = {
    YES: "confirmed, active, subscribed, enabled, regular, opted in, opt in",
    PENDING: "pending, unconfirmed, not confirmed, unactivated, not activated, validating, needs attention",
    LEFT: "unsubscribed, unsubscribe, inactive, opted out, opt out, optout, cancelled, canceled, left, not subscribed",
    BOUNCED: "bounced, bounce, hard bounce, hard bounced, cleaned, undeliverable",
    COMPLAINED: "complained, complaint, complainer, spam, spam complaint, marked as spam, reported spam, abuse",
    INVALID: "invalid",
    BLOCKED: "manual, suppressed, blocklisted, blacklisted, blocked, banned, removed, deleted, disabled, archived, spammy",
}

#: The words of our own files and of any CSV.
WORDS: dict[str, Consent] = {word: said for said, words in _SAID.items() for word in words.split(", ")}
#: Those of them that say no: where one stands in a column nobody explained, its row is not to be mailed.
NOT_SUBSCRIBED = frozenset(word for word, said in WORDS.items() if said is not YES)


def word_of(text: str) -> str:
    """A status as it is looked up: `Opted-Out`, ` opted_out ` and `opted out` are one."""
    return " ".join(text.casefold().replace("_", " ").replace("-", " ").split())


def read_consent(text: str, words: Mapping[str, Consent] = WORDS) -> Consent:
    """What the cell says; nothing for a blank one. ValueError for a word that is not in `words`."""
    word = word_of(text)
    if not word:
        return Consent()
    said = words.get(word)
    if said is None:
        one_each: dict[Consent, str] = {}  # the first word of each meaning
        for known, meant in words.items():
            one_each.setdefault(meant, known)
        known = ", ".join(one_each.values())
        raise ValueError(f'the status "{shown(text)}" is not known here; known are {known}')
    return said

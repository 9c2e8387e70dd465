"""Add by operator: somebody whose consent is proven elsewhere becomes a confirmed subscriber. Nobody who left comes back so."""

from __future__ import annotations

from datetime import datetime

from email_validator import EmailNotValidError, validate_email

from worker.domain.standing import WORDS, Standing, standing_of
from worker.domain.subscriber import SubscriberStatus
from worker.errors import BroadsheetError, UsageError
from worker.store.engine import Connection, Engine, write
from worker.store.erased import is_kept_out
from worker.store.operator_changes import SOURCE, vouch
from worker.store.referrals import confirm_referral
from worker.store.subscribers import NewSubscriber, add_subscriber, add_tags, by_address_key
from worker.store.suppressions import reason_for
from worker.usecases.find_subscriber import typed_key


def add_by_operator(
    engine: Engine, address: str, consent: str, now: datetime, *, name: str = "", tags: frozenset[str] = frozenset()
) -> bool:
    """Add somebody, or confirm who has signed up and not confirmed; False where they are here and confirmed already.

    Raises UsageError without a consent or an address, BroadsheetError for who left, bounced, complained or was erased.
    """
    if not consent.strip():
        raise UsageError(
            "nobody is added without consent", fix='say what proves it: --consent "asked by mail on 3 May"'
        )
    require_address(address)
    key = typed_key(address)

    def act(connection: Connection) -> bool:
        here = by_address_key(connection, key)
        standing = standing_of(here.status if here else None, reason_for(connection, key))
        if standing is Standing.PENDING and is_kept_out(connection, key):  # anybody may have typed it into the form
            standing = Standing.ERASED
        if standing not in (Standing.UNKNOWN, Standing.PENDING, Standing.CONFIRMED):
            raise BroadsheetError(
                f"this address {WORDS[standing]}",
                fix="they can sign up, and confirm, themselves; nobody else can for them",
            )
        if here is None:
            new = NewSubscriber(address, now, name, source=SOURCE, consent=consent.strip(), tags=tags)
            return add_subscriber(connection, new)[1]
        add_tags(connection, [(here.id, tag) for tag in tags])
        if here.status is not SubscriberStatus.PENDING:
            return False
        confirmed = vouch(connection, here.id, consent.strip(), now)
        confirm_referral(connection, here.id, now)
        return confirmed

    return write(engine, act)


def require_address(address: str) -> None:
    """Raise UsageError for what no mail could reach."""
    try:
        validate_email(address.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as wrong:
        raise UsageError(f"that is no mail address: {wrong}", fix="write it as name@example.com") from None

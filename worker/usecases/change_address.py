"""Change an address: a reader has a new one, and goes on under it with everything they have.

What is on its way goes where it was sent; what is pending goes to the new address, once (`start` in the ledger). The old
address is kept out by its hash, so that no old file makes a second reader of it.
"""

from __future__ import annotations

from datetime import datetime

from worker.domain.address import address_key
from worker.domain.standing import WORDS, Standing
from worker.domain.subscriber import Subscriber
from worker.domain.suppression import SuppressionReason
from worker.errors import BroadsheetError
from worker.providers.suppression_lists import SuppressionLists
from worker.store.engine import Connection, Engine, write
from worker.store.erased import address_hash, forget_erasure, was_given_up
from worker.store.forget import keep_out
from worker.store.known_keys import same_person
from worker.store.merge_referrals import count_once, reward_once
from worker.store.operator_changes import add_consent, carry_opt_out, move_address
from worker.store.subscribers import by_address_key, by_id
from worker.store.suppressions import reason_for
from worker.usecases.add_by_operator import require_address
from worker.usecases.find_subscriber import hold_subscriber, typed_key
from worker.usecases.tell_before_forgetting import tell_before_forgetting


def change_address(
    engine: Engine,
    old: str,
    new: str,
    now: datetime,
    lists: SuppressionLists | None,
    *,
    zone: str = "UTC",
    without_sendgrid: bool = False,
) -> Subscriber:
    """Give the subscriber with the address `old` the address `new`; they as they are then. `zone` is whose days a plan has.

    Raises NobodyThere for an address nobody has, UsageError for what is none, BroadsheetError where the new one is another
    subscriber's or must not be mailed.
    """
    require_address(new)
    old_key, new_key = typed_key(old), typed_key(new)
    if old_key != new_key:
        tell_before_forgetting(engine, old_key, lists, now, without_sendgrid=without_sendgrid)

    def act(connection: Connection) -> Subscriber:
        found = hold_subscriber(connection, old)
        if new_key != found.address_key:
            _require_free(connection, new_key)
            address_hash(connection)
            carry_opt_out(connection, found.id, new_key, now)
        if not move_address(connection, found.id, found.address_key, new.strip()):
            raise _taken()
        if new_key != found.address_key:
            keep_out(connection, found.id, address_key(found.address), now)
            person = same_person(connection, found.id)
            count_once(connection, person, now)
            reward_once(connection, person, zone, now)
            add_consent(connection, found.id, f"address changed by the operator on {now:%Y-%m-%d}")
        moved = by_id(connection, found.id)
        assert moved is not None  # noqa: S101  this transaction holds the row
        return moved

    return write(engine, act)


def _require_free(connection: Connection, key: str) -> None:
    if by_address_key(connection, key) is not None:
        raise _taken()
    reason = reason_for(connection, key)
    if reason is SuppressionReason.ERASED and was_given_up(connection, key):
        forget_erasure(connection, [key])
    elif reason is not None:
        raise BroadsheetError(
            f"the new address {WORDS[Standing(reason.value)]}",
            fix="they can sign up with it, and confirm, themselves; then merge the old record into the new one",
        )


def _taken() -> BroadsheetError:
    return BroadsheetError(
        "another subscriber has the new address", fix="`broadsheet subscribers merge OLD NEW` makes one record of both"
    )

"""Suppressions on both databases: idempotent, the stronger reason wins, and order does not matter."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from worker.domain.subscriber import SubscriberStatus
from worker.domain.suppression import Suppression, SuppressionReason
from worker.store.engine import reading, writing
from worker.store.suppressions import CHUNK, lift, reason_for, reasons_for, suppress
from worker.store.tables import subscribers, suppressions

T = datetime(2026, 11, 16, 7, 0, tzinfo=UTC)
BOUNCED, COMPLAINED, INVALID, MANUAL, UNSUBSCRIBED = (
    SuppressionReason.BOUNCED,
    SuppressionReason.COMPLAINED,
    SuppressionReason.INVALID,
    SuppressionReason.MANUAL,
    SuppressionReason.UNSUBSCRIBED,
)


def one(reason, minutes=0, key="ann@example.com", evidence="operator"):
    return Suppression(key, reason, T + timedelta(minutes=minutes), evidence)


def add_subscriber(engine, address="ann@example.com", status=SubscriberStatus.CONFIRMED):
    with writing(engine) as connection:
        row = {"address": address, "address_key": address, "status": status, "referral_code": address, "joined_at": T}
        connection.execute(insert(subscribers).values(row))


def rows(engine, table, *order):
    """Every row, without whether SendGrid was told of it."""
    columns = [column for column in table.c if column.name != "pushed_at"]
    with reading(engine) as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(*order or columns))]


def subscriber(engine):
    with reading(engine) as connection:
        return connection.execute(select(subscribers.c.status, subscribers.c.unsubscribed_at)).one()


def test_a_suppressed_address_has_a_reason_and_another_has_none(engine):
    with writing(engine) as connection:
        assert suppress(connection, [one(BOUNCED)]) == 1
        assert reason_for(connection, "ann@example.com") is BOUNCED
        assert reason_for(connection, "bob@example.com") is None


def test_suppressing_again_changes_nothing(engine):
    with writing(engine) as connection:
        suppress(connection, [one(BOUNCED)])
        assert suppress(connection, [one(BOUNCED), one(BOUNCED, minutes=5)]) == 0
    assert rows(engine, suppressions) == [("ann@example.com", "bounced", T, "operator")]


def test_every_order_and_grouping_of_the_same_suppressions_ends_the_same(engine):
    add_subscriber(engine)
    found = [one(UNSUBSCRIBED, 1), one(COMPLAINED, 9, evidence="event:b"), one(COMPLAINED, 3, evidence="event:a")]
    ends = set()
    for order in itertools.permutations([*found, one(INVALID, -5)]):
        for cut in range(len(order)):
            with writing(engine) as connection:
                connection.execute(suppressions.delete())
                connection.execute(subscribers.update().values(status=SubscriberStatus.CONFIRMED, unsubscribed_at=None))
                suppress(connection, order[:cut])
                suppress(connection, order[cut:])
            ends.add((*rows(engine, suppressions), subscriber(engine)))
    assert ends == {
        (
            ("ann@example.com", "complained", T + timedelta(minutes=3), "event:a"),
            ("unsubscribed", T + timedelta(minutes=1)),
        )
    }


@pytest.mark.parametrize("reason", [BOUNCED, INVALID, MANUAL])
def test_what_the_reader_did_not_say_leaves_their_status_alone(engine, reason):
    add_subscriber(engine)
    with writing(engine) as connection:
        suppress(connection, [one(reason)])
    assert subscriber(engine) == ("confirmed", None)


@pytest.mark.parametrize("reason", [UNSUBSCRIBED, COMPLAINED])
@pytest.mark.parametrize("status", [SubscriberStatus.CONFIRMED, SubscriberStatus.PENDING])
def test_an_opt_out_unsubscribes(engine, reason, status):
    add_subscriber(engine, status=status)
    with writing(engine) as connection:
        suppress(connection, [one(reason)])
    assert subscriber(engine) == ("unsubscribed", T)


def test_an_erased_subscriber_stays_erased(engine):
    add_subscriber(engine, status=SubscriberStatus.ERASED)
    with writing(engine) as connection:
        suppress(connection, [one(COMPLAINED)])
    assert subscriber(engine) == ("erased", None)


def test_more_addresses_than_one_statement_takes(engine):
    keys = [f"r{number}@example.com" for number in range(2 * CHUNK + 1)]
    with writing(engine) as connection:
        assert suppress(connection, [one(BOUNCED, key=key) for key in keys]) == len(keys)
        assert reasons_for(connection, [*keys, "x@example.com"]) == dict.fromkeys(keys, BOUNCED)
        assert lift(connection, keys) == len(keys)
        assert reasons_for(connection, keys) == {}


def test_lifting_spares_reasons_it_was_not_given(engine):
    with writing(engine) as connection:
        suppress(connection, [one(COMPLAINED), one(UNSUBSCRIBED, key="bob@example.com")])
        assert lift(connection, ["ann@example.com", "bob@example.com"], only=[UNSUBSCRIBED]) == 1
        assert reason_for(connection, "ann@example.com") is COMPLAINED


def test_an_unknown_reason_of_a_later_version_is_not_replaced(engine):
    with writing(engine) as connection:
        row = {"address_key": "ann@example.com", "reason": "court order", "suppressed_at": T, "evidence": "x"}
        connection.execute(insert(suppressions).values(row))
        suppress(connection, [one(COMPLAINED, -60)])
    assert rows(engine, suppressions) == [("ann@example.com", "court order", T, "x")]

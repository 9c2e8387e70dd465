"""Subscribers in the store: added once, never brought back, read as they are."""

from datetime import timedelta

import pytest

from tests.support.makers import JOINED, NOW, make_subscriber, make_subscribers, make_suppression
from worker.domain.subscriber import Plan, SubscriberStatus
from worker.store.engine import reading, writing
from worker.store.subscribers import (
    CODE_ALPHABET,
    NewSubscriber,
    add_subscriber,
    add_subscribers,
    add_tags,
    by_address_key,
    by_id,
    by_referral_code,
    count_confirmed,
    each_subscriber,
    set_status,
    update_subscriber,
)


def test_a_subscriber_comes_back_as_they_were_added(engine):
    with writing(engine) as connection:
        made = make_subscriber(
            connection,
            "paid",
            address=" Zoë@Bücher.Example.com ",
            name="Zoë  Ngata",
            tags={"early", "book club"},
            language="en-NZ",
            zone="Pacific/Auckland",
            country="NZ",
        )
    with reading(engine) as connection:
        found = by_id(connection, made.id)
    assert found == made
    assert found.address == "Zoë@Bücher.Example.com"
    assert found.address_key == "zoë@xn--bcher-kva.example.com"
    assert (found.name, found.plan, found.status) == ("Zoë Ngata", Plan.PAID, SubscriberStatus.CONFIRMED)
    assert found.tags == {"early", "book club"}
    assert found.joined_at == JOINED


def test_the_same_address_in_another_form_is_the_same_subscriber(engine):
    with writing(engine) as connection:
        first = make_subscriber(connection, "paid", address="ada@example.com")
        again, added = add_subscriber(connection, NewSubscriber("ADA@Example.COM.", NOW, name="Somebody else"))
    assert not added
    assert again == first


@pytest.mark.parametrize("status", ["unsubscribed", "pending"])
def test_adding_again_never_changes_a_status(engine, status):
    with writing(engine) as connection:
        left = make_subscriber(connection, status=status)
        again, added = add_subscriber(connection, NewSubscriber(left.address, NOW))
        assert add_subscribers(connection, [NewSubscriber(left.address, NOW, tags=frozenset({"new"}))]) == 0
        assert by_id(connection, left.id) == left == again
    assert not added


def test_somebody_erased_who_had_left_is_not_brought_back_by_a_list(engine):
    with writing(engine) as connection:
        make_suppression(connection, "gone@example.com", "unsubscribed")
        make_suppression(connection, "full@example.com", "bounced")
        gone, _ = add_subscriber(connection, NewSubscriber("gone@example.com", NOW))
        full, _ = add_subscriber(connection, NewSubscriber("full@example.com", NOW))
    assert gone.status is SubscriberStatus.UNSUBSCRIBED
    assert full.status is SubscriberStatus.CONFIRMED  # the suppression alone keeps mail away


def test_two_forms_of_one_address_in_one_list_are_added_once(engine):
    with writing(engine) as connection:
        news = [NewSubscriber("ada@example.com", NOW), NewSubscriber("Ada@EXAMPLE.com", NOW)]
        assert add_subscribers(connection, news) == 1


def test_what_cannot_be_an_address_is_refused_before_anything_is_written(engine):
    with writing(engine) as connection:
        with pytest.raises(ValueError, match="local part"):
            add_subscribers(connection, [NewSubscriber("ada@example.com", NOW), NewSubscriber("nowhere", NOW)])
        assert by_address_key(connection, "ada@example.com") is None


def test_many_are_added_with_codes_of_their_own_and_their_tags(engine):
    with writing(engine) as connection:
        made = make_subscribers(connection, 2_500, tags={"autumn"})
        codes = {one.referral_code for one in made}
        assert len(codes) == 2_500
        assert all(len(code) == 9 and set(code) <= set(CODE_ALPHABET) for code in codes)
        assert all(one.tags == {"autumn"} for one in made)
        assert [one.id for one in each_subscriber(connection)] == sorted(one.id for one in made)
        assert count_confirmed(connection) == 2_500


def test_a_code_that_is_taken_is_drawn_again(engine):
    with writing(engine) as connection:
        taken = make_subscriber(connection).referral_code
        codes = iter(["aaaaaaaa", taken, "bbbbbbbb", "bbbbbbbb", "cccccc00", "dddddd11"])
        news = [NewSubscriber(f"{letter}@example.com", NOW, tags=frozenset({"t"})) for letter in "cd"]
        assert add_subscribers(connection, news, draw=lambda: next(codes)) == 2
        for letter, code in [("c", "CCCCCCOo"), ("d", " ddddddiL ")]:
            found = by_referral_code(connection, code)
            assert found is not None
            assert (found.address, found.tags) == (f"{letter}@example.com", {"t"})


def test_a_long_name_is_kept_cut_with_an_ellipsis(engine):
    with writing(engine) as connection:
        made = make_subscriber(connection, name="x" * 101)
        update_subscriber(connection, made.id, {"name": "y" * 200})
        changed = by_id(connection, made.id)
    assert made.name == "x" * 99 + "…"
    assert changed.name == "y" * 99 + "…"


def test_a_status_changes_once_and_never_after_erasure(engine):
    with writing(engine) as connection:
        made = make_subscriber(connection, status="pending")
        assert set_status(connection, made.id, SubscriberStatus.CONFIRMED, NOW)
        assert not set_status(connection, made.id, SubscriberStatus.CONFIRMED, NOW + timedelta(days=1))
        assert count_confirmed(connection) == 1
        assert set_status(connection, made.id, SubscriberStatus.ERASED, NOW)
        assert not set_status(connection, made.id, SubscriberStatus.CONFIRMED, NOW)
        assert count_confirmed(connection) == 0


def test_tags_are_added_once(engine):
    with writing(engine) as connection:
        made = make_subscriber(connection, tags={"one"})
        assert add_tags(connection, [(made.id, "one"), (made.id, " two "), (made.id, "two"), (made.id, " ")]) == 1
        assert by_id(connection, made.id).tags == {"one", "two"}


def test_only_plain_columns_are_updated(engine):
    with writing(engine) as connection, pytest.raises(ValueError, match="status"):
        update_subscriber(connection, make_subscriber(connection).id, {"status": "confirmed"})

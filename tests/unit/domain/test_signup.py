"""Whose network a sign-up comes from, and under which name it is counted."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.signup import blind, client_network, one_line, read_networks, window

SECRET = "a secret of at least thirty-two letters"


@pytest.mark.parametrize(
    ("peer", "forwarded", "network"),
    [
        ("198.51.100.77", "", "198.51.100.0/24"),
        ("2001:4860:1:2:3::4", "", "2001:4860:1:2::/64"),
        ("::ffff:198.51.100.77", "", "198.51.100.0/24"),
        ("198.51.100.77", "8.8.8.8", "198.51.100.0/24"),  # nobody we know of stands in between
        ("127.0.0.1", "8.8.8.8", "8.8.8.0/24"),
        ("10.0.0.2", "1.1.1.1, 8.8.8.8", "8.8.8.0/24"),  # what stands before was written by the client
        ("10.0.0.2", "1.1.1.1, 8.8.8.8, 10.0.0.9", "8.8.8.0/24"),
        ("10.0.0.2", "1.1.1.1, 9.9.9.9, 104.16.0.1", "9.9.9.0/24"),  # a network of ours, by the settings
        ("10.0.0.2", "1.1.1.1:80, 8.8.8.8:51234", "8.8.8.0/24"),  # some proxies write the port too
        ("10.0.0.2", "[2001:4860:1:2::4]:443", "2001:4860:1:2::/64"),
        ("10.0.0.2", "[2001:4860:1:2::4]", "2001:4860:1:2::/64"),
        ("127.0.0.1", "", "127.0.0.0/24"),
        ("127.0.0.1", "nonsense, <b>", "127.0.0.0/24"),
        ("", "8.8.8.8", ""),
        ("unix:", "", ""),
    ],
)
def test_the_network_is_that_of_the_nearest_who_is_no_proxy(peer, forwarded, network):
    assert client_network(peer, forwarded, read_networks("104.16.0.0/13")) == network


@given(st.text(max_size=60), st.text(max_size=200))
def test_no_header_breaks_the_look_at_a_network(peer, forwarded):
    assert client_network(peer, forwarded, ()) == "" or "/" in client_network(peer, forwarded, ())


def test_what_is_no_network_is_named():
    with pytest.raises(ValueError, match="'cloud'"):
        read_networks("203.0.113.0/24, cloud")


def test_a_count_has_one_name_for_one_thing_under_one_key_and_shows_nothing_of_it():
    name = blind(SECRET, "address", "ada@example.com")
    assert name == blind(SECRET, "address", "ada@example.com")
    assert (
        len({name, blind(SECRET, "network", "ada@example.com"), blind(SECRET + "x", "address", "ada@example.com")}) == 3
    )
    assert len(name) == 32
    assert "ada" not in name


def test_a_window_begins_with_the_hour_or_the_day_and_holds_its_moment():
    at = datetime(2026, 11, 16, 8, 59, 59, 900_000, tzinfo=UTC)
    assert window(at, timedelta(hours=1)) == datetime(2026, 11, 16, 8, tzinfo=UTC)
    assert window(at, timedelta(days=1)) == datetime(2026, 11, 16, tzinfo=UTC)
    assert window(at + timedelta(seconds=0.1), timedelta(hours=1)) == datetime(2026, 11, 16, 9, tzinfo=UTC)


@given(st.text(max_size=300))
def test_what_a_stranger_typed_is_one_line_of_printable_characters(text):
    kept = one_line(text, 50)
    assert len(kept) <= 50
    assert kept == " ".join(kept.split())
    assert not {c for c in kept if ord(c) < 32 or c in "\u202e\u2028\ud800"}

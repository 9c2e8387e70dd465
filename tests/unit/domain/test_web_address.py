"""Web addresses taken apart: none raises, whoever wrote it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.web_address import NOWHERE, taken_apart


@pytest.mark.parametrize(
    "address", ["https://a.example.com[", "http://[::1", "https://a.example.com:99999/", "https://x:port/", "//[", ""]
)
def test_what_cannot_be_taken_apart_is_nowhere(address):
    assert taken_apart(address) == NOWHERE
    assert (NOWHERE.hostname, NOWHERE.port, NOWHERE.path) == (None, None, "")


def test_every_part_of_an_address_can_be_asked_for():
    parts = taken_apart("https://[::1]:8025/a?b#c")
    assert (parts.scheme, parts.hostname, parts.port, parts.path) == ("https", "::1", 8025, "/a")


@given(st.text() | st.text("https://[]:@.1a\u2100", max_size=30))
def test_properties_nothing_raises(address):
    parts = taken_apart(address)
    assert parts.port is None or 0 <= parts.port < 65_536
    assert parts.hostname is None or parts.hostname

"""Address keys: one person, one key, however the address was typed."""

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.address import address_key, referral_key

locals_ = st.text(st.sampled_from(string.ascii_letters + string.digits + "._-'éßøΣ中İ"), min_size=1, max_size=20)
domains = st.sampled_from(
    ["example.com", "Example.ORG", "mail.example.net", "bücher.example.com", "gmail.com", "post.test"]
)
addresses = st.builds("{}@{}".format, locals_, domains)


@given(addresses)
def test_a_key_is_its_own_key(address):
    assert address_key(address_key(address)) == address_key(address)
    assert referral_key(referral_key(address)) == referral_key(address)


@given(addresses)
def test_case_blanks_a_final_dot_and_the_way_accents_are_composed_do_not_matter(address):
    key = address_key(address)
    local, _, domain = address.rpartition("@")
    assert address_key(f"  {address}\t") == key
    assert address_key(f"{address}.") == key
    assert address_key(f"{local}@{domain.upper()}") == key
    assert address_key(unicodedata.normalize("NFD", address)) == key
    assert address_key(address.lower()) == key


@given(addresses)
def test_a_domain_is_kept_in_ascii(address):
    assert address_key(address).rpartition("@")[2].isascii()


@given(addresses)
def test_two_spellings_with_one_address_key_have_one_referral_key(address):
    other = unicodedata.normalize("NFD", address.lower()) + "."
    assert address_key(other) == address_key(address)
    assert referral_key(other) == referral_key(address)


@given(addresses, st.text(string.ascii_lowercase, max_size=8))
def test_what_follows_a_plus_never_makes_a_new_friend_but_does_make_an_address(address, tag):
    local, _, domain = address.rpartition("@")
    tagged = f"{local}+{tag}@{domain}"
    assert referral_key(tagged) == referral_key(address)
    assert address_key(tagged) != address_key(address)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ada.moreno@gmail.com", "adamoreno@googlemail.com", True),
        ("ada.moreno@example.com", "adamoreno@example.com", False),
        ("ada@bücher.example.com", "ADA@xn--bcher-kva.example.com", True),
    ],
)
def test_only_providers_that_ignore_dots_have_them_ignored(one, other, same):
    assert (referral_key(one) == referral_key(other)) is same


@pytest.mark.parametrize("broken", ["", "ada", "@example.com", "ada@", "ada@.", "ada@a..b", f"ada@{'x' * 64}.com"])
def test_what_is_no_address_has_no_key(broken):
    with pytest.raises(ValueError, match=r"local part|ASCII"):
        address_key(broken)


@pytest.mark.parametrize("address", ["+tag@example.com", "...@gmail.com"])
def test_a_local_part_that_is_all_tag_or_all_dots_stays_whole(address):
    assert referral_key(address) == address

"""Signed links: short, bound to their purpose, and refused when anything about them was changed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import LinkError
from worker.render.links import LinkIds, Purpose, Signer, referral_path

SECRET = "an invented secret of more than 32 characters"
SIGNER = Signer(SECRET)
LEFT_AT = datetime(2026, 11, 16, 8, 0, 7, tzinfo=UTC)
ids = st.integers(0, 2**64 - 1)
small = st.integers(0, 2**32 - 1)


def token(path: str) -> str:
    return path.rpartition("/")[2]


@given(ids, ids)
def test_ids_come_back_from_every_kind_of_link(subscriber_id, mailing_id):
    for path, purpose in (
        (SIGNER.unsubscribe_path(subscriber_id, mailing_id), Purpose.UNSUBSCRIBE),
        (SIGNER.manage_path(subscriber_id, mailing_id), Purpose.MANAGE),
        (SIGNER.confirm_path(subscriber_id, mailing_id), Purpose.CONFIRM),
        (SIGNER.friends_path(subscriber_id, mailing_id), Purpose.FRIENDS),
    ):
        assert path.startswith(f"/{purpose}/")
        assert SIGNER.read(token(path), purpose) == LinkIds(subscriber_id, mailing_id)


@given(ids, st.text(st.characters(codec="utf-8"), min_size=1, max_size=50))
def test_a_launch_comes_back_from_its_links(subscriber_id, launch_id):
    for path, purpose in (
        (SIGNER.apply_path(subscriber_id, launch_id), Purpose.APPLY),
        (SIGNER.mute_path(subscriber_id, launch_id), Purpose.MUTE),
    ):
        assert path.startswith(f"/{purpose}/")
        assert SIGNER.read(token(path), purpose) == LinkIds(subscriber_id, launch_id=launch_id)


@given(small, small)
def test_both_links_of_a_reader_are_the_ones_made_singly(subscriber_id, mailing_id):
    assert SIGNER.reader_tokens(subscriber_id, mailing_id) == (
        token(SIGNER.unsubscribe_path(subscriber_id, mailing_id)),
        token(SIGNER.manage_path(subscriber_id, mailing_id)),
    )


@given(small, small)
def test_a_token_is_short_and_needs_no_encoding(subscriber_id, mailing_id):
    made = token(SIGNER.unsubscribe_path(subscriber_id, mailing_id))
    assert len(made) == 28
    assert set(made) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert len(f"<https://letters.example.com/u/{made}>") < 76


@given(ids, st.sampled_from(Purpose), st.sampled_from(Purpose))
def test_a_link_serves_its_own_purpose_only(number, made_for, read_for):
    made = {
        Purpose.UNSUBSCRIBE: SIGNER.unsubscribe_path(number, 5),
        Purpose.MANAGE: SIGNER.manage_path(number, 5),
        Purpose.CONFIRM: SIGNER.confirm_path(number, 5),
        Purpose.APPLY: SIGNER.apply_path(number, "autumn"),
        Purpose.MUTE: SIGNER.mute_path(number, "autumn"),
        Purpose.UNDO: SIGNER.undo_path(number, LEFT_AT),
        Purpose.FRIENDS: SIGNER.friends_path(number, 5),
    }[made_for]
    if made_for is read_for:
        assert SIGNER.read(token(made), read_for).subscriber_id == number
    else:
        with pytest.raises(LinkError):
            SIGNER.read(token(made), read_for)


@given(small, small, st.data())
def test_a_token_with_one_character_changed_is_refused(subscriber_id, mailing_id, data):
    made = token(SIGNER.unsubscribe_path(subscriber_id, mailing_id))
    place = data.draw(st.integers(0, len(made) - 1))
    other = data.draw(st.sampled_from("ABab01-_=%. é").filter(lambda c: c != made[place]))
    with pytest.raises(LinkError):
        SIGNER.read(made[:place] + other + made[place + 1 :], Purpose.UNSUBSCRIBE)


@pytest.mark.parametrize("subscriber_id", [7, 2**40])
def test_a_token_has_one_spelling_only(subscriber_id):
    made = token(SIGNER.unsubscribe_path(subscriber_id, 1))
    for other in (made + "=", made + "==", made + "A", made[:-1], " " + made, made + "\n", made.replace("A", "A=", 1)):
        with pytest.raises(LinkError):
            SIGNER.read(other, Purpose.UNSUBSCRIBE)
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(made[-1])
    neighbours = {made[:-1] + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last ^ 1]}
    for other in neighbours:
        with pytest.raises(LinkError):
            SIGNER.read(other, Purpose.UNSUBSCRIBE)


@given(st.text(max_size=600), st.sampled_from(Purpose))
def test_whatever_is_no_token_of_ours_is_refused_with_one_error(text, purpose):
    with pytest.raises(LinkError) as refused:
        SIGNER.read(text, purpose)
    assert not text.strip() or len(text) < 10 or text not in str(refused.value)


def test_another_secret_reads_nothing():
    with pytest.raises(LinkError):
        Signer(SECRET + "x").read(token(SIGNER.manage_path(1, 2)), Purpose.MANAGE)


def test_what_an_earlier_secret_signed_is_read_and_the_newest_signs():
    newest = Signer("the newest secret, of more than 32 letters", "one in between", SECRET)
    for path, purpose in (
        (SIGNER.unsubscribe_path(7, 8), Purpose.UNSUBSCRIBE),
        (SIGNER.manage_path(7, 8), Purpose.MANAGE),
        (SIGNER.confirm_path(7, 8), Purpose.CONFIRM),
        (SIGNER.friends_path(7, 8), Purpose.FRIENDS),
    ):
        assert newest.read(token(path), purpose) == LinkIds(7, 8)
    made = newest.unsubscribe_path(7, 8)
    assert made == Signer("the newest secret, of more than 32 letters").unsubscribe_path(7, 8)
    with pytest.raises(LinkError):
        SIGNER.read(token(made), Purpose.UNSUBSCRIBE)


def test_a_link_that_takes_a_leaving_back_names_its_moment_to_the_second():
    assert SIGNER.read(token(SIGNER.undo_path(7, LEFT_AT)), Purpose.UNDO) == LinkIds(7, moment=1794816007)


@pytest.mark.parametrize(("subscriber", "mailing", "form"), [(12, 34, ">BII"), (2**33, 34, ">BQQ")])
def test_the_signature_is_keyed_blake2b_over_purpose_and_ids(subscriber, mailing, form):
    key = hmac.digest(SECRET.encode(), b"broadsheet links 1", "sha256")
    sent = struct.pack(form, 1 if form == ">BII" else 2, subscriber, mailing)
    digest = hashlib.blake2b(b"r" + sent, key=key, digest_size=24).digest()
    expected = [base64.urlsafe_b64encode(sent + part).decode().rstrip("=") for part in (digest[:12], digest[12:])]
    assert list(SIGNER.reader_tokens(subscriber, mailing)) == expected


def test_an_empty_secret_signs_nothing():
    with pytest.raises(ValueError, match="secret"):
        Signer("")
    with pytest.raises(ValueError, match="secret"):
        Signer(SECRET, "")


@pytest.mark.parametrize("launch_id", ["", "x" * 201])
def test_a_launch_id_that_does_not_fit_is_an_error(launch_id):
    with pytest.raises(ValueError, match="1 to 200"):
        SIGNER.apply_path(1, launch_id)


def test_a_referral_link_is_the_code_alone():
    assert referral_path("k7Qx2") == "/r/k7Qx2"


NOW = datetime(2026, 11, 16, 8, 0, tzinfo=UTC)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_a_browser_gives_back_the_code_it_was_given(code):
    assert SIGNER.read_code_cookie(SIGNER.code_cookie(code, NOW), NOW + timedelta(days=30)) == code


def test_a_kept_code_is_over_after_thirty_days_and_after_a_replaced_secret_it_is_not():
    kept = SIGNER.code_cookie("q7w2m4kz", NOW)
    assert SIGNER.read_code_cookie(kept, NOW + timedelta(days=30, seconds=1)) == ""
    assert SIGNER.read_code_cookie(kept, NOW - timedelta(hours=1)) == ""
    assert Signer(SECRET + "x", SECRET).read_code_cookie(kept, NOW) == "q7w2m4kz"
    assert Signer(SECRET + "x").read_code_cookie(kept, NOW) == ""


@given(st.text() | st.binary().map(lambda raw: raw.hex()))
def test_whatever_else_a_browser_says_is_no_code(said):
    assert SIGNER.read_code_cookie(said, NOW) == ""


def test_no_link_of_a_readers_is_a_code():
    for path in (SIGNER.friends_path(7, 8), SIGNER.undo_path(7, LEFT_AT), SIGNER.apply_path(7, "autumn")):
        assert SIGNER.read_code_cookie(token(path), NOW) == ""

"""Merge values: escaped for their place, and unable to change anything but their own text."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.referring import make_milestone
from worker.domain.delivery import Recipient
from worker.domain.edition import MergeName, MergeTag, Place
from worker.domain.milestone import Milestone, Reward
from worker.render.links import Purpose, Signer
from worker.render.merge import MergeWriter

BASE = "https://letters.example.com"
SIGNER = Signer("an invented secret of more than 32 characters")
TAG = re.compile(r"-bs[0-9a-z]{2}[htu]-", re.IGNORECASE)
BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

EVERY_TAG = tuple(
    MergeTag(f"-bs{number:02d}{place}-", name, "" if name.endswith("link") else "there", place)
    for number, name in enumerate(MergeName)
    for place in Place
)
NAME_TAGS = {place: f"-bs00{place}-" for place in Place}

hostile_names = st.one_of(
    st.text(),
    st.text(st.sampled_from("<>&\"'{}%-bs0h[]\u202e\u2066\n\r\0\t=/ é漢")),
    st.sampled_from(
        [
            "-bs00h-",
            "-bs02u-x",
            "<b>",
            "<%asm_global_unsubscribe_url%>",
            "{{x}}",
            "\u202egnihton",
            "a\r\nBcc:b",
            "\ud800",
        ]
    ),
)


def make_recipient(name="Zoë Quill", **fields):
    given_fields = {"delivery_id": 5, "subscriber_id": 77, "address": "reader@example.com", "referral_code": "k7Qx2"}
    return Recipient(name=name, **(given_fields | fields))


def write(name="Zoë Quill", tags=EVERY_TAG, **fields):
    """The values as a dict, and the unsubscribe URL."""
    values, unsubscribe = MergeWriter(tags, BASE, SIGNER, mailing_id=9, launch_id="autumn").write(
        make_recipient(name, **fields)
    )
    return json.loads(values), unsubscribe


class Texts(HTMLParser):
    """What a mail client makes of a piece of HTML: its elements, attributes and text."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, attrs))

    def handle_data(self, data):
        self.text += data


@given(hostile_names)
@example("-bs00h-")
@example("-BS00H-")
@example("<%asm_global_unsubscribe_url%>")
def test_no_value_holds_a_merge_tag_or_one_of_sendgrids(name):
    values, unsubscribe = write(name, referral_code="a-bs00h-b")
    for value in [*values.values(), unsubscribe]:
        assert not TAG.search(value)
        assert "<%" not in value


@given(hostile_names)
def test_a_name_in_html_is_text_and_nothing_else(name):
    value = write(name)[0][NAME_TAGS[Place.HTML]]
    around = f'<p title="{value}">Hello {value}, read on</p>'
    found = Texts(around)
    assert [tag for tag, _ in found.elements] == ["p"]
    assert [key for key, _ in found.elements[0][1]] == ["title"]
    assert found.elements[0][1][0][1] == html.unescape(value)
    assert found.text == f"Hello {html.unescape(value)}, read on"


@given(hostile_names)
def test_a_name_in_text_or_a_subject_is_one_line_without_controls(name):
    value = write(name)[0][NAME_TAGS[Place.TEXT]]
    assert value
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029]", value)
    assert not set(value) & BIDI
    value.encode()


@given(hostile_names)
def test_a_name_in_a_url_stays_inside_its_parameter(name):
    values = write(name)[0]
    url = urlsplit(f"https://example.com/s?name={values[NAME_TAGS[Place.URL]]}&next=1#end")
    assert url.fragment == "end"
    assert parse_qs(url.query, strict_parsing=True).keys() == {"name", "next"}
    assert unquote(values[NAME_TAGS[Place.URL]]) or not values[NAME_TAGS[Place.TEXT]]


@given(st.text(st.characters(codec="utf-8", categories=("L", "Nd")), min_size=1))
def test_an_ordinary_name_is_itself_everywhere(name):
    values = write(name)[0]
    assert values[NAME_TAGS[Place.HTML]] == values[NAME_TAGS[Place.TEXT]] == name
    assert unquote(values[NAME_TAGS[Place.URL]]) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Anne-Marie Roy", "Anne-Marie"),
        ("O'Brien", "O&#x27;Brien"),
        ("J.R. Lowe", "J.R."),
        ("Семён", "Семён"),
        ("R&D", "R&amp;D"),
    ],
)
def test_names_with_marks_keep_them(name, shown):
    assert write(name)[0][NAME_TAGS[Place.HTML]] == shown


@pytest.mark.parametrize("name", ["", " ", "\u202e", "\r\n", "\ud800", "\u200e \u200f"])
def test_a_name_with_nothing_to_show_falls_back(name):
    assert {write(name)[0][tag] for tag in NAME_TAGS.values()} == {"there"}


def test_a_fallback_is_escaped_like_a_value():
    tags = [MergeTag(f"-bs00{place}-", MergeName.FIRST_NAME, 'you & "me"', place) for place in Place]
    assert list(write("", tags)[0].values()) == ["you &amp; &quot;me&quot;", 'you & "me"', "you%20%26%20%22me%22"]


def test_every_tag_has_a_value_in_the_editions_order():
    assert list(write()[0]) == [tag.tag for tag in EVERY_TAG]


def test_a_count_of_none_falls_back_where_there_is_a_fallback():
    with_fallback = [MergeTag("-bs00h-", MergeName.REFERRAL_COUNT, "no", Place.HTML)]
    without = [MergeTag("-bs00h-", MergeName.REFERRAL_COUNT, "", Place.HTML)]
    assert write(tags=with_fallback)[0] == {"-bs00h-": "no"}
    assert write(tags=without)[0] == {"-bs00h-": "0"}
    assert write(tags=with_fallback, referral_count=3)[0] == {"-bs00h-": "3"}


MILESTONES = (make_milestone("hat", 2, text="A hat"), make_milestone("month", 4))
AHEAD = [
    MergeTag("-bs00t-", MergeName.REFERRALS_TO_GO, "none", Place.TEXT),
    MergeTag("-bs01h-", MergeName.NEXT_REWARD, "all & sundry", Place.HTML),
]


@pytest.mark.parametrize(
    ("count", "earned", "to_go", "reward"),
    [
        (0, "", "2", "the reward hat"),
        (1, "", "1", "the reward hat"),
        (1, "hat", "3", "the reward month"),  # its threshold was lower once
        (3, "hat", "1", "the reward month"),
        (4, "hat,month", "none", "all &amp; sundry"),
        (9, "", "none", "all &amp; sundry"),
    ],
)
def test_what_comes_next_is_the_nearest_milestone_that_is_not_earned(count, earned, to_go, reward):
    writer = MergeWriter(AHEAD, BASE, SIGNER, 9, None, MILESTONES)
    written = json.loads(writer.write(make_recipient(referral_count=count, milestones=earned))[0])
    assert written == {"-bs00t-": to_go, "-bs01h-": reward}
    assert (writer.counts_referrals, writer.counts_rewards) == (True, True)


@given(hostile_names.filter(str.strip))
def test_the_name_of_a_reward_changes_nothing_but_its_own_text(name):
    milestone = Milestone("hat", 2, name, Reward(text="x"))
    tags = [MergeTag(f"-bs00{place}-", MergeName.NEXT_REWARD, "none", place) for place in Place]
    written = json.loads(MergeWriter(tags, BASE, SIGNER, 9, None, [milestone]).write(make_recipient())[0])
    assert not TAG.search("".join(written.values()))
    assert not set(written["-bs00h-"]) & set('<"')
    assert not set(written["-bs00u-"]) & set('<>"& ')


def test_a_text_that_says_nothing_of_friends_asks_for_nothing_about_them():
    writer = MergeWriter(
        [MergeTag("-bs00u-", MergeName.REWARDS_LINK, "", Place.URL)], BASE, SIGNER, 9, None, MILESTONES
    )
    assert (writer.counts_referrals, writer.counts_rewards) == (False, False)


@pytest.mark.parametrize(
    ("name", "purpose"),
    [
        (MergeName.REWARDS_LINK, Purpose.FRIENDS),
        (MergeName.UNSUBSCRIBE_LINK, Purpose.UNSUBSCRIBE),
        (MergeName.MANAGE_LINK, Purpose.MANAGE),
        (MergeName.APPLY_LINK, Purpose.APPLY),
        (MergeName.MUTE_LINK, Purpose.MUTE),
    ],
)
@given(subscriber_id=st.integers(1, 2**32 - 1))
def test_a_links_value_is_the_readers_own_token_and_needs_no_encoding(name, purpose, subscriber_id):
    values, _ = write(tags=[MergeTag("-bs00u-", name, "", Place.URL)], subscriber_id=subscriber_id)
    token = values["-bs00u-"]
    assert SIGNER.read(unquote(token), purpose).subscriber_id == subscriber_id
    assert html.escape(token) == token
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~%")


def test_the_referral_links_value_is_the_readers_code():
    tags = [MergeTag("-bs00u-", MergeName.REFERRAL_LINK, "", Place.URL)]
    assert write(tags=tags)[0] == {"-bs00u-": "k7Qx2"}
    assert write(tags=tags, referral_code='a "b"-bs')[0] == {"-bs00u-": "a%20%22b%22%2Dbs"}


def test_the_unsubscribe_url_comes_with_every_recipient_even_without_a_tag():
    values, url = write(tags=())
    assert values == {}
    assert SIGNER.read(url.rpartition("/")[2], Purpose.UNSUBSCRIBE).mailing_id == 9


def test_a_token_that_happens_to_hold_the_mark_still_opens():
    writer = MergeWriter(EVERY_TAG, BASE, SIGNER, 9, "autumn")
    for subscriber_id in range(1, 200_000):
        token, _ = SIGNER.reader_tokens(subscriber_id, 9)
        if "-bs" in token:
            break
    else:
        pytest.fail("no token with the mark among 200,000")
    _, url = writer.write(make_recipient(subscriber_id=subscriber_id))
    assert "-bs" not in url
    assert SIGNER.read(unquote(url.rpartition("/")[2]), Purpose.UNSUBSCRIBE).subscriber_id == subscriber_id


def test_a_tag_of_another_form_is_a_bug_and_said_at_once():
    with pytest.raises(ValueError, match="begins with -bs"):
        MergeWriter([MergeTag("{{x}}", MergeName.FIRST_NAME, "", Place.HTML)], BASE, SIGNER, 1, None)


@pytest.mark.parametrize("name", [MergeName.APPLY_LINK, MergeName.MUTE_LINK])
def test_a_launchs_link_without_a_launch_is_said_at_once(name):
    with pytest.raises(ValueError, match="no launch"):
        MergeWriter([MergeTag("-bs00h-", name, "", Place.HTML)], BASE, SIGNER, 1, None)

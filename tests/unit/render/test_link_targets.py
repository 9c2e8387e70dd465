"""Addresses: the author's own, byte for byte, in HTML and in plain text; and what no address may be."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rendering import Read, editions
from worker.domain.subscriber import Plan
from worker.errors import RenderError
from worker.render.targets import encoded

#: All of printable ASCII but what Markdown reads for itself, and braces, which may open a merge tag.
WRITABLE = "".join(c for c in string.ascii_letters + string.digits + string.punctuation if c not in "\\<>{}&*_`")


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example.com/?a=1&b=2&copy=3&lt=4",
        "https://a.example.com/%7Euser/~user/%zz/100%",
        "https://a.example.com/?q=a+b%20c%2B",
        "https://a.example.com/%C3%A9?x=%c3%a9",
        "https://a.example.com/?u=https%3A%2F%2Fb.example.org%2F%3Fx%3D1%26y&z=1#top",
        "https://a.example.com/?u=https://b.example.org/?x=1&y=2",
        "https://a.example.com/?filter[]=1|2^3",
        "https://A.Example.com:8443/;p=1/'x'(y)!$,.",
        "https://user:pw@a.example.com/",
        "https://xn--bcher-kva.example/",
        "HTTPS://A.EXAMPLE.COM",
        "http://a.example.com//x/../y",
        "mailto:ines@example.com?subject=Hi%20there&body=one%0D%0Atwo&cc=a@example.com",
        "tel:+1-555-0100;ext=9",
        "#notes",
    ],
)
def test_an_ascii_address_arrives_as_it_was_typed(url: str) -> None:
    made = editions(f"[words](<{url}>)")[Plan.FREE]
    assert url in [link["href"] for link in Read(made.html).every("a")]
    assert url in made.text.split()


@given(st.text(WRITABLE, min_size=1))
def test_any_ascii_address_is_left_alone(tail: str) -> None:
    assert encoded(f"https://a.example.com/{tail}") == f"https://a.example.com/{tail}"


@settings(deadline=None)  # each is a whole letter
@given(st.text(WRITABLE, min_size=1, max_size=40))
def test_any_ascii_address_reaches_html_and_text_unchanged(tail: str) -> None:
    url = f"https://a.example.com/{tail}"
    made = editions(f"[words](<{url}>)")[Plan.FREE]
    assert url in [link["href"] for link in Read(made.html).every("a")]
    assert url in made.text.split()


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("https://a.example.com/café?q=ü#ñ", "https://a.example.com/caf%C3%A9?q=%C3%BC#%C3%B1"),
        ("https://a.example.com/caf%C3%A9/é", "https://a.example.com/caf%C3%A9/%C3%A9"),
        ("https://a.example.com/👩‍🚀", "https://a.example.com/%F0%9F%91%A9%E2%80%8D%F0%9F%9A%80"),
        ("https://a.example.com/two words", "https://a.example.com/two%20words"),
        ("https://bücher.example/é", "https://xn--bcher-kva.example/%C3%A9"),
        ("https://BÜCHER.example/", "https://xn--bcher-kva.example/"),
        ("https://faß.example/", "https://xn--fa-hia.example/"),
        ("https://例え。テスト/", "https://xn--r8jz45g.xn--zckzah/"),
        ("https://ana:pw@bücher.example:8443/?é", "https://ana:pw@xn--bcher-kva.example:8443/?%C3%A9"),
        ("mailto:zoë@bücher.example", "mailto:zo%C3%AB@b%C3%BCcher.example"),
    ],
)
def test_what_no_address_may_hold_is_encoded_in_one_way(typed: str, sent: str) -> None:
    made = editions(f"[words](<{typed}>)")[Plan.FREE]
    assert sent in [link["href"] for link in Read(made.html).every("a")]
    assert sent in made.text.split()
    assert encoded(sent) == sent


@pytest.mark.parametrize(
    "block", ["::: button {}\nGo\n:::", "::: card {} Go\nHello\n:::", "<{}>", "[![x](https://a.example.com/x.png)]({})"]
)
def test_buttons_cards_and_pictures_keep_addresses_too(block: str) -> None:
    url = "https://a.example.com/?a[]=1&copy=%7e|2#x"
    made = editions(block.replace("{}", url))[Plan.FREE]
    assert url in [link["href"] for link in Read(made.html).every("a")]
    assert url in made.text.split()


def test_an_address_in_angle_brackets_is_shown_as_it_was_typed() -> None:
    url = "https://a.example.com/%7Euser?q=%C3%A9"
    made = editions(f"See <{url}> now.")[Plan.FREE]
    assert url in Read(made.html).text
    assert f"See {url} now." in made.text.replace("\n", " ")


def test_addresses_from_the_front_matter_and_the_publication_are_encoded_in_the_same_way() -> None:
    made = editions("::: question\nWell?\n:::", comments="https://bücher.example/é")[Plan.FREE]
    assert "https://xn--bcher-kva.example/%C3%A9" in made.html
    assert "https://xn--bcher-kva.example/%C3%A9" in made.text


@pytest.mark.parametrize(
    "target",
    [
        "{first_name|x}",
        "{first_name|javascript:alert(1)}",
        "{referral_count}",
        "https://{first_name|x}",
        "https://{first_name|x}.example.com/",
        "https://a.example.com{first_name|x}/",
        "mailto:{first_name|x}@example.com",
        "tel:{referral_count}",
        "/{first_name|x}",
    ],
)
def test_no_reader_decides_where_a_link_leads(target: str) -> None:
    with pytest.raises(RenderError, match="decides where this link leads") as caught:
        editions(f"fine\n\n[words]({target})")
    assert caught.value.line == 3


def test_a_readers_own_link_may_be_continued_and_be_inside_another() -> None:
    html = editions("[a]({referral_link}?from=letter) [b](https://share.example.org/?u={referral_link}&x=1)")[
        Plan.FREE
    ].html
    assert 'href="https://letters.example.com/r/-bs' in html
    assert '-?from=letter"' in html
    assert 'href="https://share.example.org/?u=https%3A%2F%2Fletters.example.com%2Fr%2F-bs' in html


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "JavaScript:x"]
)
def test_a_destination_that_runs_code_is_refused_on_its_own_line(address: str) -> None:
    with pytest.raises(RenderError, match="may not begin with") as caught:
        editions(f"one\n\ntwo\nthree **bold**\nfour [words]({address}) more\nfive")
    assert caught.value.line == 5
    with pytest.raises(RenderError, match="may not begin with"):
        editions(f"::: button {address}\nGo\n:::")


def test_braces_in_an_address_are_explained() -> None:
    with pytest.raises(RenderError, match="is no merge tag") as caught:
        editions("[words](https://a.example.com/{id}/)")
    assert "%7B" in caught.value.fix

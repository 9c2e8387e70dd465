"""UTM parameters: before the fragment, beside an existing query, never twice, and only where they belong."""

from __future__ import annotations

import re

import pytest

from tests.support.rendering import Read, make_facts, make_issue, make_publication, templates
from worker.domain.edition import Edition
from worker.domain.subscriber import Plan
from worker.domain.utm import Utm
from worker.render.edition import render_editions

UTM = Utm("the letter", ("letter.example.com",))
ADDED = "utm_source=the%20letter&utm_medium=email&utm_campaign=test"


def edition(body: str, utm: Utm | None = UTM, message: str = "issue") -> Edition:
    return render_editions(make_issue(body), make_publication(utm=utm), templates(), make_facts(), message)[Plan.FREE]


def hrefs(made: Edition) -> list[str]:
    return [str(link["href"]) for link in Read(made.html).every("a")]


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("https://letter.example.com", f"https://letter.example.com?{ADDED}"),
        ("https://letter.example.com/a", f"https://letter.example.com/a?{ADDED}"),
        ("https://letter.example.com/a#part", f"https://letter.example.com/a?{ADDED}#part"),
        ("https://letter.example.com/a?x=1&y=%7e#p?q", f"https://letter.example.com/a?x=1&y=%7e&{ADDED}#p?q"),
        ("https://letter.example.com/a?", f"https://letter.example.com/a?{ADDED}"),
        ("https://letter.example.com/a?x=1&", f"https://letter.example.com/a?x=1&{ADDED}"),
        ("https://letter.example.com/#/route?x", f"https://letter.example.com/?{ADDED}#/route?x"),
        ("http://www.LETTER.example.com:8080/a", f"http://www.LETTER.example.com:8080/a?{ADDED}"),
        (
            "https://letter.example.com/?utm_source=podcast",
            "https://letter.example.com/?utm_source=podcast&utm_medium=email&utm_campaign=test",
        ),
        ("https://letter.example.com/?UTM%5Fsource=a&utm_medium=b&utm_campaign=", None),
        ("https://letter.example.com/?my_utm_source=1", f"https://letter.example.com/?my_utm_source=1&{ADDED}"),
        ("https://other.example.org/a", None),
        ("https://notletter.example.com/a", None),
        ("https://letter.example.com.evil.example/a", None),
        ("https://letter.example.com@evil.example/a", None),
        ("mailto:a@letter.example.com?subject=x", None),
        ("tel:+15550100", None),
        ("#part", None),
    ],
)
def test_parameters_stand_where_they_belong_and_nothing_else_changes(typed: str, sent: str | None) -> None:
    made = edition(f"[words](<{typed}>)")
    assert (sent or typed) in hrefs(made)
    assert (sent or typed) in made.text.split()


def test_a_merge_value_in_the_address_keeps_its_place() -> None:
    made = edition(
        "[a](https://letter.example.com/?n={first_name|x}#p{first_name|x}) [b](https://letter.example.com/{first_name|x})"
    )
    own = [href for href in hrefs(made) if "utm_source" in href and "-bs" in href]
    assert re.fullmatch(rf"https://letter\.example\.com/\?n=-bs\d\du-&{ADDED}#p-bs\d\du-", own[0])
    assert re.fullmatch(rf"https://letter\.example\.com/-bs\d\du-\?{ADDED}", own[1])


def test_readers_own_links_are_never_counted_even_on_the_publications_own_domain() -> None:
    body = (
        "[leave]({unsubscribe_link}) [choose]({manage_link}) [invite]({referral_link}) [apply]({apply_link}) "
        "[mine](https://letters.example.com/r/k7) [share](https://letter.example.com/?u={referral_link})\n\n::: refer :::"
    )
    made = edition(body, Utm("x", ("example.com",)))
    assert not [href for href in hrefs(made) if "utm_" in href and re.search(r"/[umra]/|%2Fr%2F", href)]
    assert [href for href in hrefs(made) if "utm_" in href] == [
        "https://letter.example.com?utm_source=x&utm_medium=email&utm_campaign=test"
    ] * len([href for href in hrefs(made) if "utm_" in href])


def test_buttons_and_the_publications_links_are_counted_too() -> None:
    made = edition("::: button https://letter.example.com/b Go :::\n\n::: share :::")
    assert f"https://letter.example.com/b?{ADDED}" in hrefs(made)
    assert f"https://letter.example.com/share?a=1&b=2&{ADDED}" in hrefs(made)
    assert f"https://letter.example.com/share?a=1&b=2&{ADDED}" in made.text


def test_a_publication_that_asks_for_none_gets_none_and_so_does_mail_about_an_account() -> None:
    assert "utm_" not in edition("[a](https://letter.example.com/)", None).html
    assert "utm_" not in edition("[a](https://letter.example.com/)", message="notice").html


def test_the_campaign_may_hold_the_slug_or_be_fixed() -> None:
    fixed = edition("[a](https://letter.example.com/)", Utm("x", ("letter.example.com",), campaign="weekly-{slug}"))
    assert "utm_campaign=weekly-test" in fixed.text

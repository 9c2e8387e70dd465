"""Links after click tracking: they lead where the author's did, byte for byte, and readers' own links are left alone."""

from __future__ import annotations

import http.client
import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

import orjson
import pytest

from tests.support.mailroom import Sender, messages
from tests.support.rendering import editions
from worker.domain.delivery import Recipient
from worker.domain.subscriber import Plan
from worker.providers.base import Addressee, Mailbox, Submission
from worker.providers.sendgrid_payload import build_payload
from worker.render.links import Signer
from worker.render.merge import MergeWriter

BASE_URL = "https://letters.example.com"
READER = Recipient(7, 4711, "reader@example.com", "Noor van der Berg", "k7wq2m", referral_count=2)
TRACKED = [
    "https://a.example.com/?a=1&b=2&copy=3#part-2",
    "https://a.example.com/~user/%7Euser",
    "https://a.example.com/caf%C3%A9?q=%c3%a9",
    "https://a.example.com/?q=a+b%20c%2Bd",
    "https://a.example.com/?next=https%3A%2F%2Fb.example.org%2F%3Fx%3D1%26y%3D2&z=3",
    "https://a.example.com/?next=https://b.example.org/?x=1&href=https://c.example.net/",
    "https://a.example.com/?filter[]=1&sort=|x",
    "https://a.example.com/(bracket)/[1].",
    "https://a.example.com/100%",
    "https://A.Example.com:8443/;p=1?#/route?x",
    "https://xn--bcher-kva.example/",
    "http://a.example.com/'quoted'!",
]
UNTOUCHED = ["mailto:ines@example.com?subject=Hi%20there&body=a%0D%0Ab", "tel:+1-555-0100"]


class Anchors(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.hrefs.append(dict(attrs).get("href") or "")


def sent(room, body, *, clicks=True, text=False, launch_id=None):
    """A letter of that body as one reader of the mailroom gets it, with click tracking as asked."""
    edition = editions(body)[Plan.FREE]
    values, leave = MergeWriter(edition.merge_tags, BASE_URL, Signer("s" * 32), 3, launch_id).write(READER)
    payload = build_payload(
        Submission(
            key="1",
            sender=Mailbox("ines@letters.example.com", "Inés"),
            reply_to="",
            subject=edition.subject,
            html=edition.html,
            text=edition.text,
            list_id="letters.example.com",
            addressees=[Addressee(7, READER.address, values, leave)],
        )
    )
    request = orjson.loads(payload)
    assert request["tracking_settings"]["click_tracking"] == {"enable": False, "enable_text": False}
    request["tracking_settings"]["click_tracking"] = {"enable": clicks, "enable_text": text}
    sender = Sender(room)
    assert sender.post(request)[0] == 202
    sender.connection.close()
    (message,) = messages(room)
    return message


def location_of(room, href):
    """Where a tracked link leads, as the bytes of the answer's header."""
    parts = urlsplit(href)
    connection = http.client.HTTPConnection(parts.hostname, parts.port)
    connection.request("GET", f"{parts.path}?{parts.query}")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 302
    return answer.getheader("Location")


def test_a_tracked_link_leads_to_the_very_bytes_the_author_wrote(mailroom):
    message = sent(mailroom, "\n\n".join(f"[words {at}](<{url}>)" for at, url in enumerate(TRACKED + UNTOUCHED)))
    hrefs = Anchors(message["html"]).hrefs
    tracked = [href for href in hrefs if href.startswith(mailroom.url)]
    led = [location_of(mailroom, href) for href in tracked]
    assert [url for url in led if url in TRACKED] == TRACKED
    assert [href for href in hrefs if href in UNTOUCHED] == UNTOUCHED
    for url in TRACKED + UNTOUCHED:
        assert url in message["text"].split()


def test_a_merge_value_in_an_address_survives_and_is_not_tracked(mailroom):
    message = sent(mailroom, "[words](https://a.example.com/?n={first_name|you}&m=1#x)")
    assert "https://a.example.com/?n=Noor&m=1#x" in Anchors(message["html"]).hrefs


@pytest.mark.parametrize(
    "body",
    [
        "[leave]({unsubscribe_link}) [choose]({manage_link}) [invite]({referral_link}) [apply]({apply_link})",
        "::: button {unsubscribe_link}\nleave\n:::\n\n::: button {referral_link} Invite\n:::",
        "::: card {referral_link} Invite\nHello\n:::\n\n::: refer\nHello\n:::",
        "[![invite](https://a.example.com/x.png)]({referral_link})",
        "[mine](https://letters.example.com/r/k7wq2m) <https://letters.example.com/u/some-token>",
        "| a |\n|---|\n| [leave]({unsubscribe_link}) |",
        "[pass on](https://share.example.org/?u={referral_link}) [tagged]({referral_link}?from=letter)",
    ],
)
def test_links_of_a_readers_own_are_never_tracked_wherever_they_stand(mailroom, body):
    message = sent(mailroom, body, launch_id="groups")
    own = re.compile(r"https?(://|%3A%2F%2F)letters\.example\.com(/|%2F)[umra](/|%2F)")
    found = [href for href in Anchors(message["html"]).hrefs if href.startswith(mailroom.url)]
    assert not [href for href in found if own.search(location_of(mailroom, href))]
    assert len([href for href in Anchors(message["html"]).hrefs if own.search(href)]) >= 3


def test_nothing_is_rewritten_unless_the_request_asks_for_it(mailroom):
    message = sent(mailroom, "[words](https://a.example.com/?a=1&b=2)", clicks=False)
    assert "https://a.example.com/?a=1&b=2" in Anchors(message["html"]).hrefs
    assert mailroom.url not in message["html"] + message["text"]


def test_plain_text_is_rewritten_only_where_that_is_asked_for_too(mailroom):
    message = sent(mailroom, "[words](https://a.example.com/?a=1&b=2)", text=True)
    (tracked,) = [
        word
        for word in message["text"].split()
        if word.startswith(mailroom.url) and location_of(mailroom, word) == "https://a.example.com/?a=1&b=2"
    ]
    assert tracked


def test_a_redirect_of_another_making_leads_nowhere(mailroom):
    host = urlsplit(mailroom.url)
    for token in ("", "%25", "amF2YXNjcmlwdDoxMjM", "aHR0cHM6Ly9hLmV4YW1wbGUuY29tDQpYOiB5"):
        connection = http.client.HTTPConnection(host.hostname, host.port)
        connection.request("GET", f"/ls/click?upn={token}")
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status == 404


def test_the_redirect_answers_this_machine_alone(mailroom):
    host = urlsplit(mailroom.url)
    connection = http.client.HTTPConnection(host.hostname, host.port)
    connection.request("GET", "/ls/click?upn=aHR0cHM6Ly9hLmV4YW1wbGUuY29t", headers={"Host": "rebound.example"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 421

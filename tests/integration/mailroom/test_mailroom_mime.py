"""A message as the file that would travel: names, subjects and headers come out of any mail reader as they went in."""

from email import message_from_bytes
from email.policy import default

import pytest

from tests.support.mail_requests import request, row

LINK = "https://letters.example.com/u/" + "Ab9-_" * 30


def as_file(sender, **changes):
    sender.post(request(rows=1, **changes))
    status, headers, body = sender.ask("GET", "/messages/1.eml")
    assert status == 200
    assert headers["Content-Type"] == "message/rfc822"
    return body, message_from_bytes(body, policy=default)


@pytest.mark.parametrize(
    "name",
    [
        "Inés Okafor",
        "Okafor, Inés",
        'The "Long" Take',
        "The Long Take, Inc.",
        "漢字レター",
        "👩🏽‍🌾 Letters",
        "a\\b",
        "A (b) <c@example.net>",
        "=?utf-8?q?x?=",
    ],
)
def test_a_from_name_is_one_name_whatever_it_holds(sender, name):
    body, mail = as_file(sender, **{"from_": {"email": "ines@letters.example.com", "name": name}})
    (mailbox,) = mail["From"].addresses
    assert (mailbox.display_name, mailbox.addr_spec) == (name, "ines@letters.example.com")
    assert body.partition(b"\r\n\r\n")[0].isascii()


@pytest.mark.parametrize(
    "subject",
    [
        "Plain",
        "Zoë & “you” <b>",
        "Ünï " * 40,
        "漢" * 120,
        "👩🏽‍🌾 and friends",
        "Long " * 40,
        "it's =?utf-8?q?not?= encoded",
    ],
)
def test_a_subject_is_read_as_it_was_written(sender, subject):
    body, mail = as_file(sender, subject=subject.strip())
    head = body.partition(b"\r\n\r\n")[0]
    assert mail["Subject"] == subject.strip()
    assert head.isascii()
    assert max(map(len, head.split(b"\r\n"))) <= 998


def test_no_value_begins_another_header(sender):
    _, mail = as_file(
        sender, subject="For -n-", personalizations=[row(substitutions={"-n-": "a\r\nBcc: b@example.com\u2028c"})]
    )
    assert mail["Bcc"] is None
    assert mail["Subject"] == "For a Bcc: b@example.com c"


def test_a_long_link_in_a_header_stays_one_link(sender):
    headers = {"List-Unsubscribe": f"<{LINK}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    body, mail = as_file(sender, personalizations=[row(headers=headers)])
    assert mail["List-Unsubscribe"] == f"<{LINK}>"
    assert LINK.encode() in body
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_both_parts_arrive_as_they_were_and_say_their_charset(sender):
    content = [{"type": "text/plain", "value": "Zoë\n漢\n"}, {"type": "text/html", "value": "<p>Zo\u00eb</p>\n"}]
    _, mail = as_file(sender, content=content)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert (text.get_content().replace("\r\n", "\n"), text.get_content_charset()) == ("Zoë\n漢\n", "utf-8")
    assert (html.get_content().replace("\r\n", "\n"), html.get_content_charset()) == ("<p>Zoë</p>\n", "iso-8859-1")


def test_the_page_quotes_a_name_with_a_comma(sender):
    sender.post(request(rows=1, **{"from_": {"email": "ines@example.com", "name": 'Okafor, "Inés"'}}))
    page = sender.ask("GET", "/messages/1")[2].decode()
    assert "&quot;Okafor, \\&quot;Inés\\&quot;&quot; &lt;ines@example.com&gt;" in page
    assert 'href="/messages/1.eml"' in page

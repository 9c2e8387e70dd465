"""The inbox for people, and that a message cannot do anything in it."""

import time

import pytest

from tests.support.mail_requests import NOW, request, row


def get(sender, path):
    status, headers, body = sender.ask("GET", path)
    return status, headers, body.decode()


def test_an_empty_inbox_says_so(sender):
    status, _, page = get(sender, "/")
    assert status == 200
    assert "No mail yet" in page
    assert "0 messages" in page


def test_the_newest_message_is_first_and_pages_follow(sender):
    sender.post(request(rows=120))
    _, _, first = get(sender, "/")
    assert first.index("reader119@") < first.index("reader118@")
    assert "Page 1 of 3" in first
    assert "reader69@" not in first
    _, _, last = get(sender, "/?page=3")
    assert "reader0@" in last
    assert get(sender, "/?page=99")[0] == get(sender, "/?page=x")[0] == 200


def test_a_search_finds_an_address_and_says_when_there_is_none(sender):
    sender.post(request(rows=120))
    _, _, found = get(sender, "/?to=READER7@")
    assert "1 message found" in found
    assert "reader7@" in found
    assert "No mail to an address with" in get(sender, "/?to=nobody")[2]
    assert 'value="&quot;&gt;&lt;script&gt;"' in get(sender, "/?to=%22%3E%3Cscript%3E")[2]


def test_a_message_is_shown_with_its_headers_and_text(sender):
    sender.post(request(rows=1, reply_to={"email": "reply@example.com"}))
    _, _, page = get(sender, "/messages/1")
    for part in (
        "Hello Zoë",
        "Letters &lt;letters@example.com&gt;",
        "reply@example.com",
        "List-Unsubscribe",
        "bs_delivery",
    ):
        assert part in page
    assert 'src="/messages/1/html"' in page


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>"


def test_a_hostile_message_stays_in_its_frame(sender):
    sender.post(
        request(
            subject=HOSTILE,
            from_={"email": "a@example.com", "name": HOSTILE},
            content=[{"type": "text/plain", "value": HOSTILE}, {"type": "text/html", "value": HOSTILE}],
            personalizations=[row(headers={"X-A": HOSTILE}, custom_args={"a": HOSTILE})],
        )
    )
    for path in ("/", "/messages/1"):
        _, headers, page = get(sender, path)
        assert "<script" not in page
        assert "<img" not in page
        assert "script-src" not in headers["Content-Security-Policy"]
        assert "default-src 'none'" in headers["Content-Security-Policy"]
    _, headers, html = get(sender, "/messages/1/html")
    assert html.endswith(HOSTILE)
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("sandbox ")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_links_of_a_message_open_beside_it(sender):
    html = "<html><HEAD lang=en><title>x</title></head><body><a href='https://example.com'>x</a></body></html>"
    sender.post(request(rows=1, content=[{"type": "text/html", "value": html}]))
    assert '<HEAD lang=en><base target="_blank"><title>' in get(sender, "/messages/1/html")[2]


@pytest.mark.parametrize("path", ["/messages/1", "/messages/0", "/messages/x", "/messages/1/html", "/../etc/passwd"])
def test_what_is_not_there_is_404(sender, path):
    status, _, page = get(sender, path)
    assert status == 404
    assert "Not here" in page


def test_thousands_of_messages_list_at_once(mailroom, sender):
    html = "<p>x</p>" * 5_000
    kept = request(rows=5, content=[{"type": "text/html", "value": html}])
    for _ in range(1_000):
        mailroom.inbox.keep(
            {"to": row_["to"][0]["email"], "from": "a@example.com", "from_name": "", "subject": "s", "html": html,
             "accepted_at": NOW}
            for row_ in kept["personalizations"]
        )  # fmt: skip
    get(sender, "/")
    begun = time.perf_counter()
    _, _, page = get(sender, "/?to=reader3@")
    assert "1,000 messages found" in page
    assert time.perf_counter() - begun < 1.0  # a fiftieth of what reading the file would take

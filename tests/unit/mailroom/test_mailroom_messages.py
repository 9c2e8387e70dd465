"""What a reader would get from a request."""

from tests.support.mail_requests import NOW, request, row
from worker.mailroom.message import deliveries, expand, recipients


def messages(body):
    return list(expand(body, "id1", NOW))


def test_values_are_put_into_subject_reply_to_html_and_text_and_nowhere_else():
    [message] = messages(
        request(
            subject="Hi -x-",
            content=[{"type": "text/plain", "value": "t -x-"}, {"type": "text/html", "value": "<p>-x-</p>"}],
            reply_to={"email": "-x-@example.com"},
            headers={"X-One": "-x-"},
            personalizations=[row(substitutions={"-x-": "Zoë"}, custom_args={"arg": "-x-"}, headers={"X-Two": "-x-"})],
        )
    )
    assert (message["subject"], message["text"], message["html"]) == ("Hi Zoë", "t Zoë", "<p>Zoë</p>")
    assert message["reply_to"] == "Zoë@example.com"
    assert message["headers"] == {"X-One": "-x-", "X-Two": "-x-"}
    assert message["custom_args"] == {"bs_submission": "abc", "arg": "-x-"}


def test_a_block_wins_over_the_message_and_objects_are_merged():
    [message] = messages(
        request(
            headers={"X-A": "message", "X-B": "message"},
            custom_args={"a": "message", "b": "message"},
            send_at=5,
            personalizations=[
                row(
                    subject="own",
                    from_={"email": "own@example.com", "name": "Own"},
                    headers={"X-B": "own"},
                    custom_args={"b": "own"},
                    send_at=6,
                )
            ],
        )
    )
    assert (message["subject"], message["from"], message["from_name"]) == ("own", "own@example.com", "Own")
    assert message["headers"] == {"X-A": "message", "X-B": "own"}
    assert message["custom_args"] == {"a": "message", "b": "own"}
    assert message["send_at"] == 6


def test_everybody_gets_one_message_in_order():
    body = request(
        personalizations=[
            row(0, cc=[{"email": "c@example.com"}], bcc=[{"email": "b@example.com", "name": "B"}]),
            row(1),
        ]
    )
    found = messages(body)
    assert [(one["to"], one["as"], one["number"]) for one in found] == [
        ("reader0@example.com", "to", 0),
        ("c@example.com", "cc", 0),
        ("b@example.com", "bcc", 0),
        ("reader1@example.com", "to", 1),
    ]
    assert sorted(one["to"] for one in found) == sorted(recipients(body))
    assert {one["submission"] for one in found} == {"abc"}


def test_a_delivery_id_is_read_from_the_block_or_else_from_the_message():
    rows = [row(0), row(1, custom_args=...), row(2, custom_args={"other": "x"})]
    assert deliveries(request(personalizations=rows)) == ["0"]
    assert deliveries(request(custom_args={"bs_delivery": "9"}, personalizations=rows)) == ["0", "9", "9"]

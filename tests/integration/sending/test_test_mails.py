"""Test mails: marked, with real merge values if asked, and with links that work for nobody."""

import pytest

from tests.support.mailroom import messages
from tests.support.makers import NOW, make_subscriber
from tests.support.sending import PROJECT, SAMPLE, submit
from worker import sources
from worker.domain.subscriber import Plan
from worker.errors import UsageError
from worker.render.links import Purpose
from worker.store.engine import reading, writing
from worker.store.subscribers import by_id
from worker.usecases.plan_mailing import plan_mailing
from worker.usecases.send_test import send_test


def send(context, **given):
    asked = {"to": "me@example.org", "as_address": None, "plans": list(Plan), "now": NOW}
    for due in send_test(context.engine, sources.read_issue(PROJECT, SAMPLE), **(asked | given)):
        plan_mailing(context.engine, due.mailing_id, context.prepare, NOW)
        submit(context, due.mailing_id)


def test_both_editions_arrive_marked_as_tests(context, mailroom):
    send(context)
    issue = sources.read_issue(PROJECT, SAMPLE)
    assert [one["to"] for one in messages(mailroom)] == ["me@example.org"] * 2
    assert {one["subject"] for one in messages(mailroom)} == {f"[TEST] {words}" for words in issue.subject.values()}


def test_a_test_with_a_readers_values_cannot_unsubscribe_that_reader(context, mailroom):
    with writing(context.engine) as connection:
        reader = make_subscriber(connection, name="Odell Carrow", address="odell@example.net")
    send(context, as_address="Odell@Example.net", plans=[Plan.FREE])
    (one,) = messages(mailroom)
    assert one["to"] == "me@example.org"
    assert "Good morning Odell" in one["text"]
    assert "odell@example.net" not in str(one)
    token = one["headers"]["List-Unsubscribe"].strip("<>").rpartition("/u/")[2]
    subscriber_id = context.signer.read(token, Purpose.UNSUBSCRIBE).subscriber_id
    assert subscriber_id != reader.id
    with reading(context.engine) as connection:
        assert by_id(connection, subscriber_id) is None


def test_the_same_test_may_be_sent_again(context, mailroom):
    send(context, plans=[Plan.PAID])
    send(context, plans=[Plan.PAID])
    assert len(messages(mailroom)) == 2


@pytest.mark.parametrize(
    "given", [{"to": "nonsense"}, {"as_address": "nobody@example.com"}, {"as_address": "nonsense"}]
)
def test_a_test_with_an_address_of_no_use_says_so_and_sends_nothing(context, mailroom, given):
    with pytest.raises(UsageError):
        send(context, **given)
    assert messages(mailroom) == []

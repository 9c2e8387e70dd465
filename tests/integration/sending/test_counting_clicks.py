"""Links lead through SendGrid where the author asks for clicks, and nowhere else; a reader's own links never do."""

import pytest

from tests.support.mailroom import messages
from tests.support.makers import make_subscriber
from tests.support.sending import BASE_URL, broadcast_sample, submit
from worker.domain.mailing import KINDS, MailingKind
from worker.store.engine import writing


@pytest.mark.parametrize("asked", [True, False])
def test_links_of_a_letter_are_counted_where_they_are_asked_for(make_context, mailroom, asked):
    context = make_context(mailroom.url, count_clicks=asked)
    with writing(context.engine) as connection:
        make_subscriber(connection)
    submit(context, broadcast_sample(context))
    [one] = messages(mailroom)
    assert ("/ls/click" in one["html"]) == asked
    assert "/ls/click" not in one["text"]
    for own in ("/u/", "/r/"):
        assert f'href="{BASE_URL}{own}' in one["html"]


def test_mail_about_an_account_is_none_of_those():
    counted = {kind for kind, rules in KINDS.items() if rules.preferences}
    assert counted == {MailingKind.BROADCAST, MailingKind.STEP, MailingKind.REWARD}
